import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { join } from 'node:path';
import {
  signIn,
  signUp,
  spawnServer,
  temporaryPlace,
  testPassword,
} from '../../src/testing/server.ts';
import { openChat } from '../../src/testing/streams.ts';
import { closeBrowser, openPage, type Page } from './page.ts';

setDefaultTimeout(60_000);

const root = join(import.meta.dir, '../..');
const secret = () => Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('hex');
const secrets = { JWT_SECRET: secret(), JWT_REFRESH_SECRET: secret(), CRYPTO_SECRET: secret() };

const directory = temporaryPlace();
let pages: { readonly url: string; readonly stop: () => Promise<unknown> };
let server: Awaited<ReturnType<typeof spawnServer>>;
let ada: Awaited<ReturnType<typeof signUp>>;
let bob: Awaited<ReturnType<typeof signUp>>;
let page: Page;

beforeAll(async () => {
  pages = await servePages();
  server = await startServer('0');
  ada = await signUp(server.url);
  bob = await signUp(server.url, { name: 'Bob' });
});
afterAll(async () => {
  closeBrowser();
  await Promise.all([pages?.stop(), server && stopServer()]);
  await directory.remove();
});

/** The page as the README says to serve it. */
async function servePages() {
  const command = [process.execPath, '--port=0', 'examples/live/index.html'];
  const child = Bun.spawn(command, { cwd: root, stdout: 'pipe', stderr: 'inherit' });
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of child.stdout) {
    text += decoder.decode(chunk, { stream: true });
    const url = /http:\/\/localhost:\d+/.exec(text)?.[0];
    if (url) return { url, stop: () => (child.kill(), child.exited) };
  }
  throw new Error(`The page is not served: ${text}`);
}

const startServer = (port: string, environment: Record<string, string> = {}) =>
  spawnServer(directory.path, {
    PORT: port,
    CORS_ORIGINS: pages.url,
    ...secrets,
    ...environment,
  });

async function stopServer() {
  server.child.kill('SIGTERM');
  await server.child.exited;
}

async function restartServer(environment?: Record<string, string>) {
  const { port } = new URL(server.url);
  await stopServer();
  server = await startServer(port, environment);
}

async function signInOnPage(password: string) {
  await page.fill('#email', ada.email);
  await page.fill('#password', password);
  await page.click('#sign-in button');
}

const create = async (name: string, price: number) => {
  const { data } = await bob.client.products.post({ name, price, sku: crypto.randomUUID() });
  return data!.id;
};
const say = async (text: string) => {
  const { data } = await bob.client.chat({ room: 'lobby' }).messages.post({ text });
  return data!.id;
};

describe('the live page', () => {
  test('says why nobody is signed in with a wrong password', async () => {
    // By name, because the cookie of the session goes to the same site only.
    const api = `http://localhost:${new URL(server.url).port}`;
    page = await openPage(`${pages.url}/?server=${api}`);
    await signInOnPage('not the password');
    await page.shows('#refusal', 'Address or password is wrong.');
    await page.shows('h2');
  });

  test('shows what there is once somebody has signed in', async () => {
    await create('Mug', 9.5);
    await say('Good morning!');
    await signInOnPage(testPassword);
    await page.shows('#products li', 'Mug 9.50');
    await page.shows('#chat li', 'Bob Good morning!');
    await page.shows('h2 small', 'live', 'live');
    await page.shows('.present', 'Ada Lovelace');
  });

  test('shows what others do, as text', async () => {
    const id = await create('<b>Cup</b>', 4);
    const said = await say('<img src=x onerror="document.body.remove()">');
    await page.shows('#products li', '<b>Cup</b> 4.00', 'Mug 9.50');
    await page.shows(
      '#chat li',
      'Bob <img src=x onerror="document.body.remove()">',
      'Bob Good morning!',
    );
    await bob.client.products({ id }).patch({ name: 'Cup', price: 4.25 });
    await bob.client.chat({ room: 'lobby' }).messages({ id: said }).delete();
    await page.shows('#products li', 'Cup 4.25', 'Mug 9.50');
    await page.shows('#chat li', 'Bob Good morning!');
    await bob.client.products({ id }).delete();
    await page.shows('#products li', 'Mug 9.50');
  });

  test('posts what is typed into it', async () => {
    const reader = openChat(server.url, { room: 'lobby', token: bob.accessToken });
    await reader.opened;
    await page.shows('.present', 'Ada Lovelace, Bob');
    await page.fill('#chat input', 'Hello, Bob');
    await page.click('#chat button');
    await reader.received('message', 1);
    expect(reader.of('message')[0]!.data!.text).toBe('Hello, Bob');
    await page.shows('#chat li', 'Ada Lovelace Hello, Bob', 'Bob Good morning!');
    await reader.leave();
  });

  test('goes on after the server was restarted, and misses and doubles nothing', async () => {
    await restartServer();
    await create('Plate', 7);
    await say('Back again');
    const messages = ['Bob Back again', 'Ada Lovelace Hello, Bob', 'Bob Good morning!'];
    await page.shows('#products li', 'Plate 7.00', 'Mug 9.50');
    await page.shows('#chat li', ...messages);
    await create('Bowl', 3);
    await page.shows('#products li', 'Bowl 3.00', 'Plate 7.00', 'Mug 9.50');
    await say('Still here');
    await page.shows('#chat li', 'Bob Still here', ...messages);
  });

  test('gets itself a new access token when the old one no longer counts', async () => {
    await restartServer({ JWT_SECRET: secret() });
    bob = { ...bob, ...(await signIn(server.url, bob.email)) };
    await create('Jug', 12);
    await page.shows('#products li', 'Jug 12.00', 'Bowl 3.00', 'Plate 7.00', 'Mug 9.50');
    await page.shows('h2 small', 'live', 'live');
    await page.shows('.present', 'Ada Lovelace');
  });

  test('asks to sign in again when the session has ended', async () => {
    ada = { ...ada, ...(await signIn(server.url, ada.email)) };
    const newPassword = `${testPassword}, and longer`;
    await ada.client.profile.password.post({ currentPassword: testPassword, newPassword });
    await page.shows('#refusal', 'Sign in again.');
    await page.shows('h2');
    await signInOnPage(newPassword);
    await page.shows('#products li', 'Jug 12.00', 'Bowl 3.00', 'Plate 7.00', 'Mug 9.50');
  });
});
