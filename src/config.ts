// The only reader of the environment. Every problem is reported at once.
import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';

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
    pattern: '^(sqlite:|file:)?[^:]+$',
    default: 'sqlite:./data',
    description: 'sqlite:DIRECTORY',
  }),
  JWT_SECRET: Type.Optional(secretList()),
  JWT_REFRESH_SECRET: Type.Optional(secretList()),
  CRYPTO_SECRET: Type.Optional(secretList()),
  CORS_ORIGINS: Type.String({ default: '', description: 'origins separated by commas, or *' }),
  LOG_LEVEL: Type.Union(
    ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'].map((name) =>
      Type.Literal(name),
    ),
    { default: 'info', description: 'one of trace, debug, info, warn, error, fatal, silent' },
  ),
  RATE_LIMIT_AUTH: Type.Optional(limit('sign-ins and registrations')),
  RATE_LIMIT_COMMANDS: Type.Optional(limit('commands')),
});

function secretList() {
  return Type.String({
    pattern: '^[^,]{32,}(,[^,]{32,})*$',
    description: '32 characters or more, several separated by commas',
  });
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

export type Config = {
  readonly isProduction: boolean;
  readonly isDevelopment: boolean;
  readonly port: number;
  readonly host: string;
  readonly dataDirectory: string;
  /** Undefined outside production: development makes its own and keeps them in the data directory. */
  readonly secrets: Secrets | undefined;
  readonly corsOrigins: readonly string[];
  readonly logLevel: string;
  /** Requests a minute; 0 for no limit. */
  readonly rateLimits: { readonly auth: number; readonly commands: number };
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
    Object.keys(Environment.properties).flatMap((name) =>
      environment[name] ? [[name, environment[name]]] : [],
    ),
  );
  const values = Value.Convert(Environment, Value.Default(Environment, given)) as Environment;
  const problems = [...invalid(values), ...unsafe(values)];
  if (problems.length > 0) throw new InvalidConfig(problems);
  return Object.freeze(toConfig(values));
}

/** One line a variable; the value itself is not shown, it may be a secret. */
function invalid(values: unknown): string[] {
  const names = [...Value.Errors(Environment, values)].map(({ path }) => path.slice(1));
  const properties: Record<string, { readonly description?: string }> = Environment.properties;
  return [...new Set(names)].map((name) => `${name} must be ${properties[name]?.description}.`);
}

const secretNames = ['JWT_SECRET', 'JWT_REFRESH_SECRET', 'CRYPTO_SECRET'] as const;

function unsafe({ NODE_ENV, CORS_ORIGINS, ...values }: Environment): string[] {
  const missing = secretNames.filter((name) => values[name] === undefined);
  if (NODE_ENV !== 'production') {
    if (missing.length === 0 || missing.length === secretNames.length) return [];
    return missing.map((name) => `${name} must be set too, or none of the three secrets.`);
  }
  const guessable = secretNames.filter((name) => values[name]?.split(',').some(isGuessable));
  return [
    ...missing.map((name) => `${name} must be set in production: 32 characters or more.`),
    ...guessable.map((name) => `${name} must not be a known default or a repeated character.`),
    ...(list(CORS_ORIGINS).includes('*') ? ['CORS_ORIGINS must not be * in production.'] : []),
  ];
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
    dataDirectory: values.DATABASE_URL.replace(/^(sqlite|file):(\/\/(?=\/))?/, ''),
    secrets: hasSecrets
      ? { jwt: list(JWT_SECRET), refresh: list(JWT_REFRESH_SECRET), crypto: list(CRYPTO_SECRET) }
      : undefined,
    corsOrigins: list(values.CORS_ORIGINS),
    logLevel: values.LOG_LEVEL,
    rateLimits: {
      auth: values.RATE_LIMIT_AUTH ?? (isProduction ? 60 : 6_000),
      commands: values.RATE_LIMIT_COMMANDS ?? (isProduction ? 1_200 : 0),
    },
  };
}

function list(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);
}
