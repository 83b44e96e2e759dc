/** The least a rebuild can do: read pages of the log, parse, insert. No indexes, no checkpoint. */
import { Database } from 'bun:sqlite';
import { replayResult } from '../load-specification.ts';

type Row = {
  readonly position: number;
  readonly stream: string;
  readonly type: string;
  readonly data: string;
  readonly time: number;
};
type ProductCreated = {
  readonly sku: string;
  readonly name: string;
  readonly priceCents: number;
  readonly createdBy?: string;
};

const pageSize = 1_000;

const log = new Database(process.env['LOG']!, { readonly: true });
const readModel = new Database(process.env['READ_MODEL']!, { create: true });
readModel.run('PRAGMA journal_mode = WAL');
readModel.run('PRAGMA synchronous = NORMAL');
readModel.run(`
  CREATE TABLE products (
    id TEXT, sku TEXT, name TEXT, price_cents INTEGER,
    created_by TEXT, created_at INTEGER, position INTEGER
  )`);

const page = log.query<Row, [number]>(`
  SELECT position, stream, type, data, time FROM events
  WHERE position > ? ORDER BY position LIMIT ${pageSize}`);
const insert = readModel.prepare('INSERT INTO products VALUES (?, ?, ?, ?, ?, ?, ?)');
const applyPage = readModel.transaction((rows: readonly Row[]) => rows.forEach(apply));

const startedAt = performance.now();
let events = 0;
let rows = page.all(0);
while (rows.length > 0) {
  applyPage(rows);
  events += rows.length;
  rows = page.all(rows.at(-1)!.position);
}
console.log(JSON.stringify(replayResult(events, (performance.now() - startedAt) / 1000)));

function apply({ position, stream, type, data, time }: Row) {
  const event = JSON.parse(data) as ProductCreated;
  if (type !== 'ProductCreated') return;
  const id = stream.slice(stream.indexOf('-') + 1);
  const { sku, name, priceCents, createdBy = '' } = event;
  insert.run(id, sku, name, priceCents, createdBy, time, position);
}
