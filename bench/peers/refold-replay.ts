/** Refold's rebuild of every read model, as `bun run replay` does it, timed without process start. */
import { projections } from '../../src/projections/index.ts';
import { rebuildReadModels } from '../../src/read-side.ts';
import { openLogReader } from '../../src/storage/sqlite/event-log.ts';
import { replayResult } from '../load-specification.ts';

const directory = process.env['DATA']!;
const cryptoSecrets = [process.env['CRYPTO_SECRET']!];
const log = openLogReader(`${directory}/log.db`);
const events = await log.head();
log.close();

const names = projections.map(({ name }) => name);
const startedAt = performance.now();
await rebuildReadModels({ engine: 'sqlite', directory, cryptoSecrets }, names, { onProgress() {} });
console.log(JSON.stringify(replayResult(events, (performance.now() - startedAt) / 1000)));
process.exit(0);
