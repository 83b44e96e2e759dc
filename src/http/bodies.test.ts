import { expect, test } from 'bun:test';
import { Elysia } from 'elysia';
import { jsonBodies } from './bodies.ts';

const app = new Elysia().use(jsonBodies).post('/', ({ body }) => ({ body }));
const post = async (init: RequestInit) => {
  const response = await app.handle(new Request('http://localhost/', { method: 'POST', ...init }));
  return await response.text();
};
const headers = { 'content-type': 'application/json' };

test('a body that tells no length, as in a request made in this process, is read', async () => {
  expect(await post({ headers, body: '{"a":1}' })).toBe('{"body":{"a":1}}');
});

test('a body that tells no length is held to the same rules', async () => {
  const form = await post({ body: new URLSearchParams({ a: '1' }) });
  expect(form).toBe('Bad Request'); // what Elysia makes of our refusal without our error handler
  const deep = '['.repeat(33) + ']'.repeat(33);
  expect(await post({ headers, body: deep })).toBe('Bad Request');
});

test('a body that tells its length is read', async () => {
  const told = { ...headers, 'content-length': '7' };
  expect(await post({ headers: told, body: '{"a":1}' })).toBe('{"body":{"a":1}}');
});

test('a request without a body needs no type', async () => {
  expect(await post({})).toBe('{}');
  expect(await post({ headers: { 'content-length': '0' } })).toBe('{}');
});
