import { describe, expect, test } from 'bun:test';
import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { readChecksums, sumsOfMigrations } from '../scripts/migration-sums.ts';

const root = join(import.meta.dir, '..');
const notOurs = new Set(['node_modules', '.git', 'data', 'coverage', 'dist']);
const linesMax = 400;

const files = [...tree('')].filter((file) => /\.(?:ts|mjs|md|json|ya?ml|toml|sql|sh)$/.test(file));
const texts = new Map(
  await Promise.all(
    files.map(async (file) => [file, await Bun.file(join(root, file)).text()] as const),
  ),
);

describe('every feature', () => {
  const features = files
    .filter((file) => dirname(file) === 'src/events' && file.endsWith('.ts'))
    .map((file) => basename(file))
    .filter((file) => file !== 'index.ts' && !/\.(?:history|test)\.ts$/.test(file));

  test('has its rules in a file of the same name in src/commands', () => {
    expect(features.length).toBeGreaterThan(0);
    expect(features.filter((file) => !files.includes(`src/commands/${file}`))).toEqual([]);
  });
});

describe('a shipped migration', () => {
  test('is never changed, and a new one is recorded by `bun scripts/checksums.ts`', async () => {
    expect(await sumsOfMigrations()).toEqual(await readChecksums());
  });
});

describe('the code', () => {
  const unfinished = /\b(?:TO[D]O|FIX[M]E|XX[X]|HAC[K])\b/;
  const setAside = /\b(?:test|it|describe)(?:\.\w+)*\.(?:skip|only|todo)\b/;
  const silenced = /(?:ox|es)lint-disable(?![^\n]* -- )|(?:ox|es)lint-disable[^\n]*no-restricted/;
  const unseenByTheLinter = /\b(?:import|require)\(\s*`|\bimport\.meta\.require\b/;

  test('has nothing left to finish', () => {
    expect(placesWith(unfinished, /./)).toEqual([]);
  });

  test('has no test set aside', () => {
    expect(placesWith(setAside, /\.ts$/)).toEqual([]);
  });

  test('silences the linter only with a reason, and its import rules never', () => {
    expect(placesWith(silenced, /\.(?:ts|mjs)$/)).toEqual([]);
  });

  test('imports nothing in a way that the import rules cannot see', () => {
    expect(placesWith(unseenByTheLinter, /^src\/.*\.ts$/)).toEqual([]);
  });

  test(`has no file of more than ${linesMax} lines`, () => {
    const long = files.filter((file) => {
      const isSource = /^src\/.*(?<!\.test)\.ts$/.test(file);
      return isSource && textOf(file).split('\n').length - 1 > linesMax;
    });
    expect(long).toEqual([]);
  });
});

describe('the documents', () => {
  const documents = files.filter((file) => file.endsWith('.md'));

  test('link only to what is there', () => {
    expect(documents.flatMap(deadLinks)).toEqual([]);
  });

  test('list every decision in docs/architecture.md', () => {
    const records = files.filter((file) => file.startsWith('docs/decisions/'));
    const listed = /^## Decisions$[^]*/m.exec(textOf('docs/architecture.md'))?.[0] ?? '';
    const missing = records.filter((file) => !listed.includes(`](${file.slice('docs/'.length)})`));
    expect({ missing, areThere: records.length > 0 }).toEqual({ missing: [], areThere: true });
  });

  test('name only scripts that package.json has', async () => {
    const { scripts } = (await Bun.file(join(root, 'package.json')).json()) as {
      readonly scripts: Readonly<Record<string, string>>;
    };
    const unknown = documents.flatMap((file) =>
      scriptsNamedIn(textOf(file))
        .filter((name) => !(name in scripts))
        .map((name) => `${file}: ${name}`),
    );
    expect(unknown).toEqual([]);
  });
});

function* tree(folder: string): Generator<string> {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (notOurs.has(entry.name)) continue;
    if (entry.isDirectory()) yield* tree(path);
    else if (entry.isFile()) yield path;
  }
}

function textOf(file: string) {
  return texts.get(file) ?? '';
}

function placesWith(pattern: RegExp, where: RegExp) {
  return files
    .filter((file) => where.test(file))
    .flatMap((file) =>
      textOf(file)
        .split('\n')
        .flatMap((line, index) => (pattern.test(line) ? [`${file}:${index + 1}`] : [])),
    );
}

function deadLinks(file: string) {
  const links = [...withoutCode(textOf(file)).matchAll(/\]\(<?([^)\s>]+)/g)].map(
    ([, link]) => link!,
  );
  return links
    .filter((link) => !/^[a-z][a-z+.-]*:/i.test(link))
    .filter((link) => !resolves(file, decodeURI(link)))
    .map((link) => `${file}: ${link}`);
}

function resolves(file: string, link: string) {
  const [path = '', heading] = link.split('#');
  const target = path === '' ? file : join(dirname(file), path);
  if (!existsSync(join(root, target))) return false;
  return heading === undefined || !target.endsWith('.md') || anchorsOf(target).includes(heading);
}

/** The names that GitHub gives to headings. */
function anchorsOf(file: string) {
  const headings = [...textOf(file).matchAll(/^#{1,6} +(.+?) *#*$/gm)].map(([, text]) => text!);
  return headings.map((text) =>
    text
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

function withoutCode(markdown: string) {
  return markdown.replaceAll(/^(`{3,}|~{3,})[\s\S]*?^\1/gm, '').replaceAll(/`[^`\n]*`/g, '');
}

function scriptsNamedIn(markdown: string) {
  const named = [...markdown.matchAll(/\b(?:bun|npm) run ([a-z][\w:-]*)/g)].map(
    ([, name]) => name!,
  );
  const short = [...markdown.matchAll(/\bnpm (start|test)\b/g)].map(([, name]) => name!);
  return [...named, ...short];
}
