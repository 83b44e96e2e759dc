/** Raw bun:sqlite in one process, without HTTP: full batches, one after the other. */
import { summarize } from '../load-specification.ts';
import { batchSizeMax, openSqliteLog } from './sqlite-log.ts';

const appendBatch = openSqliteLog(process.env['DATABASE']!);
const seconds = Number(process.env['SECONDS']);
const run = process.env['RUN'] ?? '';
const latenciesMs: number[] = [];
let count = 0;

const startedAt = performance.now();
const deadline = startedAt + seconds * 1000;
let now = startedAt;
while (now < deadline) {
  appendBatch(Array.from({ length: batchSizeMax }, product));
  const latencyMs = performance.now() - now;
  now += latencyMs;
  for (let index = 0; index < batchSizeMax; index++) latenciesMs.push(latencyMs);
}
console.log(JSON.stringify(summarize(latenciesMs, (now - startedAt) / 1000, 0)));

function product() {
  const sku = `BENCH-${run}-${String(count++).padStart(10, '0')}`;
  return { id: Bun.randomUUIDv7(), sku, name: 'Enamel mug, blue rim', priceCents: 1250 };
}
