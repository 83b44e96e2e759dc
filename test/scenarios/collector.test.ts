import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { type Collector, startCollector } from '../../src/testing/collector.ts';
import { spawnServer, temporaryPlace } from '../../src/testing/server.ts';
import { until } from '../../src/testing/until.ts';

type Server = Awaited<ReturnType<typeof spawnServer>>;

let collector: Collector;
let place: ReturnType<typeof temporaryPlace>;
let server: Server | undefined;

beforeEach(() => {
  collector = startCollector();
  place = temporaryPlace();
});
afterEach(async () => {
  server?.child.kill('SIGKILL');
  await server?.child.exited;
  server = undefined;
  await collector.stop();
  await place.remove();
});

const warning = 'traces are not collected';
const timesIn = (text: string, part: string) => text.split(part).length - 1;

async function start(environment: Record<string, string>): Promise<Server> {
  server = await spawnServer(place.path, environment);
  return server;
}

async function isHealthy({ url }: Server) {
  expect((await fetch(`${url}/health`)).status).toBe(200);
}

/** How long a graceful stop takes. */
async function stop({ child }: Server): Promise<number> {
  const since = performance.now();
  child.kill('SIGTERM');
  expect(await child.exited).toBe(0);
  return performance.now() - since;
}

const stopMsMax = 3_500;

describe('a collector', () => {
  test('that refuses what it is sent is told of once, and again when it takes it', async () => {
    collector.behave('refuses');
    const server = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint });
    for (let refused = 0; refused < 3; refused += 1) {
      await isHealthy(server);
      await until(() => collector.requests() > refused);
    }
    collector.behave('accepts');
    await isHealthy(server);
    await until(() => server.log().includes('traces are collected again'));
    expect(timesIn(server.log(), warning)).toBe(1);
    expect(await stop(server)).toBeLessThan(stopMsMax);
  }, 30_000);

  test('that asks for a header gets it from the environment', async () => {
    const server = await start({
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20collectors-own',
      OTEL_SERVICE_NAME: 'shop',
    });
    await isHealthy(server);
    await stop(server);
    expect(collector.sentWith().get('authorization')).toBe('Bearer collectors-own');
    expect(collector.resource()['service.name']).toBe('shop');
  });

  test('that is away takes nothing with it', async () => {
    const { endpoint } = collector;
    await collector.stop();
    const server = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint });
    await isHealthy(server);
    await until(() => server.log().includes(warning));
    await isHealthy(server);
    expect(await stop(server)).toBeLessThan(stopMsMax);
    expect(timesIn(server.log(), warning)).toBe(1);
  }, 30_000);

  test('that is silent holds up neither answers nor the stop', async () => {
    collector.behave('holds');
    const server = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint });
    await isHealthy(server);
    await until(() => collector.requests() > 0);
    for (let request = 0; request < 5_000; request += 1) await isHealthy(server);
    expect(await stop(server)).toBeLessThan(stopMsMax);
    expect(timesIn(server.log(), warning)).toBeLessThanOrEqual(1);
  }, 30_000);
});

describe('a server that stops', () => {
  test('waits for every batch, whatever becomes of one of them', async () => {
    collector.behave('holds');
    const server = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint });
    await Promise.all(Array.from({ length: 1_500 }, () => isHealthy(server)));
    await until(() => collector.requests() > 0);
    const stopped = stop(server);
    await until(() => collector.requests() >= 3);
    collector.answer('refuses', 1);
    await until(() => server.log().includes(warning));
    // Long enough for a process that does not wait to be gone, and shorter than it may wait.
    const since = performance.now();
    await until(() => collector.abandoned() > 0 || performance.now() - since > 1_000);
    collector.behave('accepts');
    collector.answer('accepts');
    await stopped;
    expect(collector.abandoned()).toBe(0);
    expect(collector.spans().length).toBeGreaterThanOrEqual(1_500 - 512);
  });
});

describe('a server that was told of no collector', () => {
  test('sends nothing, whatever else the environment says', async () => {
    const server = await start({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: collector.url });
    await isHealthy(server);
    await stop(server);
    expect(collector.requests()).toBe(0);
  });
});
