import { defineConfig, type OxlintOverride } from 'oxlint';

const folders = [
  'kernel',
  'events',
  'commands',
  'process-managers',
  'effects',
  'mail',
  'projections',
  'queries',
  'auth',
  'storage',
  'http',
  'metrics',
  'client',
  'testing',
  'cli',
] as const;
type Folder = (typeof folders)[number];

type Uses = {
  readonly folders?: readonly Folder[];
  /** Files directly in src/. */
  readonly roots?: readonly string[];
  readonly packages?: readonly string[] | 'any';
  readonly typesOf?: {
    readonly folders?: readonly Folder[];
    readonly packages?: readonly string[];
  };
  readonly pure?: true;
};

const typebox = ['@sinclair/typebox'];
const drizzle = ['drizzle-orm'];
const runtime = ['bun', 'bun:', 'node:'];

const purity: OxlintOverride['rules'] = {
  'no-restricted-globals': [
    'error',
    'Bun',
    'Date',
    'Temporal',
    'Worker',
    'crypto',
    'fetch',
    'global',
    'globalThis',
    'navigator',
    'performance',
    'process',
    'self',
    'setImmediate',
    'setInterval',
    'setTimeout',
  ],
  'no-restricted-properties': [
    'error',
    { object: 'Math', property: 'random', message: 'Chance arrives in the command.' },
    { object: 'AbortSignal', property: 'timeout', message: 'Time arrives as a Clock.' },
  ],
};

/** One row of the import matrix. Whatever is not named in it is refused. */
function layer(folder: Folder, uses: Uses) {
  return [row(folder, 0, uses), row(folder, 1, uses)];
}

/** The files that lie `depth` folders below src/<folder>. */
function row(folder: Folder, depth: 0 | 1, { folders: used = [], ...uses }: Uses): OxlintOverride {
  const up = '../'.repeat(depth + 1);
  const values = [...used.map((name) => `${name}/`), ...(uses.roots ?? []).map(exactly)];
  const typed = (uses.typesOf?.folders ?? []).map((name) => `${name}/`);
  const packages = uses.packages ?? [];
  const typedPackages = uses.typesOf?.packages ?? [];
  const message = `src/${folder} may import: ${describe(folder, uses, used)}.`;
  const onlyTypes = 'Only types may be imported from here.';
  const patterns = [
    { regex: `^${escape(up)}${otherThan([...values, ...typed])}`, message },
    ...(packages === 'any'
      ? []
      : [
          {
            regex: `^${otherThan(['./', '../', ...names([...packages, ...typedPackages])])}`,
            message,
          },
        ]),
    ...typed.map((name) => ({
      regex: `^${escape(up + name)}`,
      message: onlyTypes,
      allowTypeImports: true,
    })),
    ...typedPackages.map((name) => ({
      regex: `^${escape(name)}(?:/|$)`,
      message: onlyTypes,
      allowTypeImports: true,
    })),
    { regex: detour, message: 'Write the shortest path; a detour would lead around these rules.' },
  ];
  return {
    files: [`src/${folder}/${'*/'.repeat(depth)}*.ts`],
    excludeFiles: ['**/*.test.ts'],
    rules: { 'no-restricted-imports': ['error', { patterns }], ...(uses.pure && purity) },
  };
}

function describe(
  folder: Folder,
  { roots = [], packages = [], typesOf }: Uses,
  used: readonly Folder[],
) {
  const types = [...(typesOf?.folders ?? []), ...(typesOf?.packages ?? [])];
  return [
    folder,
    ...used,
    ...roots,
    ...(packages === 'any' ? ['any package'] : packages),
    ...types.map((name) => `types of ${name}`),
  ].join(', ');
}

/** `./../x`, `../kernel/../x`, `..//x`: the same place under another name. */
const detour = '^\\./+\\.|[^./]\\.*/+\\.\\.?(?:/|$)|//';

const end = '\n';
const exactly = (name: string) => name + end;

/** A package and its subpaths; `node:` and `@elysiajs/` stand for all that starts so. */
function names(packages: readonly string[]) {
  return packages.flatMap((name) => (/[:/]$/.test(name) ? name : [exactly(name), `${name}/`]));
}

/**
 * A regular expression for every text that starts with none of these. The linter's engine knows
 * no look-ahead, so it is spelled out, character by character.
 */
function otherThan(starts: readonly string[]): string {
  const first = [...new Set(starts.map((start) => start.charAt(0)))];
  const others = first.filter((char) => char !== end).map(escape);
  const alternatives = others.length > 0 ? [`[^${others.join('')}]`] : ['.'];
  if (!first.includes(end)) alternatives.push('$');
  for (const char of first) {
    const rest = starts.filter((start) => start.startsWith(char)).map((start) => start.slice(1));
    if (char !== end && !rest.includes('')) alternatives.push(escape(char) + otherThan(rest));
  }
  return `(?:${alternatives.join('|')})`;
}

function escape(text: string) {
  return text.replaceAll(/[^\w@:]/g, '\\$&');
}

export default defineConfig({
  ignorePatterns: ['**/node_modules/**'],
  plugins: ['eslint', 'typescript', 'import', 'unicorn', 'oxc', 'promise'],
  categories: { correctness: 'error', suspicious: 'error', perf: 'error' },
  rules: {
    'no-await-in-loop': 'off',
    'no-shadow': 'off',
    'import/no-cycle': ['error', { ignoreTypes: false }],
    'import/no-default-export': 'error',
    'import/no-dynamic-require': ['error', { esmodule: true }],
    'typescript/consistent-type-imports': 'error',
    'typescript/no-explicit-any': 'error',
    'typescript/no-require-imports': 'error',
    'unicorn/filename-case': ['error', { case: 'kebabCase' }],
    // Meant for windows; here messages go to workers, which have no origin.
    'unicorn/require-post-message-target-origin': 'off',
    // A small function stands beside what uses it, though it captures nothing.
    'unicorn/consistent-function-scoping': 'off',
    'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
    // A factory holds its functions: its length is that of a small file, not of one function.
    'max-lines-per-function': ['error', { max: 100, skipBlankLines: true, skipComments: true }],
    'max-params': ['error', { max: 4 }],
    'no-console': 'error',
  },
  overrides: [
    {
      files: ['src/*/**'],
      excludeFiles: ['**/*.test.ts'],
      rules: {
        'no-restricted-imports': [
          'error',
          { patterns: [{ regex: '', message: 'This place has no row in oxlint.config.ts.' }] },
        ],
      },
    },
    ...layer('kernel', { packages: typebox, pure: true }),
    ...layer('events', { folders: ['kernel'], packages: typebox, pure: true }),
    ...layer('commands', { folders: ['events', 'kernel'], pure: true }),
    ...layer('process-managers', { folders: ['commands', 'events', 'kernel'], pure: true }),
    ...layer('effects', { folders: ['events', 'kernel'], pure: true }),
    ...layer('mail', {
      folders: ['effects', 'kernel'],
      packages: ['nodemailer'],
      typesOf: { packages: ['pino'] },
    }),
    ...layer('projections', { folders: ['events', 'kernel'], packages: drizzle, pure: true }),
    ...layer('queries', { folders: ['projections', 'events', 'kernel'], packages: drizzle }),
    ...layer('auth', {
      folders: ['kernel'],
      packages: [...runtime, '@zxcvbn-ts/language-common', 'lru-cache', 'p-limit'],
    }),
    ...layer('storage', {
      folders: ['kernel'],
      packages: [...runtime, ...drizzle, 'bullmq', 'ioredis', 'lru-cache', 'p-limit', 'postgres'],
    }),
    ...layer('http', {
      folders: ['auth', 'commands', 'queries', 'events', 'kernel'],
      packages: [
        'elysia',
        '@elysiajs/',
        'elysia-rate-limit',
        ...typebox,
        'swagger-ui-dist',
        'image-size',
        'ipaddr.js',
        'lru-cache',
        'node:crypto',
        'node:path',
      ],
      typesOf: { packages: ['pino'] },
    }),
    ...layer('metrics', { folders: ['kernel'], packages: [...runtime, 'prom-client'] }),
    ...layer('client', {
      packages: ['@elysiajs/eden'],
      typesOf: { folders: ['http', 'events', 'kernel'] },
    }),
    ...layer('testing', {
      folders: folders.filter((folder) => folder !== 'testing'),
      roots: ['app.ts', 'config.ts', 'postgres-rows.ts', 'secrets.ts'],
      packages: 'any',
    }),
    ...layer('cli', {
      folders: folders.filter((folder) => folder !== 'testing' && folder !== 'cli'),
      roots: [
        'app.ts',
        'config.ts',
        'control.ts',
        'main.ts',
        'postgres-rows.ts',
        'read-side.ts',
        'reads.ts',
        'secrets.ts',
      ],
      packages: 'any',
    }),
    {
      files: ['src/*.ts', 'scripts/**'],
      excludeFiles: ['**/*.test.ts'],
      rules: {
        'no-restricted-imports': [
          'error',
          { patterns: [{ regex: '(?:^|/)testing/', message: 'Only tests import src/testing.' }] },
        ],
      },
    },
    {
      files: ['**/*.test.ts', 'test/**', 'src/testing/**'],
      rules: {
        'max-lines-per-function': 'off',
        'oxc/no-map-spread': 'off',
        'unicorn/no-array-fill-with-reference-type': 'off',
      },
    },
    {
      files: ['src/cli.ts', 'src/cli/**', 'src/main.ts', 'scripts/**', 'bench/**'],
      rules: { 'no-console': 'off' },
    },
    { files: ['*.config.ts'], rules: { 'import/no-default-export': 'off' } },
  ],
});
