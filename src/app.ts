// The composition root: names every part and wires it, decides nothing.
import { version } from '../package.json';
import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import { atMost, stopMsMax } from './at-most.ts';
import { createErasure } from './auth/erasure.ts';
import { createPasswordChanges } from './auth/password-change.ts';
import { createPasswords } from './auth/passwords.ts';
import { createRecent } from './auth/recent.ts';
import { createRecentRoles } from './auth/recent-roles.ts';
import { createRegistration } from './auth/registration.ts';
import { createSessions, accessTokenSeconds } from './auth/sessions.ts';
import { createSignIn } from './auth/sign-in.ts';
import { createTokenReuse } from './auth/token-reuse.ts';
import { createCommands, type Commands } from './commands/index.ts';
import { notePasswordChange, noteTokenReuse } from './commands/notes.ts';
import type { Config, Secrets } from './config.ts';
import { registry } from './events/index.ts';
import { type Role, UserErased, UserRoleChanged } from './events/users.ts';
import { createFollowers } from './followers.ts';
import { createAccess } from './http/access.ts';
import { createAddresses } from './http/addresses.ts';
import { createAudit } from './http/audit.ts';
import type { Edge } from './http/edge.ts';
import { createOnce } from './http/idempotency.ts';
import { createLimits } from './http/rate-limit.ts';
import { createTokens } from './http/tokens.ts';
import { openImages } from './images.ts';
import type { Append, AppendOutcome, EventLog } from './kernel/event-log.ts';
import { createEventStore, type EventStore } from './kernel/event-store.ts';
import type { EventOf } from './kernel/event.ts';
import type { CommandHandlerParts, Folded } from './kernel/handle-command.ts';
import type { Keyring } from './kernel/keyring.ts';
import { idOf, type Position, type StreamName } from './kernel/stream.ts';
import type { Vault } from './kernel/vault.ts';
import { createLive } from './live.ts';
import { openJobs } from './open-jobs.ts';
import { createMeters, type Meters } from './metrics/index.ts';
import { createMonitoredHttp, type MonitoredHttp } from './monitoring.ts';
import { followOtherNodes } from './other-nodes.ts';
import { openReads } from './reads.ts';
import { developmentSecrets } from './secrets.ts';
import { openSharedSide, type SharedSide } from './shared.ts';
import { systemClock as clock } from './storage/clock.ts';
import { createDigest, type Digest } from './storage/digest.ts';
import { createKeyEncryption, type KeyEncryption } from './storage/key-encryption.ts';
import { createKeyRotation } from './storage/key-rotation.ts';
import { createKeyring, keyPlace } from './storage/keyring.ts';
import { openStores, type Stores } from './stores.ts';
import { openTracing, type Tracing } from './tracing.ts';

const statesRemembered = 20_000;
const pruneMs = 60 * 60 * 1_000;
/** No registration takes as long as this. */
const settleMs = 5 * 60 * 1_000;
const endOfTime = '9999';
const claimSecret = 'claim-digest';

const newId = () => Bun.randomUUIDv7();
const endOfTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Opens the stores, starts the projector and builds the HTTP application; nothing listens yet. */
export async function createApplication(config: Config, logger: Logger) {
  const watchers = { meters: createMeters(version), tracing: await openTracing(config, logger) };
  const { meters, tracing } = watchers;
  const { storage, writer } = await openWatchedStores(config, watchers, logger);
  const { log, vault, tickets, nodes } = storage;
  const secrets = config.secrets ?? developmentSecrets(config.dataDirectory);
  const { keyEncryption, keyring, digest } = await openKeys(vault, secrets.crypto);

  const watchedLog = watched(log, {
    answered(appends, durable) {
      writer.worked();
      if (durable === undefined) return;
      readSide.wake(durable);
      shared.appended(appends, durable);
      if (live.feed.size() > 0) live.wakeUp.signal();
      followers.wakeFor(appends);
    },
    failed: writer.failed,
  });
  const store = createEventStore({ log: watchedLog, registry, keyring, endOfTurn });
  const isShared = nodes !== undefined;
  const { commands, states } = createMeasuredCommands(watchers, { store, digest, isShared });

  const settings = { config, secrets, digest, logger };
  const { closeReads, ...opened } = await openReadsAndJobs(settings, storage);
  const { readSide, freshness } = opened;
  const images = openImages({ ...opened, config, digest, logger, head: log.head });
  const common = { ...opened, store, commands, images, config, digest, keyring, newId, logger };
  const ofNodes = { leases: nodes?.leases, broadcast: nodes?.broadcast };
  const hinted = { ...ofNodes, log: watchedLog, wake: () => othersAppended() };
  const shared = openSharedSide({ ...common, ...hinted });
  const followers = await createFollowers({ ...storage, ...common, ...ofNodes });

  const memory = { states, feed: () => live.feed };
  const accounts = await openAccounts({ ...storage, ...common, keyEncryption, secrets, memory });
  const access = createAccess({ ...accounts, tickets, known: () => others?.known() });
  const live = createLive({ ...common, log: watchedLog, tickets, access, endOfTurn });
  const others = nodes && (await followOtherNodes({ ...storage, ...common, ...accounts }));

  await addRecentChanges(store, accounts);

  /** Another node has appended something, as far as a hint can tell. */
  function othersAppended() {
    readSide.wake(0 as Position);
    if (live.feed.size() > 0) live.wakeUp.signal();
    followers.wake();
    shared.wake();
    others?.wake();
  }
  nodes?.onHint(othersAppended);
  others?.start();
  live.feed.start();
  shared.start();
  followers.start();
  await accounts.settle(!isShared);

  const edge: Edge = {
    ...common,
    ...createProtection(common, meters, shared.counts),
    queries: tracing.queries(shared.queries),
    access,
    live,
    ...accounts,
    passwordHashOf: vault.passwordHashOf,
    freshness: tracing.freshness(freshness),
    once: createOnce({ ...accounts, vault, keyring, digest, clock }),
    presence: shared.presence,
    nameOf: live.nameIfKnown,
    isProduction: config.isProduction,
  };
  const http = createMonitoredHttp({
    ...common,
    ...watchers,
    edge,
    jobs: followers.effects,
    writerFailure: writer.failure,
    others: [...followers.checks, ...shared.checks, ...(others?.checks ?? [])],
    followers: followers.all,
    version,
  });
  const pruning = pruneRegularly(vault, accounts, logger);

  return {
    http,
    edge,
    live,
    images,
    readSide,
    followers,
    shared,

    listen: () => listen(http, config),

    /** Answers what was begun, then closes every store. */
    async stop(): Promise<void> {
      clearInterval(pruning);
      images.stop();
      meters.process.stop();
      live.connections.close();
      await live.feed.stop();
      await stopServing(http.server);
      await followers.stop();
      await others?.stop();
      await shared.stop();
      await store.idle();
      if (!isShared) await freshness.caughtUp(await log.head());
      await closeReads();
      await Promise.all([storage.close(), tracing.stop()]);
    },
  };
}

/** What watches the ports. */
type Watchers = { readonly meters: Meters; readonly tracing: Tracing };

/** The stores, measured, and whether anything can be written to them. */
async function openWatchedStores(config: Config, { meters, tracing }: Watchers, logger: Logger) {
  let goneBy: Error | undefined;
  let failedBy: Error | undefined;
  const stored = await openStores(config, (error) => {
    goneBy = error;
    logger.fatal({ err: error }, 'the writer has ended; commands are refused until a restart');
  });
  const writer = {
    failure: () => goneBy ?? failedBy,
    worked: () => (failedBy = undefined),
    failed(error: Error) {
      // A database that is away shows in every check, and is back without an append to tell so.
      if (!stored.nodes) failedBy = error;
    },
  };
  const traced = { ...stored, log: tracing.log(stored.log) };
  return { storage: meters.watchStorage(traced), writer };
}

function listen(http: MonitoredHttp, { port, host }: Config): URL {
  http.listen({ port, hostname: host });
  const url = new URL(http.server!.url);
  if (url.hostname === '0.0.0.0') url.hostname = 'localhost'; // which is not an address to visit
  return url;
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

type Settings = {
  readonly config: Config;
  readonly secrets: Secrets;
  readonly digest: Digest;
  readonly logger: Logger;
};

/** At the same time, because each starts a thread. */
async function openReadsAndJobs({ config, secrets, digest, logger }: Settings, stores: Stores) {
  const settings = { ...config, cryptoSecrets: secrets.crypto };
  const opening = [openReads(settings, stores, logger), openJobs(config, digest, logger)] as const;
  const [reads, jobs] = await Promise.all(opening);
  return { ...reads, jobs };
}

/** The commands, with a cache of the states they decide on. */
function createMeasuredCommands(
  { meters, tracing }: Watchers,
  parts: Pick<CommandHandlerParts, 'store' | 'digest' | 'isShared'>,
) {
  const states = new LRUCache<StreamName, Folded<unknown>>({ max: statesRemembered });
  const cache = meters.caches.watch('states', states);
  const store = tracing.store(meters.log.watchStore(parts.store));
  const commands: Commands = createCommands({ ...parts, store, cache, clock, newId });
  return { commands: tracing.commands(meters.commands.watch(commands)), states };
}

/** What stands between strangers and everything that is expensive or worth guessing. */
function createProtection(
  { config, logger }: { readonly config: Config; readonly logger: Logger },
  meters: Meters,
  shared: SharedSide['counts'],
) {
  const addresses = createAddresses(config.trustedProxies);
  const { refused } = meters.requests;
  const limits = createLimits({ limits: config.rateLimits, addresses, refused, shared });
  return { addresses, refused, limits, audit: createAudit(logger, addresses) };
}

type AccountParts = {
  readonly commands: Commands;
  readonly vault: Vault;
  readonly config: Pick<Config, 'refreshGraceSeconds'>;
  readonly log: EventLog;
  readonly keyring: Keyring;
  readonly keyEncryption: KeyEncryption;
  readonly logger: Pick<Logger, 'error'>;
  readonly secrets: Secrets;
  /** What else this process remembers of people. */
  readonly memory: {
    readonly states: Pick<LRUCache<StreamName, Folded<unknown>>, 'clear'>;
    readonly feed: () => { readonly forget: () => void };
  };
};

/** How people come in, and go. */
async function openAccounts({ commands, vault, keyEncryption, secrets, ...parts }: AccountParts) {
  const { config, log, keyring, memory, logger } = parts;
  const sessions = await createSessions({
    vault,
    clock,
    newId,
    keyring,
    secrets: secrets.refresh,
    graceSeconds: config.refreshGraceSeconds,
  });
  const recentRoles = createRecentRoles<Role>();
  const recentlyErased = createRecent<true>(accessTokenSeconds);
  const tokens = createTokens(secrets.jwt, newId);
  const passwords = createPasswords();
  const registration = createRegistration({ vault, clock, newKey: keysUnder(keyEncryption) });
  const tokenReuse = createTokenReuse(vault, noteTokenReuse(commands));
  const passwordChanges = createPasswordChanges({
    vault,
    newId,
    append: notePasswordChange(commands),
  });
  const erasure = createErasure({
    vault,
    log,
    eventType: UserErased.type,
    forget(personId) {
      recentlyErased.set(personId, true);
      keyring.forget(personId);
      memory.states.clear();
      memory.feed().forget();
    },
  });
  const onUnsettled = (err: unknown) =>
    logger.error({ err }, 'what a crash has left half done could not be finished yet');
  return {
    sessions,
    passwords,
    signIn: createSignIn({ vault, passwords, sessions }),
    recentRoles,
    recentlyErased,
    erasure,
    keyRotation: createKeyRotation({ vault, keyEncryption }),
    noteRole: recentRoles.note,
    tokens,
    registration,
    tokenReuse,
    passwordChanges,
    /** Finishes what a crash has left half done. @param isAlone Whether nobody else can be at it. */
    async settle(isAlone = false): Promise<void> {
      const before = isAlone ? endOfTime : new Date(Date.now() - settleMs).toISOString();
      const isKnown = async (id: string) => (await commands.users.load(id)).version > 0;
      await erasure.settle();
      await registration.settle(before, isKnown, onUnsettled);
      await tokenReuse.settle(newId(), onUnsettled);
      await passwordChanges.settle(before, newId(), onUnsettled);
    },
  };
}

type Accounts = Awaited<ReturnType<typeof openAccounts>>;

type Watcher = {
  /** @param newest The newest position that was stored; undefined if there was nothing to store. */
  readonly answered: (appends: readonly Append[], newest: Position | undefined) => void;
  readonly failed: (error: Error) => void;
};

/** Tells after each append how far the log has come, or that it failed. */
function watched(log: EventLog, { answered, failed }: Watcher): EventLog {
  return {
    ...log,
    async append(appends) {
      try {
        const outcomes = await log.append(appends);
        answered(appends, newestOf(outcomes));
        return outcomes;
      } catch (error) {
        failed(error as Error);
        throw error;
      }
    },
  };
}

function newestOf(outcomes: readonly AppendOutcome[]): Position | undefined {
  const stored = outcomes.flatMap((one) => (one.ok && !one.isRepeated ? [one.position] : []));
  return stored.length === 0 ? undefined : (Math.max(...stored) as Position);
}

/** Makes the key of a new person, wrapped as the vault keeps it. */
function keysUnder({ wrapNew }: KeyEncryption) {
  return (personId: string) => {
    const keyId = newId();
    return { personId, keyId, wrappedKey: wrapNew(keyPlace(personId, keyId)) };
  };
}

function pruneRegularly(vault: Vault, { settle }: Accounts, logger: Logger): Timer {
  async function prune() {
    await settle();
    // A session that ended just before it expired is known for as long as its access tokens.
    await vault.prune(new Date(Date.now() - accessTokenSeconds * 1_000).toISOString());
  }
  const report = (error: unknown) => logger.error({ err: error }, 'pruning the vault failed');
  return setInterval(() => void prune().catch(report), pruneMs).unref();
}

/** Adds what changed so recently that tokens from before may still be unexpired. */
async function addRecentChanges(
  store: EventStore,
  { recentRoles, recentlyErased }: Pick<Accounts, 'recentRoles' | 'recentlyErased'>,
): Promise<void> {
  const since = new Date(Date.now() - accessTokenSeconds * 1_000).toISOString();
  for await (const stored of store.readBack()) {
    if (stored.time < since) break;
    const id = idOf(stored.stream);
    if (stored.type === UserErased.type) recentlyErased.set(id, true);
    if (stored.type !== UserRoleChanged.type) continue;
    const [event] = await store.registry.decode([stored], store.keyring);
    const { role } = (event as unknown as EventOf<typeof UserRoleChanged>).data;
    recentRoles.note(id, role, stored.position);
  }
}
