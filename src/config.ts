// The only reader of the environment. Every problem is reported at once.
import { type Static, type TSchema, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { isNetwork } from './http/addresses.ts';

const Environment = Type.Object({
  NODE_ENV: Type.Union(
    ['development', 'test', 'production'].map((name) => Type.Literal(name)),
    {
      default: 'development',
      description: 'one of development, test, production',
    },
  ),
  PORT: Type.Integer({
    minimum: 0,
    maximum: 65_535,
    default: 3_000,
    description: 'a port from 0 to 65535',
  }),
  HOST: Type.String({ minLength: 1, default: '0.0.0.0', description: 'an address to listen on' }),
  DATABASE_URL: Type.String({
    pattern: '^(sqlite:|file:)?[^:]+$|^postgres(ql)?://[^/]+/.+$',
    default: 'sqlite:./data',
    description: 'sqlite:DIRECTORY or postgres://USER:PASSWORD@HOST:PORT/DATABASE',
  }),
  REDIS_URL: Type.Optional(address('redis', 'redis://HOST:PORT or rediss://HOST:PORT')),
  SMTP_URL: Type.Optional(address('smtp', 'smtp://HOST:PORT or smtps://HOST:PORT')),
  MAIL_FROM: Type.String({
    pattern: '^(?:[^\\r\\n<>@]*<)?[^\\s@<>]+@[^\\s@<>]+>?$',
    default: 'Refold <refold@localhost>',
    description: 'a sender like Refold <refold@example.com>',
  }),
  S3_ENDPOINT: Type.Optional(
    Type.String({ pattern: '^https?://[^/]+', description: 'http://HOST or https://HOST' }),
  ),
  S3_BUCKET: Type.Optional(Type.String({ minLength: 1, description: 'the name of a bucket' })),
  S3_REGION: Type.String({ minLength: 1, default: 'us-east-1', description: 'a region' }),
  S3_ACCESS_KEY_ID: Type.Optional(Type.String({ minLength: 1, description: 'a key id' })),
  S3_SECRET_ACCESS_KEY: Type.Optional(Type.String({ minLength: 1, description: 'a key' })),
  METRICS_TOKEN: Type.Optional(
    Type.String({ pattern: '^[!-~]{16,}$', description: '16 printable characters or more' }),
  ),
  OTEL_EXPORTER_OTLP_ENDPOINT: Type.Optional(
    Type.String({
      pattern: '^https?://[^/?#\\s]+(?:/[^?#\\s]*)?$',
      description: 'http://HOST:PORT or https://HOST:PORT, without a query',
    }),
  ),
  JWT_SECRET: Type.Optional(secretList()),
  JWT_REFRESH_SECRET: Type.Optional(secretList()),
  CRYPTO_SECRET: Type.Optional(secretList()),
  REFRESH_GRACE_SECONDS: Type.Integer({
    minimum: 0,
    maximum: 30,
    default: 0,
    description: '0 to 30 seconds',
  }),
  CORS_ORIGINS: Type.String({ default: '', description: 'origins separated by commas, or *' }),
  TRUSTED_PROXIES: Type.String({
    default: '',
    description: 'addresses or networks like 10.0.0.0/8, separated by commas',
  }),
  LOG_LEVEL: Type.Union(
    ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'].map((name) =>
      Type.Literal(name),
    ),
    { default: 'info', description: 'one of trace, debug, info, warn, error, fatal, silent' },
  ),
  RATE_LIMIT_AUTH: Type.Optional(limit('sign-ins and registrations')),
  RATE_LIMIT_PASSWORDS: Type.Optional(limit('wrong passwords of an account')),
  RATE_LIMIT_COMMANDS: Type.Optional(limit('commands')),
});

function secretList() {
  return Type.String({
    pattern: '^[^,]{32,}(,[^,]{32,})*$',
    description: '32 characters or more, several separated by commas',
  });
}

/** A URL of a scheme, or of the same with an `s` for TLS. */
function address(scheme: string, description: string) {
  return Type.String({ pattern: `^${scheme}s?://.+$`, description });
}

function limit(what: string) {
  return Type.Integer({ minimum: 0, description: `${what} a minute, 0 for no limit` });
}

type Environment = Static<typeof Environment>;

export type Secrets = {
  readonly jwt: readonly string[];
  readonly refresh: readonly string[];
  readonly crypto: readonly string[];
};

export type Database =
  { readonly engine: 'sqlite' } | { readonly engine: 'postgres'; readonly url: string };

export type S3 = {
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
};

export type Config = {
  readonly isProduction: boolean;
  readonly isDevelopment: boolean;
  readonly port: number;
  readonly host: string;
  readonly database: Database;
  /** Of the SQLite files; with another engine, of what is kept on this machine only. */
  readonly dataDirectory: string;
  /** Undefined: everything shared lies in this process. */
  readonly redisUrl: string | undefined;
  /** Whether answers are cached in Redis: only where reading rows is a trip to another machine, too. */
  readonly cachesAnswers: boolean;
  /** Without a server, development prints mail and anything else sends none. */
  readonly mail: { readonly smtpUrl: string | undefined; readonly from: string };
  /** Undefined: files are kept in the data directory. */
  readonly s3: S3 | undefined;
  /** Undefined: metrics are for callers on this machine only. */
  readonly metricsToken: string | undefined;
  /** Where spans are sent; undefined: none are made. */
  readonly tracesUrl: string | undefined;
  /** Undefined outside production: development makes its own and keeps them in the data directory. */
  readonly secrets: Secrets | undefined;
  /** How long a refresh token is taken after it was exchanged. */
  readonly refreshGraceSeconds: number;
  readonly corsOrigins: readonly string[];
  /** Addresses and networks whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly string[];
  readonly logLevel: string;
  /** Requests a minute, and wrong passwords a minute of one account; 0 for no limit. */
  readonly rateLimits: Readonly<Record<'auth' | 'passwords' | 'commands', number>>;
};

/** The environment cannot be used as it is; `problems` has one line for each reason. */
export class InvalidConfig extends Error {
  override readonly name = 'InvalidConfig';
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

/** @throws InvalidConfig with every problem. */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const given = Object.fromEntries(
    Object.entries(Environment.properties).flatMap(([name, { type }]: [string, TSchema]) => {
      const text = environment[name];
      return text ? [[name, type === 'integer' ? integerIn(text) : text]] : [];
    }),
  );
  const values = Value.Default(Environment, given) as Environment;
  const problems = [
    ...invalid(values),
    ...unreadable(values),
    ...unsafe(values),
    ...incomplete(values),
  ];
  if (problems.length > 0) throw new InvalidConfig([...new Set(problems)]);
  return Object.freeze(toConfig(values));
}

/** Digits alone: `Value.Convert` would take `1e3` and `true` for 1. */
const integerIn = (text: string) => (/^\s*\d+\s*$/.test(text) ? Number(text) : text);

/** One line a variable; the value itself is not shown, it may be a secret. */
function invalid(values: unknown): string[] {
  const names = [...Value.Errors(Environment, values)].map(({ path }) => path.slice(1));
  const properties: Record<string, { readonly description?: string }> = Environment.properties;
  return [...new Set(names)].map((name) => `${name} must be ${properties[name]?.description}.`);
}

/** Lists of what no pattern describes. */
function unreadable({ TRUSTED_PROXIES, CORS_ORIGINS, ...values }: Environment): string[] {
  const { description } = Environment.properties.TRUSTED_PROXIES;
  // Space around a secret makes it no longer.
  const short = secretNames.filter((name) =>
    list(values[name] ?? '').some(({ length }) => length < secretLengthMin),
  );
  const origins = list(CORS_ORIGINS).filter((origin) => origin !== '*');
  return [
    ...short.map((name) => `${name} must be ${Environment.properties[name].description}.`),
    ...(list(TRUSTED_PROXIES).every(isNetwork) ? [] : [`TRUSTED_PROXIES must be ${description}.`]),
    ...(origins.every(isOrigin) ? [] : ['CORS_ORIGINS must be origins like https://app.example.']),
    ...(mayBeReached(values.OTEL_EXPORTER_OTLP_ENDPOINT)
      ? []
      : ['OTEL_EXPORTER_OTLP_ENDPOINT must be an address that can be reached.']),
  ];
}

/** What is not HTTP at all is told of by its pattern. */
function mayBeReached(address = ''): boolean {
  return !/^https?:/.test(address) || URL.canParse(address);
}

/** As browsers send it: nothing else would ever match. */
function isOrigin(text: string): boolean {
  return /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text;
}

const secretLengthMin = 32;
const secretNames = ['JWT_SECRET', 'JWT_REFRESH_SECRET', 'CRYPTO_SECRET'] as const;

function unsafe({ NODE_ENV, CORS_ORIGINS, TRUSTED_PROXIES, ...values }: Environment): string[] {
  const missing = secretNames.filter((name) => values[name] === undefined);
  if (NODE_ENV !== 'production') {
    if (missing.length === 0 || missing.length === secretNames.length) return [];
    return missing.map((name) => `${name} must be set too, or none of the three secrets.`);
  }
  const guessable = secretNames.filter((name) => values[name]?.split(',').some(isGuessable));
  return [
    ...missing.map((name) => `${name} must be set in production: 32 characters or more.`),
    ...guessable.map((name) => `${name} must not be a known default or a repeated character.`),
    ...(areDistinct(values) ? [] : [`${secretNames.join(', ')} must have nothing in common.`]),
    ...(list(CORS_ORIGINS).includes('*') ? ['CORS_ORIGINS must not be * in production.'] : []),
    ...(list(TRUSTED_PROXIES).some(isEverybody)
      ? [
          'TRUSTED_PROXIES must not be everybody in production: whose word is taken chooses their address.',
        ]
      : []),
  ];
}

const isEverybody = (network: string) => network.endsWith('/0');

/** Who learns one secret must not have another by it. */
function areDistinct(values: Pick<Environment, (typeof secretNames)[number]>): boolean {
  const all = secretNames.flatMap((name) => new Set(list(values[name] ?? '')).values().toArray());
  return new Set(all).size === all.length;
}

const s3Names = ['S3_ENDPOINT', 'S3_BUCKET', 'S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY'] as const;

function incomplete(values: Environment): string[] {
  const missing = s3Names.filter((name) => values[name] === undefined);
  if (missing.length === s3Names.length) return [];
  return missing.map((name) => `${name} must be set too, or none of ${s3Names.join(', ')}.`);
}

function isGuessable(secret: string): boolean {
  return new Set(secret).size < 8 || /change[-_ ]?me|replace|example|your[-_ ]/i.test(secret);
}

function toConfig(values: Environment): Config {
  const isProduction = values.NODE_ENV === 'production';
  const { JWT_SECRET, JWT_REFRESH_SECRET, CRYPTO_SECRET } = values;
  const hasSecrets = JWT_SECRET && JWT_REFRESH_SECRET && CRYPTO_SECRET;
  return {
    isProduction,
    isDevelopment: values.NODE_ENV === 'development',
    port: values.PORT,
    host: values.HOST,
    ...databaseOf(values.DATABASE_URL),
    redisUrl: values.REDIS_URL,
    cachesAnswers: values.REDIS_URL !== undefined && values.DATABASE_URL.startsWith('postgres'),
    mail: { smtpUrl: values.SMTP_URL, from: values.MAIL_FROM },
    s3: s3Of(values),
    metricsToken: values.METRICS_TOKEN,
    tracesUrl: tracesUrlOf(values.OTEL_EXPORTER_OTLP_ENDPOINT),
    secrets: hasSecrets
      ? { jwt: list(JWT_SECRET), refresh: list(JWT_REFRESH_SECRET), crypto: list(CRYPTO_SECRET) }
      : undefined,
    refreshGraceSeconds: values.REFRESH_GRACE_SECONDS,
    corsOrigins: list(values.CORS_ORIGINS),
    trustedProxies: list(values.TRUSTED_PROXIES),
    logLevel: values.LOG_LEVEL,
    rateLimits: rateLimitsOf(values, isProduction),
  };
}

/** Of a collector, as OTLP over HTTP has it. */
function tracesUrlOf(endpoint: string | undefined): string | undefined {
  return endpoint && `${endpoint.replace(/\/$/, '')}/v1/traces`;
}

/** Who does not limit signing in at all does not limit wrong passwords either. */
function rateLimitsOf(values: Environment, isProduction: boolean): Config['rateLimits'] {
  const auth = values.RATE_LIMIT_AUTH ?? (isProduction ? 60 : 6_000);
  const passwords = isProduction ? 10 : 20;
  return {
    auth,
    passwords: values.RATE_LIMIT_PASSWORDS ?? (auth === 0 ? 0 : passwords),
    commands: values.RATE_LIMIT_COMMANDS ?? (isProduction ? 1_200 : 0),
  };
}

function databaseOf(url: string): Pick<Config, 'database' | 'dataDirectory'> {
  if (/^postgres(ql)?:/.test(url)) {
    return { database: { engine: 'postgres', url }, dataDirectory: './data' };
  }
  const dataDirectory = url.replace(/^(sqlite|file):(\/\/(?=\/))?/, '');
  return { database: { engine: 'sqlite' }, dataDirectory };
}

function s3Of(values: Environment): S3 | undefined {
  const { S3_ENDPOINT, S3_BUCKET, S3_REGION, S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY } = values;
  if (!S3_ENDPOINT || !S3_BUCKET || !S3_ACCESS_KEY_ID || !S3_SECRET_ACCESS_KEY) return undefined;
  return {
    endpoint: S3_ENDPOINT,
    bucket: S3_BUCKET,
    region: S3_REGION,
    accessKeyId: S3_ACCESS_KEY_ID,
    secretAccessKey: S3_SECRET_ACCESS_KEY,
  };
}

function list(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);
}
