// Real servers for tests: in this process on a free port, or as a process that can be killed.
import { join } from 'node:path';
import pino from 'pino';
import { createApplication } from '../app.ts';
import { createClient } from '../client/index.ts';
import { type Config, readConfig } from '../config.ts';
import { temporaryDirectory } from './directory.ts';
import { placeOf, temporaryPlace } from './engine.ts';

export { temporaryDirectory, temporaryPlace };

export const testPassword = 'a long enough password';

const cli = join(import.meta.dir, '../cli.ts');

export type TestServer = Awaited<ReturnType<typeof startServer>>;

/** The whole application on stores of its own, listening on a free port of the loopback. */
export async function startServer(
  overrides: Partial<Config> & { readonly directory?: string } = {},
) {
  const { directory, ...config } = overrides;
  const own = directory === undefined ? temporaryPlace() : undefined;
  const dataDirectory = directory ?? own!.path;
  const place = await placeOf(dataDirectory);
  const { database } = place;
  const defaults = readConfig({ NODE_ENV: 'test', RATE_LIMIT_AUTH: '0', RATE_LIMIT_COMMANDS: '0' });
  const application = await createApplication(
    { ...defaults, host: '127.0.0.1', port: 0, database, dataDirectory, ...config },
    pino({ level: 'silent' }),
  );
  const url = application.listen().href.replace(/\/$/, '');
  return {
    url,
    directory: dataDirectory,
    /** Runs a statement on a store behind the server's back, and answers its rows. */
    run: place.run,
    holdLog: place.holdLog,
    application,
    anonymous: createClient(url),
    /** Waits until everything in the log has been reacted to, and answers the log's head. */
    async reactedToAll(): Promise<number> {
      const { followers, edge } = application;
      for (;;) {
        const head = await edge.live.head();
        if (followers.reactions.position() >= head) return head;
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
    },
    /** Waits until every effect of what is in the log is done or dead. */
    async effectsSettled(): Promise<void> {
      const { followers, edge } = application;
      const { effects } = followers;
      for (;;) {
        const head = await edge.live.head();
        const { waiting, delayed, active } = await effects.counts();
        if (effects.position() >= head && waiting + delayed + active === 0) return;
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
    },
    /** Stops the server; its directory goes too, unless it was given. */
    async stop() {
      await application.stop();
      await own?.remove();
    },
  };
}

let users = 0;

/** Registers somebody new, signs them in, and answers a client that speaks for them. */
export async function signUp(url: string, { name = 'Ada Lovelace' }: { name?: string } = {}) {
  users += 1;
  const email = `user-${process.pid}-${users}-${crypto.randomUUID().slice(0, 8)}@example.com`;
  const anonymous = createClient(url);
  const registered = await anonymous.auth.register.post({ email, name, password: testPassword });
  if (!registered.data) throw new Error(`Registering failed: ${JSON.stringify(registered.error)}`);
  return { ...(await signIn(url, email)), user: registered.data };
}

export async function signIn(url: string, email: string, password: string = testPassword) {
  const { data, error, response } = await createClient(url).auth.login.post({ email, password });
  if (!data) throw new Error(`Signing in failed: ${JSON.stringify(error)}`);
  const { accessToken } = data;
  const cookie = response.headers.get('set-cookie')?.split(';')[0] ?? '';
  return {
    email,
    accessToken,
    cookie,
    client: createClient(url, { accessToken: () => accessToken }),
  };
}

/** Makes a user an admin through the command handlers, and signs them in with the new role. */
export async function promote(
  server: TestServer,
  userId: string,
  email: string,
  role: 'admin' | 'moderator' = 'admin',
) {
  const { commands, noteRole } = server.application.edge;
  const context = { actorId: 'test', correlationId: 'test', causationId: 'test' };
  const outcome = await commands.users(userId, { type: 'ChangeUserRole', userId, role }, context);
  if (!outcome.ok) throw new Error(`Promoting failed: ${outcome.rejection}`);
  noteRole(userId, role, outcome.position);
  return await signIn(server.url, email);
}

/** The server as a process of its own, as an operator runs it. */
export async function spawnServer(directory: string, environment: Record<string, string> = {}) {
  const place = await placeOf(directory);
  const child = Bun.spawn([process.execPath, '--no-env-file', cli, 'start'], {
    cwd: directory,
    env: {
      PATH: process.env['PATH'] ?? '',
      NODE_ENV: 'test',
      HOST: '127.0.0.1',
      PORT: '0',
      RATE_LIMIT_AUTH: '0',
      RATE_LIMIT_COMMANDS: '0',
      ...place.environment,
      ...environment,
    },
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const log = collect(child.stdout);
  const url = await listeningUrl(child, log);
  return { url, child, /** What it has written on standard output. */ log: log.text };
}

type Log = ReturnType<typeof collect>;

/** Waits for the line of the log that tells the address. */
async function listeningUrl(
  child: Bun.Subprocess<'ignore', 'pipe', 'pipe'>,
  log: Log,
): Promise<string> {
  for (;;) {
    const url = /"url":"([^"]+?)\/?"/.exec(log.text())?.[1];
    if (url) return url;
    if (await log.hasEnded())
      throw new Error(`The server ended: ${log.text()}${await new Response(child.stderr).text()}`);
  }
}

/** Reads to the end, so that no pipe fills. */
function collect(stream: ReadableStream<Uint8Array>) {
  const decoder = new TextDecoder();
  const reader = stream.getReader();
  let text = '';
  let next = read();

  async function read(): Promise<boolean> {
    const { value, done } = await reader.read();
    text += decoder.decode(value, { stream: !done });
    if (!done) next = read();
    return done;
  }

  return {
    text: () => text,
    /** Waits for more, and answers whether there is nothing more. */
    hasEnded: () => next,
  };
}
