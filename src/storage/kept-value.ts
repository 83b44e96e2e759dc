import { keptText } from '../kernel/read-model.ts';

/** A value that no column can hold, whatever the engine. */
export class UnkeptValue extends TypeError {
  override readonly name = 'UnkeptValue';
  constructor(value: unknown) {
    super(`A column cannot hold a value of type ${typeof value}.`);
  }
}

/**
 * What an engine keeps of a column's value.
 * @throws UnkeptValue
 */
export function keptValue(value: unknown): string | number | boolean | null {
  if (typeof value === 'string') return keptText(value);
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  if (value === undefined || value === null) return null;
  throw new UnkeptValue(value);
}
