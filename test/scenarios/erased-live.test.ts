// What is open, and what was opened before: nobody is shown any more what was erased.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import type { signIn } from '../../src/testing/server.ts';
import { promote, signUp, startServer, type TestServer } from '../../src/testing/server.ts';
import { openChat, openEventStream } from '../../src/testing/streams.ts';
import { positionOf, send } from '../http/requests.ts';

setDefaultTimeout(30_000);

const room = 'lobby';
let server: TestServer;
let admin: Awaited<ReturnType<typeof signIn>>;
let bob: Awaited<ReturnType<typeof signUp>>;

beforeAll(async () => {
  server = await startServer();
  const first = await signUp(server.url, { name: 'Grace Hopper' });
  admin = await promote(server, first.user.id, first.email);
  bob = await signUp(server.url, { name: 'Bob' });
});
afterAll(() => server.stop());

const somebody = () => signUp(server.url, { name: `Name ${crypto.randomUUID()}` });

const eraseSelf = (token: string) => send(server.url, 'DELETE /profile', { token });

/** Every event that a reader may see, as text. */
async function eventsFor(token: string): Promise<string> {
  const texts: string[] = [];
  for (let after: number | null = 0; after !== null;) {
    const response = await send(server.url, `GET /events?limit=100&after=${after}`, { token });
    const page = (await response.json()) as { data: unknown[]; nextAfter: number | null };
    texts.push(JSON.stringify(page.data));
    after = page.nextAfter;
  }
  return texts.join('\n');
}

async function roomNow(): Promise<string> {
  const { data } = await bob.client.chat({ room }).messages.get({ query: { limit: 100 } });
  return JSON.stringify(data);
}

describe('somebody who erases themselves', () => {
  test('is cut off from streams and rooms', async () => {
    const ada = await somebody();
    const stream = await openEventStream(server.url, { token: ada.accessToken });
    const chat = openChat(server.url, { room, token: ada.accessToken });
    await chat.opened;
    expect((await eraseSelf(ada.accessToken)).status).toBe(204);
    expect(await stream.ended).toBe('ended');
    expect((await chat.closed).code).toBe(4401);
  });

  test('is shown to nobody any more, by rows, pages, streams or rooms', async () => {
    const ada = await somebody();
    const text = `text ${crypto.randomUUID()}`;
    // Somebody follows all the while, so that the newest events are remembered as they were opened.
    const follower = await openEventStream(server.url, { token: admin.accessToken, after: 0 });
    const { data: posted } = await ada.client.chat({ room }).messages.post({ text });
    await follower.until(() => follower.positions().includes(posted!.position));
    const seen = JSON.stringify(follower.frames);
    expect(seen).toContain(text);

    const position = positionOf(await eraseSelf(ada.accessToken));
    const late = await openEventStream(server.url, { token: admin.accessToken, after: 0 });
    await late.until(() => late.positions().includes(position));
    const joiner = openChat(server.url, { room, token: bob.accessToken, after: 0 });
    await joiner.until(() => joiner.of('message').some(({ id }) => id === posted!.id));
    const users = await send(server.url, 'GET /admin/users?limit=100', {
      token: admin.accessToken,
    });
    const shown = [
      JSON.stringify(late.frames),
      JSON.stringify(joiner.frames),
      await eventsFor(admin.accessToken),
      await users.text(),
      await roomNow(),
    ];
    for (const one of shown) {
      expect(one).not.toContain(ada.email);
      expect(one).not.toContain(ada.user.name);
      expect(one).not.toContain(text);
    }
    const streamed = late.events().find(({ position: at }) => at === posted!.position);
    expect(streamed?.data).toMatchObject({ text: '[erased]' });
    expect(joiner.of('message').find(({ id }) => id === posted!.id)).toMatchObject({
      name: '[erased]',
      data: { text: '[erased]' },
    });
    await Promise.all([follower.cut(), late.cut(), joiner.leave()]);
  });
});
