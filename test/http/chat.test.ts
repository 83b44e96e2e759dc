import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { promote, signUp, startServer, type TestServer } from '../../src/testing/server.ts';
import { watchAnswers } from './declared.ts';
import { expectProblem, isoTime, newRoom, positionOf, send, uuid7 } from './requests.ts';

const answers = watchAnswers();
let server: TestServer;
let ada: Awaited<ReturnType<typeof signUp>>;
let eve: Awaited<ReturnType<typeof signUp>>;

beforeAll(async () => {
  server = await startServer();
  ada = await signUp(server.url, { name: 'Ada' });
  eve = await signUp(server.url, { name: 'Eve' });
});
afterAll(() => server.stop());

async function post(room: string, text: string) {
  const { data, response } = await ada.client.chat({ room }).messages.post({ text });
  return { ...data!, eventPosition: positionOf(response) };
}

async function read(room: string, query: { before?: number; limit?: number } = {}) {
  const { data } = await eve.client.chat({ room }).messages.get({ query });
  return data!;
}

function ask(route: `${string} /${string}`, json?: unknown) {
  const token = ada.accessToken;
  return send(server.url, route, json === undefined ? { token } : { token, json });
}

describe('posting a message', () => {
  test('answers it, with its author, tag and position', async () => {
    const room = newRoom();
    const { data, status, response } = await ada.client
      .chat({ room })
      .messages.post({ text: 'Hi' });
    expect(status).toBe(201);
    expect(data).toEqual({
      id: expect.stringMatching(uuid7),
      room,
      from: ada.user.id,
      name: 'Ada',
      text: 'Hi',
      withdrawn: false,
      version: 1,
      position: positionOf(response),
      createdAt: expect.stringMatching(isoTime),
    });
    expect(response.headers.get('etag')).toBe('"1"');
    expect((await read(room)).data).toEqual([data!]);
  });

  test.each([
    ['of one character', '!'],
    ['of 4,000 characters', 'x'.repeat(4_000)],
    ['of 4,000 characters outside the basic plane', '🦉'.repeat(4_000)],
    ['of several lines', ' one\n\ttwo\r\n three '],
    ['with markup', "<b>&amp;</b> ' OR 1=1; --"],
  ])('keeps a text %s as it is', async (_, text) => {
    const room = newRoom();
    await post(room, text);
    expect((await read(room)).data.map((message) => message.text)).toEqual([text]);
  });

  test.each([
    ['empty', ''],
    ['blank', ' \n '],
    ['of 4,001 characters', 'x'.repeat(4_001)],
    ['with a NUL', 'a\0b'],
    ['with half a surrogate pair', 'a\ud800'],
    ['that is a number', 1],
  ])('refuses a text %s', async (_, text) => {
    const response = await ask(`POST /chat/${newRoom()}/messages`, { text });
    const { details } = await expectProblem(response, 422, 'VALIDATION_ERROR');
    expect(details.map(({ path }) => path)).toEqual(['/text']);
  });

  test.each(['a', '0', '-', 'a-0', 'x'.repeat(64)])('takes the room %p', async (room) => {
    expect((await ask(`POST /chat/${room}/messages`, { text: 'Hi' })).status).toBe(201);
  });

  test.each(['A', 'a_b', 'a.b', 'a%20b', 'a%2Fb', '%C3%A4', 'x'.repeat(65)])(
    'refuses the room %p, to write and to read',
    async (room) => {
      for (const response of [
        await ask(`POST /chat/${room}/messages`, { text: 'Hi' }),
        await ask(`GET /chat/${room}/messages`),
      ]) {
        const { details } = await expectProblem(response, 422, 'VALIDATION_ERROR');
        expect(details.map(({ path }) => path)).toEqual(['/room']);
      }
    },
  );
});

describe('a room', () => {
  test('is empty before its first message', async () => {
    expect(await read(newRoom())).toEqual({ data: [], nextBefore: null });
  });

  test('shows its own messages only, newest first', async () => {
    const [room, other] = [newRoom(), newRoom()];
    for (const text of ['one', 'two', 'three']) await post(room, text);
    await post(other, 'elsewhere');
    const { data } = await read(room);
    expect(data.map(({ text }) => text)).toEqual(['three', 'two', 'one']);
  });

  test('shows the name that its author has now', async () => {
    const room = newRoom();
    const { client } = await signUp(server.url, { name: 'Before' });
    await client.chat({ room }).messages.post({ text: 'Hi' });
    await client.profile.patch({ name: 'After' });
    expect((await read(room)).data.map(({ name }) => name)).toEqual(['After']);
  });

  test.each([
    ['GET', undefined],
    ['POST', {}],
  ] as const)('is closed to strangers: %s', async (method, json) => {
    const response = await send(
      server.url,
      `${method} /chat/lobby/messages`,
      json === undefined ? {} : { json },
    );
    await expectProblem(response, 401, 'UNAUTHORIZED');
  });
});

describe('paging through a room', () => {
  const room = newRoom();

  beforeAll(async () => {
    for (let one = 1; one <= 5; one += 1) await post(room, `message ${one}`);
  });

  test('meets every message once, while others are written', async () => {
    const seen: (string | null)[] = [];
    let before: number | null = Number.MAX_SAFE_INTEGER;
    while (before !== null) {
      const page = await read(room, { before, limit: 2 });
      seen.push(...page.data.map(({ text }) => text));
      before = page.nextBefore;
      if (seen.length === 2) await post(room, 'message 6');
    }
    expect(seen).toEqual([5, 4, 3, 2, 1].map((one) => `message ${one}`));
  });

  test('starts below `before`, not at it', async () => {
    const { data } = await read(room);
    const third = data.at(-3)!;
    const page = await read(room, { before: third.position });
    expect(page.data.map(({ text }) => text)).toEqual(['message 2', 'message 1']);
  });

  test('knows the last page by its missing next one', async () => {
    const all = await read(room, { limit: 6 });
    expect(all.data).toHaveLength(6);
    expect(all.nextBefore).toBeNull();
    const most = await read(room, { limit: 5 });
    expect(most.nextBefore).toBe(most.data.at(-1)!.position);
  });

  test.each(['limit=0', 'limit=101', 'limit=1.5', 'limit=x', 'before=0', 'before=-1', 'before=x'])(
    'refuses %s',
    async (query) => {
      const response = await ask(`GET /chat/${room}/messages?${query}`);
      await expectProblem(response, 422, 'VALIDATION_ERROR');
    },
  );

  test.each(['limit=1', 'limit=100', 'before=1'])('takes %s', async (query) => {
    expect((await ask(`GET /chat/${room}/messages?${query}`)).status).toBe(200);
  });
});

describe('withdrawing a message', () => {
  test('leaves its place, without its text', async () => {
    const room = newRoom();
    const { id, position } = await post(room, 'a slip of the tongue');
    const { status, response } = await ada.client.chat({ room }).messages({ id }).delete();
    expect(status).toBe(204);
    expect(positionOf(response)).toBeGreaterThan(position);
    const { data } = await read(room);
    expect(data).toMatchObject([{ id, position, text: null, withdrawn: true, version: 2 }]);
    expect(JSON.stringify(data)).not.toContain('tongue');
  });

  test('twice is harmless', async () => {
    const room = newRoom();
    const { id } = await post(room, 'oops');
    const path = `DELETE /chat/${room}/messages/${id}` as const;
    expect((await ask(path)).status).toBe(204);
    expect((await ask(path)).status).toBe(204);
    expect((await read(room)).data).toMatchObject([{ version: 2 }]);
  });

  test('is for its author, moderators and admins', async () => {
    const room = newRoom();
    const [first, second] = [await post(room, 'one'), await post(room, 'two')];
    const route = `DELETE /chat/${room}/messages/${first.id}` as const;
    const refused = await send(server.url, route, { token: eve.accessToken });
    await expectProblem(refused, 403, 'FORBIDDEN');
    expect((await read(room)).data).toMatchObject([{ text: 'two' }, { text: 'one' }]);
    for (const [role, { id }] of [
      ['moderator', first],
      ['admin', second],
    ] as const) {
      const { user, email } = await signUp(server.url);
      const { client } = await promote(server, user.id, email, role);
      expect((await client.chat({ room }).messages({ id }).delete()).status).toBe(204);
    }
  });

  test('is not found in another room or under another id', async () => {
    const { id, room } = await post(newRoom(), 'here');
    const elsewhere = await ask(`DELETE /chat/${newRoom()}/messages/${id}`);
    await expectProblem(elsewhere, 404, 'NOT_FOUND');
    await expectProblem(await ask(`DELETE /chat/${room}/messages/unknown`), 404, 'NOT_FOUND');
    expect((await read(room)).data).toMatchObject([{ withdrawn: false }]);
  });

  test('is refused when the version seen is old', async () => {
    const { id, room } = await post(newRoom(), 'here');
    const headers = { 'if-match': '"7"' };
    const route = `DELETE /chat/${room}/messages/${id}` as const;
    const response = await send(server.url, route, { token: ada.accessToken, headers });
    await expectProblem(response, 412, 'PRECONDITION_FAILED');
  });

  test('is closed to strangers', async () => {
    const response = await send(server.url, 'DELETE /chat/lobby/messages/unknown');
    await expectProblem(response, 401, 'UNAUTHORIZED');
  });
});

answers.testsThatAllAreAsDeclared(() => server.url);
