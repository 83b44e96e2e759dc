import { describe, expect, test } from 'bun:test';
import { join } from 'node:path';
import pino from 'pino';
import { openTracing } from './tracing.ts';

const logger = pino({ level: 'silent' });
const database = { engine: 'sqlite' } as const;

describe('without a collector', () => {
  test('every part stays the one it is, and nothing stands around requests', async () => {
    const tracing = await openTracing({ tracesUrl: undefined, database }, logger);
    const { around, stop, ...wrappers } = tracing;
    expect(around).toBeUndefined();
    for (const wrap of Object.values<(part: never) => unknown>(wrappers)) {
      const part = {};
      expect(wrap(part as never)).toBe(part);
    }
    await stop();
  });

  test.each([
    ['nothing', false],
    ['http://127.0.0.1:9', true],
  ])('%s as the address loads the library: %p', async (endpoint, isLoaded) => {
    const script = `
      const { readConfig } = await import('./config.ts');
      const { openTracing } = await import('./tracing.ts');
      await import('./app.ts');
      await openTracing(readConfig(process.env), {});
      const loaded = Object.keys(require.cache).some((path) => path.includes('@opentelemetry'));
      process.stdout.write(String(loaded));
    `;
    const address = isLoaded ? { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint } : {};
    const child = Bun.spawn([process.execPath, '--no-env-file', '-e', script], {
      cwd: join(import.meta.dir),
      env: { PATH: process.env['PATH'] ?? '', ...address },
      stdout: 'pipe',
      stderr: 'inherit',
    });
    expect(await child.stdout.text()).toBe(String(isLoaded));
  });
});
