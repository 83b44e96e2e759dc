/** A password from standard input: typed without showing it, or the first line of what is piped in. */
export async function readPassword(prompt: string): Promise<string> {
  if (!process.stdin.isTTY) return (await Bun.stdin.text()).split(/\r?\n/, 1)[0] ?? '';
  process.stderr.write(prompt);
  process.stdin.setRawMode(true);
  process.stdin.resume();
  try {
    return await typed();
  } finally {
    process.stdin.setRawMode(false);
    process.stdin.pause();
    process.stderr.write('\n');
  }
}

const [enter, newLine, interrupt, backspace, erase] = ['\r', '\n', '\u0003', '\u007f', '\b'];

function typed(): Promise<string> {
  return new Promise((resolve) => {
    let characters: string[] = [];
    const onData = (chunk: Buffer) => {
      for (const character of chunk.toString()) {
        if (character === interrupt) process.exit(130);
        if (character === enter || character === newLine) {
          process.stdin.off('data', onData);
          resolve(characters.join(''));
          return;
        }
        if (character === backspace || character === erase) characters = characters.slice(0, -1);
        else characters.push(character);
      }
    };
    process.stdin.on('data', onData);
  });
}
