import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { isOnThisMachine } from '../../src/http/metrics.ts';
import { parseMetrics } from '../../src/testing/prometheus.ts';
import { startServer, type TestServer } from '../../src/testing/server.ts';
import { watchAnswers } from './declared.ts';
import { expectProblem, send } from './requests.ts';

const answers = watchAnswers();
const metricsToken = 'a-token-for-metrics';
let open: TestServer;
let guarded: TestServer;

beforeAll(async () => {
  open = await startServer();
  guarded = await startServer({ metricsToken });
});
afterAll(async () => {
  await open.stop();
  await guarded.stop();
});

describe('metrics without a token', () => {
  test('are told to callers on this machine, in the text format of Prometheus', async () => {
    const response = await send(open.url, 'GET /metrics');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(parseMetrics(await response.text()).families.size).toBeGreaterThan(20);
  });

  test.each([
    { 'x-forwarded-for': '203.0.113.7' },
    { 'x-forwarded-for': '127.0.0.1' },
    { 'x-forwarded-for': '' },
    { forwarded: 'for=203.0.113.7' },
    { 'x-real-ip': '203.0.113.7' },
    { 'x-forwarded-host': 'example.com' },
    { via: '1.1 proxy' },
  ])('are not told to whom a proxy on this machine passes on: %p', async (headers) => {
    await expectProblem(await send(open.url, 'GET /metrics', { headers }), 403, 'FORBIDDEN');
  });

  test('are not told to a caller whose address is not of this machine', async () => {
    const { http } = open.application;
    const response = await http.handle(new Request('http://localhost/metrics'));
    await expectProblem(response, 403, 'FORBIDDEN');
  });

  test.each(['127.0.0.1', '127.1.2.3', '::1', '::ffff:127.0.0.1', '::FFFF:127.0.0.1'])(
    'the address %s is of this machine',
    (address) => expect(isOnThisMachine(address)).toBe(true),
  );

  test.each([
    '',
    '10.0.0.1',
    '128.0.0.1',
    '::ffff:10.0.0.1',
    '::2',
    '127.0.0.1.example',
    '0.0.0.0',
  ])('the address %p is not', (address) => expect(isOnThisMachine(address)).toBe(false));
});

describe('metrics with a token', () => {
  test.each(['Bearer', 'bearer'])('are told to whoever sends it as %s', async (scheme) => {
    const headers = {
      authorization: `${scheme} ${metricsToken}`,
      'x-forwarded-for': '203.0.113.7',
    };
    expect((await send(guarded.url, 'GET /metrics', { headers })).status).toBe(200);
  });

  test.each([
    {},
    { authorization: 'Bearer' },
    { authorization: 'Bearer ' },
    { authorization: `Basic ${metricsToken}` },
    { authorization: `Bearer ${metricsToken}x` },
    { authorization: `Bearer ${metricsToken.slice(0, -1)}` },
    { authorization: `Bearer ${metricsToken.toUpperCase()}` },
  ])('are told to nobody else, on this machine or elsewhere: %p', async (headers: object) => {
    const response = await send(guarded.url, 'GET /metrics', { headers: { ...headers } });
    expect(response.headers.get('www-authenticate')).toBe('Bearer');
    await expectProblem(response, 401, 'UNAUTHORIZED');
  });
});

answers.testsThatAllAreAsDeclared(() => open.url);
