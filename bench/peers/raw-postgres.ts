/** The same rows as Refold's log keeps of a product, without it: full batches, one after the other. */
import postgres from 'postgres';
import { summarize } from '../load-specification.ts';

const batchSize = 64;

const sql = postgres(process.env['DATABASE_URL']!, { max: 1, onnotice() {}, fetch_types: false });
const seconds = Number(process.env['SECONDS']);
const latenciesMs: number[] = [];

await sql.unsafe(`
  CREATE SCHEMA IF NOT EXISTS raw;
  CREATE TABLE IF NOT EXISTS raw.events (
    position bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, id text NOT NULL,
    stream text COLLATE "C" NOT NULL, version integer NOT NULL, type text COLLATE "C" NOT NULL,
    schema_version integer NOT NULL, data text NOT NULL, meta text NOT NULL,
    time text COLLATE "C" NOT NULL, hash text NOT NULL, UNIQUE (stream, version));
  CREATE TABLE IF NOT EXISTS raw.claims (
    kind text COLLATE "C" NOT NULL, key text COLLATE "C" NOT NULL, stream text COLLATE "C" NOT NULL,
    PRIMARY KEY (kind, key));`);

const insert = `
  WITH given AS (SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
    AS one (id, stream, data, meta, key)),
  claimed AS (INSERT INTO raw.claims SELECT 'sku', key, stream FROM given)
  INSERT INTO raw.events (id, stream, version, type, schema_version, data, meta, time, hash)
  SELECT id, stream, 1, 'ProductCreated', 1, data, meta, $6, key FROM given`;

const startedAt = performance.now();
const deadline = startedAt + seconds * 1000;
let now = startedAt;
while (now < deadline) {
  const time = new Date().toISOString();
  const columns: string[][] = [[], [], [], [], []];
  for (let index = 0; index < batchSize; index += 1)
    product().forEach((value, column) => columns[column]!.push(value));
  await sql.unsafe(insert, [...columns.map(arrayText), time], { prepare: true });
  const latencyMs = performance.now() - now;
  now += latencyMs;
  for (let index = 0; index < batchSize; index += 1) latenciesMs.push(latencyMs);
}
console.log(JSON.stringify(summarize(latenciesMs, (now - startedAt) / 1000, 0)));
await sql.end();

function product(): string[] {
  const [id, user, request] = [Bun.randomUUIDv7(), Bun.randomUUIDv7(), Bun.randomUUIDv7()];
  const data = { name: 'Enamel mug, blue rim', price: 1250, sku: `BENCH-${id}` };
  const meta = { actorId: user, correlationId: request, causationId: request };
  const key = new Bun.CryptoHasher('sha256').update(id).digest('hex');
  return [Bun.randomUUIDv7(), `product-${id}`, JSON.stringify(data), JSON.stringify(meta), key];
}

function arrayText(values: readonly string[]): string {
  return `{${values.map((value) => `"${value.replaceAll(/["\\]/g, '\\$&')}"`).join(',')}}`;
}
