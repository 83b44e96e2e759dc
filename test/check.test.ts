import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dir, '..');

type Case = readonly [file: string, code: string];

const refused: readonly Case[] = [
  // Folders that a folder does not build upon, in every form that an import can take.
  ['src/kernel/value.ts', "import { product } from '../commands/products.ts';\nproduct();"],
  ['src/kernel/type-only.ts', "import type { Product } from '../events/products.ts';"],
  ['src/kernel/inline-type.ts', "import { type Product } from '../events/products.ts';"],
  ['src/kernel/re-export.ts', "export * from '../http/index.ts';"],
  ['src/kernel/re-export-type.ts', "export type { Api } from '../http/index.ts';"],
  ['src/kernel/side-effect.ts', "import '../storage/open.ts';"],
  ['src/kernel/dynamic.ts', "await import('../storage/open.ts');"],
  ['src/kernel/computed.ts', "const name = 'elysia';\nawait import(name);"],
  ['src/kernel/require.ts', "require('../storage/open.ts');"],
  ['src/kernel/import-equals.ts', "import open = require('../storage/open.ts');\nopen();"],
  ['src/kernel/type-query.ts', "export type Api = import('../http/index.ts').Api;"],
  ['src/kernel/detour.ts', "import './../http/index.ts';"],
  ['src/kernel/own-detour.ts', "import './deep/../../http/index.ts';"],
  ['src/kernel/through-root.ts', "import '../../src/http/index.ts';"],
  ['src/kernel/absolute.ts', "import '/src/http/index.ts';"],
  ['src/kernel/deep/higher.ts', "import '../../http/index.ts';"],
  ['src/kernel/deep/much/deeper.ts', "import '../../../http/index.ts';"],
  ['src/kernel/script.mts', "import '../http/index.ts';"],
  ['src/kernel/root.ts', "import '../config.ts';"],
  ['src/kernel/similar.ts', "import '../kernel-two/index.ts';"],
  ['src/events/commands.ts', "import '../commands/index.ts';"],
  ['src/commands/projections.ts', "import '../projections/products.ts';"],
  ['src/commands/storage.ts', "import '../storage/open.ts';"],
  ['src/process-managers/http.ts', "import '../http/index.ts';"],
  ['src/projections/queries.ts', "import '../queries/products.ts';"],
  ['src/queries/storage.ts', "import '../storage/open.ts';"],
  ['src/auth/storage.ts', "import '../storage/open.ts';"],
  ['src/storage/events.ts', "import '../events/index.ts';"],
  ['src/storage/sqlite/projections.ts', "import '../../projections/index.ts';"],
  ['src/http/storage.ts', "import '../storage/open.ts';"],
  ['src/http/projections.ts', "import '../projections/index.ts';"],
  ['src/http/app.ts', "import '../app.ts';"],
  ['src/metrics/http.ts', "import '../http/index.ts';"],
  ['src/kernel/metrics.ts', "import '../metrics/tally.ts';"],
  ['src/client/value.ts', "import { api } from '../http/index.ts';\napi();"],
  ['src/cli/testing.ts', "import '../testing/clock.ts';"],
  ['src/cli/operations.ts', "import '../operations.ts';"],
  ['src/root.ts', "import './testing/clock.ts';"],
  ['src/unheard-of/any.ts', "import './other.ts';"],

  // Packages that a folder does not know, those that nobody has thought of included.
  ['src/kernel/node.ts', "import 'node:fs';"],
  ['src/kernel/bare-node.ts', "import 'fs';"],
  ['src/kernel/bun.ts', "import 'bun:sqlite';"],
  ['src/kernel/package.ts', "import 'left-pad';"],
  ['src/kernel/scoped.ts', "import type { Elysia } from '@elysiajs/eden';"],
  ['src/kernel/lookalike.ts', "import '@sinclair/typebox-two';"],
  ['src/kernel/longer-name.ts', "import 'x/@sinclair/typebox';"],
  ['src/kernel/web.ts', "import 'https://example.com/x.ts';"],
  ['src/kernel/alias.ts', "import '#http';"],
  ['src/commands/typebox.ts', "import '@sinclair/typebox';"],
  ['src/process-managers/drizzle.ts', "import 'drizzle-orm';"],
  ['src/projections/sqlite.ts', "import 'bun:sqlite';"],
  ['src/queries/elysia.ts', "import 'elysia';"],
  ['src/auth/drizzle.ts', "import 'drizzle-orm';"],
  ['src/storage/elysia.ts', "import 'elysia';"],
  ['src/http/drizzle.ts', "import 'drizzle-orm';"],
  ['src/http/file-system.ts', "import 'node:fs';"],
  ['src/http/pino.ts', "import { pino } from 'pino';\npino();"],
  ['src/client/elysia.ts', "import type { Elysia } from 'elysia';"],

  // Clock, chance and the world outside, in the folders that are pure.
  ['src/kernel/date.ts', 'export const now = () => Date.now();'],
  ['src/kernel/new-date.ts', 'export const now = () => new Date();'],
  ['src/kernel/chance.ts', 'export const dice = () => Math.random();'],
  ['src/kernel/chance-by-name.ts', "export const dice = () => Math['random']();"],
  ['src/kernel/chance-taken.ts', 'const { random } = Math;\nexport const dice = random;'],
  ['src/kernel/environment.ts', "export const port = process.env['PORT'];"],
  ['src/kernel/bun-global.ts', 'export const id = () => Bun.randomUUIDv7();'],
  ['src/kernel/by-way-of-global.ts', 'export const now = () => globalThis.Date.now();'],
  ['src/kernel/signal.ts', 'export const soon = () => AbortSignal.timeout(1);'],
  ['src/events/network.ts', "export const get = () => fetch('http://localhost');"],
  ['src/commands/id.ts', 'export const id = () => crypto.randomUUID();'],
  ['src/commands/timer.ts', 'export const later = (f: () => void) => setTimeout(f, 1);'],
  [
    'src/process-managers/interval.ts',
    'export const often = (f: () => void) => setInterval(f, 1);',
  ],
  ['src/projections/performance.ts', 'export const now = () => performance.now();'],

  // Cycles, with type-only imports counted.
  ['src/kernel/chicken.ts', "import type { Egg } from './egg.ts';\nexport type Chicken = Egg[];"],
  [
    'src/kernel/egg.ts',
    "import type { Chicken } from './chicken.ts';\nexport type Egg = Chicken[];",
  ],
];

const allowed: readonly Case[] = [
  [
    'src/kernel/right.ts',
    "import { Type } from '@sinclair/typebox';\nexport const Id = Type.String();",
  ],
  [
    'src/kernel/compiler.ts',
    "export * from '@sinclair/typebox/compiler';\nexport * from './right.ts';",
  ],
  ['src/kernel/deep/right.ts', "export * from '../right.ts';\nexport * from './beside.ts';"],
  ['src/kernel/deep/beside.ts', 'export const clock = { now: () => 0 };'],
  ['src/events/right.ts', "export * from '../kernel/right.ts';"],
  [
    'src/commands/right.ts',
    "export * from '../events/right.ts';\nexport * from '../kernel/right.ts';",
  ],
  ['src/process-managers/right.ts', "export * from '../commands/right.ts';"],
  [
    'src/projections/right.ts',
    "export * from 'drizzle-orm/sqlite-core';\nexport * from '../events/right.ts';",
  ],
  [
    'src/queries/right.ts',
    "export * from '../projections/right.ts';\nexport * from 'drizzle-orm';",
  ],
  [
    'src/auth/right.ts',
    "export * from 'node:crypto';\nexport * from 'p-limit';\nexport * from '../kernel/right.ts';",
  ],
  [
    'src/storage/sqlite/right.ts',
    "export * from 'bun:sqlite';\nexport * from '../../kernel/right.ts';",
  ],
  ['src/http/right.ts', "import type { Logger } from 'pino';\nexport type Log = Logger;"],
  [
    'src/http/plugins.ts',
    "export * from '@elysiajs/cors';\nexport * from 'elysia';\nexport * from '../queries/right.ts';",
  ],
  ['src/client/right.ts', "import type { Log } from '../http/right.ts';\nexport type Api = Log;"],
  ['src/cli/right.ts', "export * from 'commander';\nexport * from '../app.ts';"],
  ['src/app.ts', "export * from './http/plugins.ts';\nexport * from 'pino';"],
  ['src/commands/right.test.ts', "export * from '../testing/right.ts';\nexport * from 'bun:test';"],
  ['src/testing/right.ts', "export * from 'bun:test';\nexport const now = () => Date.now();"],
];

describe('the import rules', () => {
  const trees: string[] = [];
  let complaints: ReadonlySet<string>;

  beforeAll(async () => {
    const { exitCode, files } = await lint(refused);
    expect(exitCode).toBe(1);
    complaints = files;
  });

  afterAll(() => Promise.all(trees.map((tree) => rm(tree, { recursive: true, force: true }))));

  test.each(refused)('refuse %s', (file) => {
    expect(complaints.has(file)).toBe(true);
  });

  test('let a tree pass that keeps to them', async () => {
    expect(await lint(allowed)).toEqual({ exitCode: 0, files: new Set() });
  });

  /** Runs the linter, with this project's settings, on a tree that holds these files only. */
  async function lint(cases: readonly Case[]) {
    const tree = await mkdtemp(join(tmpdir(), 'refold-check-'));
    trees.push(tree);
    await cp(join(root, 'oxlint.config.ts'), join(tree, 'oxlint.config.ts'));
    await symlink(join(root, 'node_modules'), join(tree, 'node_modules'), 'dir');
    await Promise.all(cases.map(([file, code]) => Bun.write(join(tree, file), `${code}\n`)));
    const command = [process.execPath, '--bun', 'oxlint', 'src', '--format', 'json'];
    const linter = Bun.spawn(command, { cwd: tree, stdout: 'pipe', stderr: 'pipe' });
    const { diagnostics } = JSON.parse(await linter.stdout.text()) as Report;
    const wrong = diagnostics.filter(({ code }) => matrix.test(code));
    return {
      exitCode: await linter.exited,
      files: new Set(wrong.map(({ filename }) => filename)),
    };
  }
});

type Report = {
  readonly diagnostics: readonly { readonly filename: string; readonly code: string }[];
};

/** The rules that the matrix is made of; others find fault with the planted files, too. */
const matrix =
  /no-restricted-|no-require-imports|no-dynamic-require|consistent-type-imports|no-cycle/;
