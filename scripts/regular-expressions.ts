// Looks for regular expressions that take ever longer the more they are given: each in the source is analysed
// by recheck, in its edition that needs nothing but JavaScript.
import { join, relative } from 'node:path';
import { parseSync } from 'oxc-parser';
import { commandLine, root, runCommandLine } from './command-line.ts';

process.env['RECHECK_BACKEND'] = 'pure';
const { checkSync } = await import('recheck');

type Expression = { readonly source: string; readonly flags: string };
type Found = { readonly file: string; readonly line: number; readonly expression?: Expression };
type Node = { readonly type: string; readonly start: number } & Readonly<Record<string, unknown>>;

const sources = '{src,scripts,examples}/**/*.{ts,js,mjs}';
const timeoutMs = 20_000;
const judged = new Map<string, string | undefined>();

const program = commandLine(
  'regular-expressions',
  'Looks for regular expressions that backtrack without bound.',
).argument('[files...]', 'files; all of the source if there are none');

await runCommandLine(program, async () => {
  const files = program.args.length > 0 ? program.args : await allSources();
  const found = (await Promise.all(files.map(expressionsIn))).flat();
  const problems = found.flatMap((one) => problemOf(one) ?? []);
  for (const problem of problems) console.log(problem);
  console.log(`${found.length} regular expressions, ${problems.length} of them unsafe.`);
  return problems.length === 0 ? 0 : 1;
});

async function allSources(): Promise<string[]> {
  const paths = await Array.fromAsync(new Bun.Glob(sources).scan(root));
  return paths
    .filter((path) => !path.endsWith('.test.ts'))
    .toSorted()
    .map((path) => join(root, path));
}

async function expressionsIn(file: string): Promise<Found[]> {
  const text = await Bun.file(file).text();
  const { program, errors } = parseSync(file, text);
  if (errors[0]) throw new Error(`${file}: ${errors[0].message}`);
  const found: Found[] = [];
  walk(program as unknown as Node, (node) => {
    const expression = expressionOf(node);
    if (expression === undefined) return;
    const line = text.slice(0, node.start).split('\n').length;
    found.push({
      file: relative(root, file),
      line,
      ...(expression !== 'computed' && { expression }),
    });
  });
  return found;
}

function walk(node: Node, visit: (node: Node) => void): void {
  visit(node);
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (typeof (child as Node | null)?.type === 'string') walk(child as Node, visit);
    }
  }
}

/** A literal, `RegExp(…)`, or the `pattern` of a schema; `computed` where its text is not in the source. */
function expressionOf(node: Node): Expression | 'computed' | undefined {
  const { regex } = node as {
    readonly regex?: { readonly pattern: string; readonly flags: string };
  };
  if (node.type === 'Literal' && regex) return { source: regex.pattern, flags: regex.flags };
  if (node.type === 'NewExpression' || node.type === 'CallExpression') {
    const [source, flags] = node['arguments'] as readonly Node[];
    if ((node['callee'] as Node)['name'] !== 'RegExp' || !source) return undefined;
    return ofText(source, flags && textOf(flags));
  }
  const key = node['key'] as Node | undefined;
  const isPattern = node.type === 'Property' && (key?.['name'] ?? key?.['value']) === 'pattern';
  const value = node['value'] as Node;
  return isPattern && ['Literal', 'TemplateLiteral'].includes(value.type)
    ? ofText(value)
    : undefined;
}

function ofText(node: Node, flags = ''): Expression | 'computed' {
  const source = textOf(node);
  return source === undefined ? 'computed' : { source, flags };
}

/** What stands in a template is taken for a word. */
function textOf(node: Node): string | undefined {
  if (node.type === 'Literal' && typeof node['value'] === 'string') return node['value'];
  if (node.type !== 'TemplateLiteral') return undefined;
  const parts = node['quasis'] as readonly { readonly value: { readonly cooked: string } }[];
  return parts.map(({ value }) => value.cooked).join('word');
}

function problemOf({ file, line, expression }: Found): string | undefined {
  const place = `${file}:${line}`;
  if (!expression) return `${place}: made while running, so that nobody can check it.`;
  const { source, flags } = expression;
  const key = `/${source}/${flags}`;
  if (!judged.has(key)) judged.set(key, judge(expression));
  const problem = judged.get(key);
  return problem && `${place}: ${key} ${problem}`;
}

function judge({ source, flags }: Expression): string | undefined {
  const found = checkSync(source, flags, { timeout: timeoutMs });
  if (found.status === 'safe') return undefined;
  if (found.status === 'unknown') return `cannot be judged: ${found.error.kind}.`;
  return `takes ${found.complexity.summary} time, for example for ${found.attack.pattern}.`;
}
