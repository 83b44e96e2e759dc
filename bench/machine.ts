import { Database } from 'bun:sqlite';
import { statfsSync } from 'node:fs';
import { cpus, release, tmpdir, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { benchRoot } from './children.ts';
import type { BenchOptions } from './options.ts';

const tmpfs = 0x01021994;

/** What a number needs beside it: where, with which versions, and how it was measured. */
export async function describeMachine(
  { rounds, seconds, isPinned }: BenchOptions,
  hasPeers: boolean,
) {
  const cores = cpus();
  const memoryGib = Math.round(totalmem() / 2 ** 30);
  const peers = hasPeers ? `; ${await versionsOfPeers()}` : '';
  return [
    `- Machine: ${cores.length} cores (${cores[0]?.model.trim()}), ${memoryGib} GiB, ${type()} ${release()}; ${placement(isPinned)}.`,
    `- Versions: Bun ${Bun.version}, its SQLite ${sqliteVersion()}${peers}.`,
    `- Rounds: ${rounds}, each ${seconds} s a variant, after a warm-up, forwards and backwards in turn; a ratio is taken within each round, then the median.`,
    ...(isOnTmpfs()
      ? ['- WARNING: temporary files are on tmpfs, where durability costs nothing.']
      : []),
  ].join('\n');
}

function placement(isPinned: boolean) {
  return isPinned ? 'servers on core 0, load generator on core 1' : 'nothing pinned to a core';
}

async function versionsOfPeers() {
  const emmett = await versionOf('@event-driven-io/emmett-sqlite');
  const sqlite3 = await versionOf('sqlite3');
  return `peers: Elysia ${await versionOf('elysia')}, emmett-sqlite ${emmett} with sqlite3 ${sqlite3}, all under Bun`;
}

async function versionOf(name: string) {
  const file = Bun.file(join(benchRoot, 'node_modules', name, 'package.json'));
  if (!(await file.exists()))
    throw new Error('dependencies are missing: run bun install in bench/');
  const { version } = (await file.json()) as { version: string };
  return version;
}

function sqliteVersion() {
  const row = new Database(':memory:').query('SELECT sqlite_version() AS version').get();
  return (row as { version: string }).version;
}

function isOnTmpfs() {
  return statfsSync(tmpdir()).type === tmpfs;
}
