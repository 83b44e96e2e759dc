import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { engine, missingTable } from '../../src/testing/engine.ts';
import { signUp, startServer, type TestServer } from '../../src/testing/server.ts';
import { watchAnswers } from './declared.ts';
import { eventually, expectProblem, newSku, send } from './requests.ts';

const answers = watchAnswers();
/** What a node of several follows besides. */
const ofOtherNodes = ['roles and erasures', 'ended sessions'].map((name) => ({ name, ok: true }));
let server: TestServer;

beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

describe('a server that runs', () => {
  test('says to anyone that it is alive', async () => {
    const { data, status } = await server.anonymous.health.get();
    expect({ data, status }).toEqual({ data: { status: 'ok' }, status: 200 });
  });

  test('says to anyone that it can serve, with a check for each part', async () => {
    const { data, status } = await server.anonymous.ready.get();
    expect(status).toBe(200);
    expect(data).toEqual({
      status: 'ready',
      checks: [
        { name: 'log', ok: true },
        { name: 'read models', ok: true },
        { name: 'notifications', ok: true },
        { name: 'jobs', ok: true },
        ...(engine === 'postgres' ? ofOtherNodes : []),
      ],
    });
  });

  test.each(['/health', '/ready'])('answers HEAD %s without a body', async (path) => {
    const response = await send(server.url, `HEAD ${path as '/health'}`);
    expect(response.status).toBe(200);
    expect(await response.text()).toBe('');
  });
});

describe('a store that somebody else holds', () => {
  test('refuses commands for a while, and holds up nothing else', async () => {
    const { client, accessToken: token } = await signUp(server.url);
    const json = { name: 'Mug', price: 1, sku: newSku() };
    const letGo = await server.holdLog();
    const refused = await send(server.url, 'POST /products', { token, json });
    await expectProblem(refused, 503, 'UNAVAILABLE');
    expect(refused.headers.get('retry-after')).toMatch(/^[1-9]/);
    expect((await send(server.url, 'GET /health')).status).toBe(200);
    await letGo();
    expect((await client.products.post(json)).status).toBe(201);
  });
});

describe('a process manager that fails', () => {
  test('says so, tries again, and does once what it was to do', async () => {
    const name = `Name ${crypto.randomUUID()}`;
    const { accessToken: token } = await signUp(server.url, { name });
    const { client: other } = await signUp(server.url);
    await server.reactedToAll();
    await server.run('log', 'ALTER TABLE follower_checkpoints RENAME TO elsewhere');
    await other.chat({ room: 'lobby' }).messages.post({ text: `@${name}` });
    const ready = () => send(server.url, 'GET /ready');
    type Checks = { readonly checks: readonly { readonly name: string; readonly ok: boolean }[] };
    const checks = async () => ((await (await ready()).json()) as Checks).checks;
    const isFailing = ({ name, ok }: Checks['checks'][0]) => name === 'notifications' && !ok;
    const red = await eventually(checks, (all) => all.some(isFailing));
    expect(red.find(isFailing)).toMatchObject({
      message: expect.stringMatching(missingTable),
    });
    expect((await ready()).status).toBe(503);
    await server.run('log', 'ALTER TABLE elsewhere RENAME TO follower_checkpoints');
    await eventually(ready, ({ status }) => status === 200);
    const headers = { 'read-after': String(await server.reactedToAll()) };
    const told = await send(server.url, 'GET /notifications', { token, headers });
    expect(await told.json()).toMatchObject({ total: 1 });
  });
});

describe('the reference page', () => {
  test('needs nothing from another host', async () => {
    const response = await send(server.url, 'GET /docs');
    expect(response.headers.get('content-type')).toStartWith('text/html');
    const html = await response.text();
    expect(html).not.toMatch(/(?:https?:)?\/\/[a-z0-9]/i);
    expect(html).toContain('"url":"/docs/json"');
  });

  test('finds everything that it refers to', async () => {
    const html = await (await send(server.url, 'GET /docs')).text();
    const references = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path!);
    expect(references.length).toBeGreaterThanOrEqual(2);
    for (const path of references) {
      const response = await send(server.url, `GET ${path as '/docs'}`);
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toMatch(/^text\/(?:javascript|css)/);
      expect((await response.text()).length).toBeGreaterThan(10_000);
    }
  });

  test('takes its styles from here alone', async () => {
    const css = await (await send(server.url, 'GET /docs/ui.css')).text();
    expect(css).not.toMatch(/@import|url\(\s*["']?(?:https?:)?\/\//i);
  });
});

answers.testsThatAllAreAsDeclared(() => server.url);
