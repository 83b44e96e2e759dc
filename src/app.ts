// The composition root: names every part and wires it, decides nothing.
import { join } from 'node:path';
import { version } from '../package.json';
import { drizzle } from 'drizzle-orm/bun-sqlite';
import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import { atMost, stopMsMax } from './at-most.ts';
import { createPasswords } from './auth/passwords.ts';
import { createRegistration } from './auth/registration.ts';
import { createSessions, accessTokenSeconds } from './auth/sessions.ts';
import { createTokenReuse, type TokenReuse } from './auth/token-reuse.ts';
import { createTickets } from './auth/tickets.ts';
import { createCommands, type Commands } from './commands/index.ts';
import { type Config, InvalidConfig, type Secrets } from './config.ts';
import { registry } from './events/index.ts';
import type { Role, UserEvent } from './events/users.ts';
import { createFollowers } from './followers.ts';
import { createAccess, type User } from './http/access.ts';
import type { Edge } from './http/edge.ts';
import { createFreshness } from './http/freshness.ts';
import { createOnce } from './http/idempotency.ts';
import { createLimits } from './http/rate-limit.ts';
import { createTokens } from './http/tokens.ts';
import { openImages } from './images.ts';
import type { Append, EventLog } from './kernel/event-log.ts';
import { createEventStore, type EventStore } from './kernel/event-store.ts';
import type { CommandHandlerParts, Folded } from './kernel/handle-command.ts';
import { idOf, type Position, type StreamName } from './kernel/stream.ts';
import type { Vault } from './kernel/vault.ts';
import { createLive } from './live.ts';
import { openJobs } from './open-jobs.ts';
import { createMeters, type Meters } from './metrics/index.ts';
import { createMonitoredHttp, type MonitoredHttp } from './monitoring.ts';
import { rebuildOutdated } from './operations.ts';
import { sqliteReads } from './queries/engines.ts';
import { createQueries } from './queries/index.ts';
import type { ReadSideSettings } from './projector-worker.ts';
import { openReadSide } from './read-side.ts';
import { developmentSecrets } from './secrets.ts';
import { openSharedSide } from './shared.ts';
import { systemClock as clock } from './storage/clock.ts';
import { createDigest } from './storage/digest.ts';
import { createKeyEncryption, type KeyEncryption } from './storage/key-encryption.ts';
import { createKeyring, keyPlace } from './storage/keyring.ts';
import { openSnapshots } from './storage/sqlite/snapshots.ts';
import { openSqliteStorage, type Storage } from './storage/sqlite/storage.ts';

const statesRemembered = 20_000;
const pruneMs = 60 * 60 * 1_000;
const claimSecret = 'claim-digest';

const newId = () => Bun.randomUUIDv7();
const endOfTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Opens the stores, starts the projector and builds the HTTP application; nothing listens yet. */
export async function createApplication(config: Config, logger: Logger) {
  let writerFailure: Error | undefined;
  const meters = createMeters(version);
  const stored = await openStorage(config, (error) => {
    writerFailure = error;
    logger.fatal({ err: error }, 'the writer has ended; commands are refused until a restart');
  });
  const storage = meters.watchStorage(stored);
  const { log, vault } = storage;
  const secrets = config.secrets ?? developmentSecrets(config.dataDirectory);
  const { keyEncryption, keyring, digest } = await openKeys(vault, secrets.crypto);

  let appendFailure: Error | undefined;
  const watchedLog = watched(log, {
    appended(durable, appends) {
      appendFailure = undefined;
      readSide.wake(durable);
      shared.appended(appends, durable);
      if (live.feed.size() > 0) live.wakeUp.signal();
      followers.wakeFor(appends);
    },
    failed(error) {
      appendFailure = error;
    },
  });
  const store = createEventStore({ log: watchedLog, registry, keyring, endOfTurn });
  const commands = createMeasuredCommands(meters, { store, digest });

  const { closeReads, ...opened } = await openReadsAndJobs(config, secrets, log, logger);
  const { readSide, enter } = opened;
  const images = openImages({ ...opened, config, digest, logger, head: log.head });
  const common = { ...opened, store, commands, images, config, digest, keyring, newId, logger };
  const shared = openSharedSide({ ...common, log: watchedLog, wake: () => live.wakeUp.signal() });
  const followers = await createFollowers({ ...storage, ...common });

  const accounts = await openAccounts({ store, commands, vault, keyEncryption, secrets });
  const { sessions, recentRoles, tokens, tokenReuse } = accounts;
  const tickets = createTickets<User>();
  const access = createAccess({ tokens, sessions, tickets, recentRoles });
  const live = createLive({ ...common, log: watchedLog, tickets, access, endOfTurn });
  live.feed.start();
  shared.start();
  followers.start();
  await tokenReuse.settle(newId());

  const edge: Edge = {
    ...common,
    queries: shared.queries,
    access,
    live,
    ...accounts,
    passwords: createPasswords(),
    passwordHashOf: vault.passwordHashOf,
    freshness: createFreshness({ ...readSide, enter }, await log.head()),
    once: createOnce({ vault, keyring, digest, clock }),
    limits: createLimits(config.rateLimits, meters.requests.refused, shared.counts),
    refused: meters.requests.refused,
    presence: shared.presence,
    nameOf: live.nameIfKnown,
    noteRole: (userId, role) => recentRoles.set(userId, role),
    isProduction: config.isProduction,
  };
  const http = createMonitoredHttp({
    ...common,
    edge,
    meters,
    jobs: followers.effects,
    writerFailure: () => writerFailure ?? appendFailure,
    others: [...followers.checks, ...shared.checks],
    followers: followers.all,
    version,
  });
  const pruning = pruneRegularly(vault, tokenReuse, logger);

  return {
    http,
    edge,
    live,
    images,
    readSide,
    followers,
    shared,

    listen() {
      http.listen({ port: config.port, hostname: config.host });
      const url = new URL(http.server!.url);
      if (url.hostname === '0.0.0.0') url.hostname = 'localhost'; // which is not an address to visit
      return url;
    },

    /** Answers what was begun, then closes every store. */
    async stop(): Promise<void> {
      clearInterval(pruning);
      images.stop();
      meters.process.stop();
      live.connections.close();
      await live.feed.stop();
      await stopServing(http.server);
      await followers.stop();
      await shared.stop();
      await store.idle();
      await edge.freshness.caughtUp(await log.head());
      await closeReads();
      await storage.close();
    },
  };
}

/** @throws InvalidConfig for an engine that the server does not run on. */
async function openStorage(
  { database, dataDirectory }: Config,
  onWriterGone: (error: Error) => void,
): Promise<Storage> {
  if (database.engine === 'sqlite') return await openSqliteStorage(dataDirectory, onWriterGone);
  throw new InvalidConfig([
    'DATABASE_URL must be sqlite:DIRECTORY: the server does not run on PostgreSQL yet.',
  ]);
}

/** Answers what was begun; a request that never ends is cut. */
async function stopServing(server: MonitoredHttp['server']): Promise<void> {
  if (!server) return;
  await atMost(server.stop(), stopMsMax);
  await server.stop(true);
}

/** The keys of persons, and the digest of names that are held, which has a key of its own. */
async function openKeys(vault: Vault, cryptoSecrets: readonly string[]) {
  const keyEncryption = createKeyEncryption(cryptoSecrets);
  const keyring = createKeyring(vault, keyEncryption);
  const wrapped = await vault.secret(claimSecret, keyEncryption.wrapNew(claimSecret));
  const digest = createDigest(keyEncryption.unwrap(wrapped, claimSecret));
  return { keyEncryption, keyring, digest };
}

/** At the same time, because each starts a thread. */
async function openReadsAndJobs(config: Config, secrets: Secrets, log: EventLog, logger: Logger) {
  const settings = { directory: config.dataDirectory, cryptoSecrets: secrets.crypto };
  const opening = [openReads(settings, log, logger), openJobs(config, logger)] as const;
  const [reads, jobs] = await Promise.all(opening);
  return { ...reads, jobs };
}

/** The commands, with a cache of the states they decide on. */
function createMeasuredCommands(
  meters: Meters,
  parts: Pick<CommandHandlerParts, 'store' | 'digest'>,
): Commands {
  const states = new LRUCache<StreamName, Folded<unknown>>({ max: statesRemembered });
  const cache = meters.caches.watch('states', states);
  const store = meters.log.watchStore(parts.store);
  return meters.commands.watch(createCommands({ ...parts, store, cache, clock, newId }));
}

type AccountParts = {
  readonly store: EventStore;
  readonly commands: Commands;
  readonly vault: Vault;
  readonly keyEncryption: KeyEncryption;
  readonly secrets: Secrets;
};

/** How people come in; what a crash left half done is finished first. */
async function openAccounts({ store, commands, vault, keyEncryption, secrets }: AccountParts) {
  const sessions = await createSessions({ vault, clock, newId, secrets: secrets.refresh });
  const recentRoles = await rolesChangedRecently(store);
  const tokens = createTokens(secrets.jwt, newId);
  const registration = createRegistration({ vault, clock, newKey: keysUnder(keyEncryption) });
  await registration.settle(async (personId) => (await commands.users.load(personId)).version > 0);
  const tokenReuse = createTokenReuse(vault, reuseNotedIn(commands));
  return { sessions, recentRoles, tokens, registration, tokenReuse };
}

/** The projector, and the queries on its rows. */
async function openReads(settings: ReadSideSettings, log: EventLog, logger: Logger) {
  let isStopping = false;
  const readSide = await openReadSide(settings, await log.head(), (status) => {
    const isAsExpected = status.state === 'live' || isStopping;
    logger[isAsExpected ? 'debug' : 'warn'](status, 'projector');
  });
  const snapshots = openSnapshots(join(settings.directory, 'read-model.db'));
  readSide.onProgress(() => {
    snapshots.leave();
    rebuildOutdated(readSide, logger);
  });
  return {
    readSide,
    queries: createQueries(sqliteReads(drizzle(snapshots.database))),
    /** To be called right before a query reads. */
    enter: snapshots.enter,
    async closeReads() {
      isStopping = true;
      await readSide.close();
      snapshots.close();
    },
  };
}

type Watcher = {
  readonly appended: (durable: Position, appends: readonly Append[]) => void;
  readonly failed: (error: Error) => void;
};

/** Tells after each append how far the log has come, or that it failed. */
function watched(log: EventLog, { appended, failed }: Watcher): EventLog {
  return {
    ...log,
    async append(appends) {
      try {
        const outcomes = await log.append(appends);
        appended(await log.head(), appends);
        return outcomes;
      } catch (error) {
        failed(error as Error);
        throw error;
      }
    },
  };
}

/** Makes the key of a new person, wrapped as the vault keeps it. */
function keysUnder({ wrapNew }: KeyEncryption) {
  return (personId: string) => {
    const keyId = newId();
    return { personId, keyId, wrappedKey: wrapNew(keyPlace(personId, keyId)) };
  };
}

/** Nobody is signed in where a token is presented that was used before: the sessions themselves speak. */
function reuseNotedIn({ users }: Commands): Parameters<typeof createTokenReuse>[1] {
  return ({ id: sessionId, personId }, commandId, requestId) => {
    const context = { actorId: 'sessions', correlationId: requestId, causationId: requestId };
    return users(personId, { type: 'NoteTokenReuse', sessionId }, { ...context, commandId });
  };
}

function pruneRegularly(vault: Vault, tokenReuse: TokenReuse, logger: Logger): Timer {
  async function prune() {
    await tokenReuse.settle(newId());
    await vault.prune(clock.now());
  }
  const report = (error: unknown) => logger.error({ err: error }, 'pruning the vault failed');
  return setInterval(() => void prune().catch(report), pruneMs).unref();
}

/** Roles that changed so recently that tokens with the old one may still be unexpired. */
async function rolesChangedRecently(store: EventStore): Promise<Map<string, Role>> {
  const since = new Date(Date.now() - accessTokenSeconds * 1_000).toISOString();
  const roles = new Map<string, Role>();
  for await (const event of store.readBack()) {
    if (event.time < since) break;
    const { type, data, stream } = event as unknown as UserEvent & { stream: StreamName };
    if (type === 'UserRoleChanged' && !roles.has(idOf(stream))) roles.set(idOf(stream), data.role);
  }
  return roles;
}
