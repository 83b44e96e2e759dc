// A client's walk through a fresh server; the first step that fails ends it with exit 1.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database } from 'bun:sqlite';
import pino from 'pino';
import { createApplication } from '../app.ts';
import { type ChatMessage, createClient } from '../client/index.ts';
import { readConfig } from '../config.ts';
import { projections } from '../projections/index.ts';
import { verifyLog } from '../storage/verify.ts';
import { openLogReader } from '../storage/sqlite/event-log.ts';
import { Refusal } from './failure.ts';

const say = (line: string) => process.stdout.write(`${line}\n`);
const email = 'ada@example.com';
const password = 'correct horse battery';

export async function tour(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'refold-tour-'));
  const config = {
    ...readConfig({ NODE_ENV: 'test' }),
    host: '127.0.0.1',
    port: 0,
    dataDirectory: directory,
  };
  const application = await createApplication(config, pino({ level: 'silent' }));
  try {
    const url = application.listen().href.replace(/\/$/, '');
    say(`A server with an empty store listens on ${url}`);
    await walk(url, directory, application.readSide.rebuild);
    say('Everything went as it should.');
  } finally {
    await application.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

type Rebuild = (names: readonly string[]) => Promise<void>;

async function walk(url: string, directory: string, rebuild: Rebuild): Promise<void> {
  const anonymous = createClient(url);
  const registered = await anonymous.auth.register.post({ email, name: 'Ada Lovelace', password });
  step(
    'registers',
    registered.status === 201,
    `as ${registered.data?.name}, a ${registered.data?.role}`,
  );
  const again = await anonymous.auth.register.post({
    email: email.toUpperCase(),
    name: 'Eve',
    password,
  });
  step('cannot register the same address in capitals', again.status === 409, String(again.status));

  const signedIn = await anonymous.auth.login.post({ email, password });
  step('signs in', signedIn.status === 200, 'and gets an access token and a refresh cookie');
  const accessToken = signedIn.data?.accessToken;
  const client = createClient(url, { accessToken: () => accessToken });

  const created = await client.products.post({ name: 'Mug', price: 9.5, sku: 'MUG-1' });
  const id = created.data?.id ?? '';
  step(
    'creates a product',
    created.status === 201,
    `at position ${created.response.headers.get('event-position')}`,
  );
  const found = await client.products.get({ query: { search: 'mug' } as never });
  step('finds it at once', found.data?.total === 1, found.data?.data[0]?.name ?? 'nothing');
  const ifMatch = { headers: { 'if-match': '"1"' } };
  const repriced = await client.products({ id }).patch({ price: 12.25 }, ifMatch);
  step('reprices it', repriced.data?.price === 12.25, `version ${repriced.data?.version}`);
  const stale = await client.products({ id }).patch({ price: 1 }, ifMatch);
  step('is refused a stale change', stale.status === 412, String(stale.status));
  const past = await client.products({ id }).get({ query: { asOf: '2' } });
  step(
    'sees the product as it was',
    past.data?.price === 9.5,
    `at position 2 it cost ${past.data?.price}`,
  );

  const posted = await client.chat({ room: 'lobby' }).messages.post({ text: 'Good morning!' });
  step('posts a message', posted.status === 201, `"${posted.data?.text}"`);
  const key = { headers: { 'idempotency-key': 'tour-1' } };
  const first = await client.chat({ room: 'lobby' }).messages.post({ text: 'Once only' }, key);
  const second = await client.chat({ room: 'lobby' }).messages.post({ text: 'Once only' }, key);
  step(
    'repeats a request without repeating its effect',
    first.data?.id === second.data?.id,
    'one message, two equal answers',
  );
  const read = await client.chat({ room: 'lobby' }).messages.get({ query: {} as never });
  step(
    'reads the room',
    read.data?.data.length === 2,
    `${read.data?.data.length} messages, newest first`,
  );

  await seeLive(url);
  await seeRebuild(directory, rebuild);
  await seeChain(directory);
}

/** Two people in a room, and a reader of the events who is cut and resumes. */
async function seeLive(url: string): Promise<void> {
  const [ada, bob] = [createClient(url), createClient(url)];
  const other = { email: 'bob@example.com', password };
  await bob.auth.register.post({ ...other, name: 'Bob' });
  await Promise.all([ada.signIn({ email, password }), bob.signIn(other)]);

  const seen = { ada: [] as string[], bob: [] as string[] };
  const bothSeen = Promise.withResolvers<void>();
  const hear = (who: 'ada' | 'bob') => (message: ChatMessage) => {
    seen[who].push(message.id);
    if (seen.ada.length === 2 && seen.bob.length === 2) bothSeen.resolve();
  };
  const rooms = [
    ada.chat.join('attic', { after: 0, onMessage: hear('ada') }),
    bob.chat.join('attic', { after: 0, onMessage: hear('bob') }),
  ];
  const posted = [
    await rooms[0]!.post('Good evening!'),
    await rooms[1]!.post('Good evening, Ada!'),
  ];
  await inTime(bothSeen.promise);
  step(
    'chats with two people in one room',
    [seen.ada, seen.bob].every((ids) => ids.join() === posted.map(({ id }) => id).join()),
    'both saw the same messages in the same order',
  );

  const events = ada.events.follow({ types: ['ProductCreated', 'ProductRepriced'], after: 0 });
  const positions: number[] = [];
  for await (const { position } of events) {
    positions.push(position);
    break; // which cuts the stream
  }
  await ada.products.post({ name: 'Cup', price: 4.5, sku: 'CUP-1' });
  const resumed = ada.events.follow({
    types: ['ProductCreated', 'ProductRepriced'],
    after: positions.at(-1)!,
  });
  for await (const { position } of resumed) {
    positions.push(position);
    if (positions.length === 3) break;
  }
  step(
    'follows the events, is cut, and resumes',
    positions.every((position, index) => index === 0 || position > positions[index - 1]!),
    `saw the positions ${positions.join(', ')}, each once`,
  );
  await Promise.all([ada.signOut(), bob.signOut()]);
}

const liveMsMax = 10_000;

/** What is live comes at once; a tour that waits for ever tells nothing. */
async function inTime(work: Promise<void>): Promise<void> {
  let timer: Timer | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), liveMsMax);
  });
  const first = await Promise.race([work, late]);
  clearTimeout(timer);
  if (first === 'late') throw new Refusal('✗ nothing came in time');
}

async function seeRebuild(directory: string, rebuild: Rebuild): Promise<void> {
  const before = dump(directory);
  await rebuild(projections.map(({ name }) => name));
  step(
    'rebuilds every read model from the events',
    dump(directory) === before,
    'byte for byte the same rows',
  );
}

async function seeChain(directory: string): Promise<void> {
  const log = openLogReader(join(directory, 'log.db'));
  const hash = await verifyLog(log, () => {});
  step(
    'verifies the hash chain',
    hash.length === 64,
    `${hash.slice(0, 16)}… over ${await log.head()} events`,
  );
  log.close();
}

/** Everything but the name of the build, which each making of the rows has to itself. */
function dump(directory: string): string {
  const database = new Database(join(directory, 'read-model.db'), { readonly: true });
  const tables = ['users', 'products', 'messages', 'notifications'];
  const queries = tables.map((table) => `SELECT * FROM ${table} ORDER BY 1`);
  queries.push('SELECT projection, version, position FROM checkpoints ORDER BY 1');
  const rows = queries.map((query) => database.query(query).all());
  database.close();
  return JSON.stringify(rows);
}

function step(what: string, isRight: boolean, seen: string): void {
  if (!isRight) throw new Refusal(`✗ ${what}: ${seen}`);
  say(`✓ ${what}: ${seen}`);
}
