import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import {
  promote,
  signIn,
  signUp,
  startServer,
  type TestServer,
  testPassword,
} from '../../src/testing/server.ts';
import { watchAnswers } from './declared.ts';
import { expectProblem, newEmail, newSku, positionOf, send } from './requests.ts';

const answers = watchAnswers();
const many = 50;
let server: TestServer;
let ada: Awaited<ReturnType<typeof signUp>>;

beforeAll(async () => {
  server = await startServer();
  ada = await signUp(server.url);
});
afterAll(() => server.stop());

/** The same letters, each time in other case. */
function spelling(text: string, index: number) {
  return [...text]
    .map((char, at) => ((index >> (at % 6)) & 1 ? char.toUpperCase() : char.toLowerCase()))
    .join('');
}

const fiftyTimes = (work: (index: number) => Promise<Response>) =>
  Promise.all(Array.from({ length: many }, (_, index) => work(index)));

/** One has won; every other got this refusal. */
async function expectOneWinner(
  responses: readonly Response[],
  { won, lost, code }: { readonly won: number; readonly lost: number; readonly code: string },
) {
  expect(responses.filter(({ status }) => status === won)).toHaveLength(1);
  const losers = responses.filter(({ status }) => status !== won);
  for (const response of losers) await expectProblem(response, lost, code);
}

describe('fifty at once', () => {
  test('register one address in different case: one account', async () => {
    const email = newEmail();
    const responses = await fiftyTimes((index) => {
      const json = { email: spelling(email, index), name: 'Ada', password: testPassword };
      return send(server.url, 'POST /auth/register', { json });
    });
    await expectOneWinner(responses, { won: 201, lost: 409, code: 'EMAIL_TAKEN' });
    const root = await signUp(server.url);
    const admin = await promote(server, root.user.id, root.email);
    const { data } = await admin.client.admin.users.get({ query: { search: email } });
    expect(data?.total).toBe(1);
    expect((await signIn(server.url, email)).accessToken).toBeString();
  });

  test('create one SKU in different case: one product', async () => {
    const sku = newSku();
    const responses = await fiftyTimes((index) => {
      const json = { name: 'Mug', price: index, sku: spelling(sku, index) };
      return send(server.url, 'POST /products', { token: ada.accessToken, json });
    });
    await expectOneWinner(responses, { won: 201, lost: 409, code: 'SKU_TAKEN' });
    const { data } = await ada.client.products.get({ query: { search: sku } });
    expect(data?.total).toBe(1);
  });

  test('change one product as they saw it: one change', async () => {
    const { data } = await ada.client.products.post({ name: 'Mug', price: 0, sku: newSku() });
    const { id } = data!;
    const responses = await fiftyTimes((index) =>
      send(server.url, `PATCH /products/${id}`, {
        token: ada.accessToken,
        json: { price: index + 1 },
        headers: { 'if-match': '"1"' },
      }),
    );
    const winner = responses.find(({ status }) => status === 200)!.clone() as Response;
    await expectOneWinner(responses, { won: 200, lost: 412, code: 'PRECONDITION_FAILED' });
    const read = await ada.client.products({ id }).get({ query: {} });
    expect(read.data).toEqual((await winner.json()) as typeof read.data);
    expect(read.data?.version).toBe(2);
  });

  test('change one product as they find it: no change is lost or doubled', async () => {
    const { data } = await ada.client.products.post({ name: 'Mug', price: 0, sku: newSku() });
    const { id } = data!;
    const responses = await fiftyTimes((index) =>
      send(server.url, `PATCH /products/${id}`, {
        token: ada.accessToken,
        json: { price: index + 1 },
      }),
    );
    const changed = responses.filter(({ status }) => status === 200);
    const refused = responses.filter(({ status }) => status !== 200);
    expect(changed.length).toBeGreaterThan(0);
    for (const response of refused) await expectProblem(response, 409, 'CONFLICT');
    const { data: history } = await ada.client.products({ id }).history.get();
    expect(history!.data).toHaveLength(1 + changed.length);
    expect(new Set(changed.map(positionOf)).size).toBe(changed.length);
    const prices = history!.data.slice(1).map(({ data }) => data as Record<string, number>);
    const linked = prices.map(({ previousCents }) => previousCents!);
    expect(linked).toEqual([0, ...prices.slice(0, -1).map(({ priceCents }) => priceCents!)]);
  });

  test('delete one product: one is told so, the others find nothing', async () => {
    const { data } = await ada.client.products.post({ name: 'Mug', price: 0, sku: newSku() });
    const responses = await fiftyTimes(() =>
      send(server.url, `DELETE /products/${data!.id}`, { token: ada.accessToken }),
    );
    await expectOneWinner(responses, { won: 204, lost: 404, code: 'NOT_FOUND' });
  });
});

answers.testsThatAllAreAsDeclared(() => server.url);
