import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { join } from 'node:path';
import { temporaryDirectory } from '../src/testing/directory.ts';

const directory = temporaryDirectory();
afterAll(directory.remove);

const unsafe = {
  'exponential.ts': 'export const names = /^(?:[a-z]+)+$/;',
  'polynomial.js': "export const trimmed = (text) => text.replace(/\\s+$/, '');",
  'made.ts': "export const spaces = new RegExp('( +)+x', 'u');",
  'schema.ts': "export const Name = Type.String({ pattern: '^(a|a)*$' });",
  'template.ts': 'export const at = (host: string) => RegExp(`^((?:${host})+)+$`);',
  'unknown.ts': 'export const any = (text: string) => new RegExp(text);',
};
const safe = `
export const id = /^[0-9a-f]{8}-[0-9a-f]{4}$/u;
export const Day = Type.String({ pattern: '^\\\\d{4}-\\\\d\\\\d$', description: '(a+)+$' });
// /(a+)+$/ in a comment, and one in a text:
export const text = '/(a+)+$/';
`;

let output: string;
let exitCode: number;

const check = async (...names: readonly string[]) => {
  const files = names.map((name) => join(directory.path, name));
  const command = [process.execPath, join(import.meta.dir, 'regular-expressions.ts'), ...files];
  const child = Bun.spawn(command, { stdout: 'pipe', stderr: 'inherit' });
  return { output: await child.stdout.text(), exitCode: await child.exited };
};

beforeAll(async () => {
  for (const [name, text] of Object.entries({ ...unsafe, 'safe.ts': safe })) {
    await Bun.write(join(directory.path, name), text);
  }
  ({ output, exitCode } = await check(...Object.keys(unsafe), 'safe.ts'));
});

describe('the check of regular expressions', () => {
  test.each(Object.keys(unsafe))('refuses that in %s, and names its place', (name) => {
    expect(output).toContain(`${name}:1: `);
  });

  test('fails', () => {
    expect(exitCode).toBe(1);
  });

  test('takes those that are safe, and no text for one', async () => {
    expect(output).not.toContain('safe.ts:');
    expect(await check('safe.ts')).toEqual({
      output: '2 regular expressions, 0 of them unsafe.\n',
      exitCode: 0,
    });
  });
});
