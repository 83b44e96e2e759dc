// How the engines in PostgreSQL talk to their server, and what they make of its being away.
import postgres, { type Options } from 'postgres';

const connectTimeoutSeconds = 5;
/** The least time between two attempts; whoever waits for longer repeats what has failed. */
const reconnectSeconds = 0.05;
const statementTimeoutMs = 20_000;
/** Longer than a statement may take: the connection is dead without a word, and another takes its place. */
const silentSeconds = 22;
/** A table that is locked for longer is an operator's; whoever waits for it keeps a connection from all others. */
const lockTimeoutMs = 3_000;
const idleInTransactionMs = 10_000;
/** A server that is frozen, or behind a network that is gone without a word, answers nothing to anybody. */
const answerMsMax = 8_000;

const integers = { to: 20, from: [20], serialize: String, parse: Number };
const textArrays = { to: 1_009, from: [], serialize: arrayText, parse: String };
const integerArrays = { to: 1_007, from: [], serialize: arrayText, parse: String };

/** An array as PostgreSQL writes it. */
function arrayText(values: readonly (string | number | null)[]): string {
  const texts = values.map((value) => {
    if (typeof value !== 'string') return String(value);
    return `"${/["\\]/.test(value) ? value.replaceAll(/["\\]/g, '\\$&') : value}"`;
  });
  return `{${texts.join(',')}}`;
}

export type Client = ReturnType<typeof openClient>;

type ClientOptions = Pick<Options<{}>, 'max' | 'connection' | 'answer_timeout'>;

/**
 * A pool of connections, opened when they are needed; 64-bit integers are numbers. It does not ask for the
 * types of the database, which would be a round trip more at each connection that can be cut: so arrays
 * are those above. Of postgres.js the `patches` of this repository mend what it does after a cut.
 */
export function openClient(url: string, options: ClientOptions) {
  return postgres(url, {
    connect_timeout: connectTimeoutSeconds,
    answer_timeout: options.connection?.statement_timeout === 0 ? null : silentSeconds,
    backoff: () => reconnectSeconds,
    onnotice() {},
    ...options,
    types: { position: integers, textArrays, integerArrays },
    fetch_types: false,
    connection: asSent({
      application_name: 'refold',
      statement_timeout: statementTimeoutMs,
      lock_timeout: lockTimeoutMs,
      idle_in_transaction_session_timeout: idleInTransactionMs,
      ...options.connection,
    }),
  });
}

/** The client leaves out a zero, so that what is set for the role or the database would hold instead of none. */
function asSent(settings: NonNullable<ClientOptions['connection']>) {
  const sent = Object.entries(settings).map(([name, value]) => [name, value === 0 ? '0' : value]);
  return Object.fromEntries(sent) as typeof settings;
}

/** The server is away, or does not let us in. */
export class DatabaseUnavailable extends Error {
  override readonly name = 'DatabaseUnavailable';
}

const retriesMs = [20, 50, 100, 200, 400, 800, 1_600, 3_200];

/** The connection has gone, or the server has not room for one; `08…` and `57P0…` are the server's words for it. */
const unreachable = /^(?:ECONN\w+|08\w{3}|57P0[1-3]|53300)$/;
const otherUnreachable = new Set([
  'CONNECTION_CLOSED',
  'CONNECTION_SILENT',
  'CONNECTION_DESTROYED',
  'CONNECT_TIMEOUT',
  'EPIPE',
  'ETIMEDOUT',
  'EAI_AGAIN',
  'ENOTFOUND',
  'ERR_SOCKET_CLOSED',
]);
/** Of several that waited for each other in a circle, or changed the same, one has to begin anew. */
const toBeRepeated = /^(?:40001|40P01)$/;

function isUnreachable(error: unknown): boolean {
  const code = codeOf(error);
  return unreachable.test(code) || otherUnreachable.has(code);
}

/**
 * Does again, for some seconds, what failed because the server was away.
 * @param work Must be harmless to repeat, whether it has taken effect or not.
 * @throws DatabaseUnavailable when the server stays away, or is silent for too long.
 */
export function patiently<Result>(work: () => Promise<Result>): Promise<Result> {
  return inTime(repeatedly(work));
}

/**
 * The same for work that may take its time.
 * @throws DatabaseUnavailable when the server stays away.
 */
export async function repeatedly<Result>(work: () => Promise<Result>): Promise<Result> {
  const until = performance.now() + answerMsMax;
  for (const ms of retriesMs) {
    try {
      return await work();
    } catch (error) {
      if (!isUnreachable(error) && !toBeRepeated.test(codeOf(error))) throw error;
      if (performance.now() > until) throw unavailable(error);
      await Bun.sleep(ms * (0.5 + Math.random() / 2));
    }
  }
  return work().catch((error: unknown) => {
    throw isUnreachable(error) ? unavailable(error) : error;
  });
}

/**
 * Waits for an answer no longer than anybody wants to. The work goes on, and may take effect later.
 * @throws DatabaseUnavailable
 */
export async function inTime<Result>(work: Promise<Result>): Promise<Result> {
  let timer: Timer | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new Error(`no answer within ${answerMsMax} ms`);
    timer = setTimeout(() => reject(unavailable(error)), answerMsMax);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Whoever starts the process can mend it: a wrong address, name or password, or no such database. */
const ofTheAddress = /^(?:28\w{3}|3D000|ERR_INVALID_URL)$/;

/**
 * What failed while the stores were opened, in one line where it can be mended from outside.
 * @param url May hold a password, which is not shown.
 */
export function openingFailure(error: unknown, url: string): unknown {
  const isForeseen = isUnreachable(error) || ofTheAddress.test(codeOf(error));
  return isForeseen ? unavailable(error, url) : error;
}

function unavailable(error: unknown, url?: string): DatabaseUnavailable {
  const host = url !== undefined && URL.canParse(url) ? ` at ${new URL(url).host}` : '';
  const { cause = error } = error as { readonly cause?: unknown };
  const message = cause instanceof Error && cause.message !== '' ? cause.message : codeOf(error);
  return new DatabaseUnavailable(`PostgreSQL${host} cannot be used: ${message}.`, { cause: error });
}

/** Drizzle wraps what its client throws. */
function codeOf(error: unknown): string {
  const { code, cause } = error as { readonly code?: unknown; readonly cause?: { code?: unknown } };
  return String(code ?? cause?.code ?? '');
}
