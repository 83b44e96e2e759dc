// What anybody can follow holds nobody else's address, and no hash, token or ticket of anybody.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { promote, signUp, startServer, type TestServer } from '../../src/testing/server.ts';
import { openChat, openEventStream } from '../../src/testing/streams.ts';

setDefaultTimeout(60_000);

const room = 'lobby';
let server: TestServer;
let people: Awaited<ReturnType<typeof signUp>>[];
let readers: { readonly role: string; readonly email: string; readonly token: string }[];
let head: number;

/** Everything that makes an event, by several people, with some who mention each other. */
beforeAll(async () => {
  server = await startServer();
  people = await Promise.all(
    ['Ada', 'Bob', 'Eve'].map((name) =>
      signUp(server.url, { name: `${name} ${crypto.randomUUID()}` }),
    ),
  );
  const [ada, bob, eve] = people as [(typeof people)[0], (typeof people)[0], (typeof people)[0]];
  const admin = await promote(server, ada.user.id, ada.email);
  const moderator = await promote(server, bob.user.id, bob.email, 'moderator');
  for (const { client, user } of people) {
    await client.profile.patch({ name: `${user.name} II` });
    const { data } = await client.products.post({
      name: 'Mug',
      price: 1,
      sku: crypto.randomUUID(),
    });
    await client.products({ id: data!.id }).patch({ price: 2, name: 'Cup' });
    await moderator.client.products({ id: data!.id }).delete();
    const posted = await client.chat({ room }).messages.post({ text: `@${bob.user.name} @nobody` });
    await admin.client.chat({ room }).messages({ id: posted.data!.id }).delete();
  }
  await admin.client.admin.users({ id: eve.user.id }).role.patch({ role: 'moderator' });
  await admin.client.admin.users({ id: eve.user.id }).role.patch({ role: 'user' });
  const change = {
    currentPassword: 'a long enough password',
    newPassword: 'another long password',
  };
  expect((await eve.client.profile.password.post(change)).status).toBe(204);
  head = await server.application.edge.live.head();
  readers = [
    { role: 'admin', email: ada.email, token: admin.accessToken },
    { role: 'moderator', email: bob.email, token: moderator.accessToken },
    { role: 'user', email: eve.email, token: eve.accessToken },
  ];
});

afterAll(() => server.stop());

/** Secrets as the vault keeps them, and tokens as clients hold them. */
async function secrets(): Promise<string[]> {
  const kept = await server.run(
    'vault',
    `SELECT password_hash AS secret FROM credentials
     UNION ALL SELECT refresh_hash FROM sessions UNION ALL SELECT wrapped_key FROM persons`,
  );
  const held = people.flatMap(({ accessToken, cookie }) => [accessToken, cookie.split('=')[1]!]);
  return [
    ...kept.map((row) => String(row['secret'])),
    ...held,
    ...readers.map(({ token }) => token),
  ];
}

/** Everything that a reader can follow or page through. */
async function everything(token: string): Promise<string> {
  const texts: string[] = [];
  const headers = { authorization: `Bearer ${token}` };
  for (let after: number | null = 0; after !== null;) {
    const response = await fetch(`${server.url}/events?limit=100&after=${after}`, { headers });
    const page = (await response.json()) as { data: unknown[]; nextAfter: number | null };
    texts.push(JSON.stringify(page.data));
    after = page.nextAfter;
  }
  const last = await server.application.edge.live.head();
  for (const path of ['/events/stream', '/notifications/stream']) {
    const stream = await openEventStream(server.url, { token, path, after: 0 });
    if (path === '/events/stream') await stream.until(() => stream.positions().includes(last));
    texts.push(JSON.stringify(stream.frames));
    await stream.cut();
  }
  const chat = openChat(server.url, { room, token, after: 0 });
  await chat.received('message', people.length);
  texts.push(JSON.stringify(chat.frames));
  await chat.leave();
  return texts.join('\n');
}

describe('what can be followed', () => {
  test.each(['admin', 'moderator', 'user'])('by a reader who is %s', async (role) => {
    const { email, token } = readers.find((one) => one.role === role)!;
    await people[2]!.client.products.post({ name: 'Last', price: 1, sku: crypto.randomUUID() });
    const text = await everything(token);
    expect(head).toBeGreaterThan(20);
    expect(text).toContain('ProductCreated');
    expect(text).toContain(email);
    for (const other of people) if (other.email !== email) expect(text).not.toContain(other.email);
    const secret = await secrets();
    expect(secret.length).toBeGreaterThan(10);
    for (const one of secret) expect(text.includes(one)).toBe(false);
  });
});
