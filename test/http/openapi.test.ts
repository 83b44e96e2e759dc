import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { join } from 'node:path';
import { startServer, temporaryDirectory, type TestServer } from '../../src/testing/server.ts';

type Operation = {
  readonly operationId: string;
  readonly summary?: string;
  readonly tags?: readonly string[];
  readonly security?: readonly object[];
  readonly parameters?: readonly { name: string; in: string; required?: boolean }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { schema?: object }>> };
  readonly responses: Readonly<Record<string, { readonly content?: object }>>;
};
type Document = {
  readonly openapi: string;
  readonly security: readonly object[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
};

const root = join(import.meta.dir, '../..');
const directory = temporaryDirectory();
const file = (name: string) => join(directory.path, name);
let server: TestServer;
let document: Document;

beforeAll(async () => {
  server = await startServer();
  const response = await fetch(`${server.url}/docs/json`);
  expect(response.headers.get('content-type')).toStartWith('application/json');
  document = (await response.json()) as Document;
  await Bun.write(file('openapi.json'), JSON.stringify(document, null, 2));
});
afterAll(async () => {
  await server.stop();
  directory.remove();
});

/** Runs a tool of this project; answers what it said and its exit code. */
async function run(...command: readonly string[]) {
  const child = Bun.spawn([process.execPath, ...command], {
    cwd: root,
    env: {
      ...process.env,
      REDOCLY_TELEMETRY: 'off',
      REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true',
      NO_COLOR: '1',
    },
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const texts = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { exitCode: await child.exited, text: texts.join('') };
}

const operations = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) =>
      Object.assign({ path, method }, operation),
    ),
  );

describe('the OpenAPI document', () => {
  test('passes the recommended rules of Redocly', async () => {
    await Bun.write(file('redocly.yaml'), 'extends: [recommended]\n');
    const config = `--config=${file('redocly.yaml')}`;
    const { exitCode, text } = await run('--bun', 'redocly', 'lint', config, file('openapi.json'));
    expect(text).toContain('Your API description is valid');
    expect(exitCode).toBe(0);
  });

  test('passes the OpenAPI rules of Spectral', async () => {
    await Bun.write(file('spectral.yaml'), 'extends: ["spectral:oas"]\n');
    const ruleset = ['--ruleset', file('spectral.yaml')];
    const { exitCode, text } = await run(
      '--bun',
      'spectral',
      'lint',
      ...ruleset,
      file('openapi.json'),
    );
    expect(text).toMatch(/No results with a severity of 'error' found|\(0 errors/);
    expect(exitCode).toBe(0);
  });

  test('has every route that is not hidden, and no other', () => {
    const routes = server.application.http.routes
      .filter(({ hooks }) => hooks?.detail?.hide !== true)
      .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`);
    const documented = operations().map(({ method, path }) => `${method.toUpperCase()} ${path}`);
    expect(documented.toSorted()).toEqual(routes.toSorted());
    expect(routes.length).toBeGreaterThan(20);
  });

  test('names, sums up and sorts every route', () => {
    const names = operations().map(({ operationId }) => operationId);
    expect(new Set(names).size).toBe(names.length);
    for (const { summary, tags } of operations()) {
      expect(summary).toMatch(/^[A-Z]/);
      expect(tags).toHaveLength(1);
    }
  });

  test('asks for a bearer token everywhere but where anyone may come', () => {
    const open = operations().filter(({ security = document.security }) => security.length === 0);
    const cookie = operations().filter(({ security }) =>
      JSON.stringify(security ?? []).includes('refreshCookie'),
    );
    expect(open.map(({ path }) => path).toSorted()).toEqual([
      '/auth/login',
      '/auth/register',
      '/health',
      '/images/{name}', // which is signed
      '/ready',
    ]);
    expect(cookie.map(({ path }) => path).toSorted()).toEqual(['/auth/logout', '/auth/refresh']);
  });

  test('says of every JSON body what it must be, and that it may be refused', () => {
    const withBody = operations().filter(
      ({ path, requestBody }) => requestBody !== undefined && !path.endsWith('/image'),
    );
    expect(withBody.map(({ path }) => path)).toContain('/products');
    for (const { requestBody, responses } of withBody) {
      expect(Object.keys(requestBody!.content)).toEqual(['application/json']);
      expect(requestBody!.content['application/json']!.schema).toHaveProperty('properties');
      expect(Object.keys(responses)).toEqual(
        expect.arrayContaining(['400', '413', '415', '422', '500', '503']),
      );
    }
  });

  test('says of an image what it may be, and that it may be refused', () => {
    const put = operations().find(
      ({ path, method }) => path.endsWith('/image') && method === 'put',
    );
    const types = ['image/png', 'image/jpeg', 'image/webp'];
    expect(Object.keys(put!.requestBody!.content)).toEqual(types);
    expect(Object.keys(put!.responses)).toEqual(
      expect.arrayContaining(['403', '404', '412', '413', '415', '422', '503']),
    );
  });

  test('leaves to the client whether to page', () => {
    const list = operations().find(({ path, method }) => path === '/products' && method === 'get');
    const paging = list!.parameters!.filter((one) => one.in === 'query');
    expect(paging.map(({ name }) => name).toSorted()).toEqual(['limit', 'page', 'search']);
    expect(paging.filter(({ required }) => required === true)).toEqual([]);
  });

  test('gives examples', () => {
    for (const { requestBody, responses } of operations()) {
      for (const part of [requestBody, ...Object.values(responses)]) {
        const types = Object.keys(part?.content ?? {});
        if (types.every((type) => type.startsWith('image/'))) continue;
        expect(JSON.stringify(part)).toMatch(/"(?:examples?|enum|const|\$ref)"/);
      }
    }
  });

  test('tells nothing but what JSON Schema knows', () => {
    expect(JSON.stringify(document)).not.toMatch(/"(?:mustBe|place)"/);
  });
});
