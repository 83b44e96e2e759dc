const quote = 0x22;
const backslash = 0x5c;
/** `{` and `[` differ from `}` and `]` by two, and from each other by this bit. */
const caseBit = 0x20;
const open = 0x7b;
const close = 0x7d;

/** Whether JSON text nests deeper than `max`; read before parsing, so that depth costs nothing. */
export function isDeeperThan(text: string, max: number): boolean {
  let depth = 0;
  let isString = false;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (isString) {
      if (code === backslash) index += 1;
      else if (code === quote) isString = false;
    } else if (code === quote) isString = true;
    else if ((code | caseBit) === open) {
      depth += 1;
      if (depth > max) return true;
    } else if ((code | caseBit) === close) depth -= 1;
  }
  return false;
}
