import { describe, expect, test } from 'bun:test';
import { InvalidConfig, readConfig } from './config.ts';

const secret = (seed: string) => new Bun.CryptoHasher('sha256').update(seed).digest('hex');
const production = {
  NODE_ENV: 'production',
  JWT_SECRET: secret('jwt'),
  JWT_REFRESH_SECRET: secret('refresh'),
  CRYPTO_SECRET: secret('crypto'),
};

function problemsOf(environment: Record<string, string | undefined>): readonly string[] {
  try {
    readConfig(environment);
  } catch (error) {
    if (error instanceof InvalidConfig) return error.problems;
    throw error;
  }
  return [];
}

describe('an empty environment', () => {
  test('gives what development needs', () => {
    expect(readConfig({})).toEqual({
      isProduction: false,
      isDevelopment: true,
      port: 3_000,
      host: '0.0.0.0',
      database: { engine: 'sqlite' },
      dataDirectory: './data',
      redisUrl: undefined,
      cachesAnswers: false,
      mail: { smtpUrl: undefined, from: 'Refold <refold@localhost>' },
      s3: undefined,
      metricsToken: undefined,
      tracesUrl: undefined,
      secrets: undefined,
      refreshGraceSeconds: 0,
      corsOrigins: [],
      logLevel: 'info',
      trustedProxies: [],
      rateLimits: { auth: 6_000, passwords: 20, commands: 0 },
    });
  });

  test('is the same as one of empty values', () => {
    const empty = { PORT: '', DATABASE_URL: '', JWT_SECRET: '', LOG_LEVEL: undefined };
    expect(readConfig(empty)).toEqual(readConfig({}));
  });
});

describe('the configuration', () => {
  test('is what the environment says', () => {
    const given = {
      ...production,
      JWT_SECRET: `${secret('new')}, ${secret('old')}`,
      PORT: '8080',
      HOST: '127.0.0.1',
      DATABASE_URL: 'sqlite:/var/lib/refold',
      REDIS_URL: 'rediss://cache.example:6380/2',
      SMTP_URL: 'smtps://post:word@mail.example',
      MAIL_FROM: 'Shop <shop@example.com>',
      S3_ENDPOINT: 'https://s3.example',
      S3_BUCKET: 'images',
      S3_REGION: 'eu-central-1',
      S3_ACCESS_KEY_ID: 'key',
      S3_SECRET_ACCESS_KEY: 'secret',
      METRICS_TOKEN: 'sixteen-or-more-of-them',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector.example/otlp/',
      REFRESH_GRACE_SECONDS: '30',
      CORS_ORIGINS: 'https://a.example, https://b.example,',
      LOG_LEVEL: 'warn',
      RATE_LIMIT_AUTH: '7',
      RATE_LIMIT_PASSWORDS: '5',
      TRUSTED_PROXIES: '10.0.0.0/8, ::1',
      RATE_LIMIT_COMMANDS: '0',
    };
    expect(readConfig(given)).toEqual({
      isProduction: true,
      isDevelopment: false,
      port: 8_080,
      host: '127.0.0.1',
      database: { engine: 'sqlite' },
      dataDirectory: '/var/lib/refold',
      redisUrl: 'rediss://cache.example:6380/2',
      cachesAnswers: false,
      mail: { smtpUrl: 'smtps://post:word@mail.example', from: 'Shop <shop@example.com>' },
      s3: {
        endpoint: 'https://s3.example',
        bucket: 'images',
        region: 'eu-central-1',
        accessKeyId: 'key',
        secretAccessKey: 'secret',
      },
      metricsToken: 'sixteen-or-more-of-them',
      tracesUrl: 'https://collector.example/otlp/v1/traces',
      secrets: {
        jwt: [secret('new'), secret('old')],
        refresh: [secret('refresh')],
        crypto: [secret('crypto')],
      },
      refreshGraceSeconds: 30,
      corsOrigins: ['https://a.example', 'https://b.example'],
      logLevel: 'warn',
      trustedProxies: ['10.0.0.0/8', '::1'],
      rateLimits: { auth: 7, passwords: 5, commands: 0 },
    });
  });

  test('cannot be changed afterwards', () => {
    expect(Object.isFrozen(readConfig({}))).toBe(true);
  });

  test('takes no notice of variables that are not its own', () => {
    expect(readConfig({ HOME: '/root', PATH: '' })).toEqual(readConfig({}));
  });

  test.each([
    ['sqlite:./data', './data'],
    ['sqlite:/abs/data', '/abs/data'],
    ['sqlite:///abs/data', '/abs/data'],
    ['file:data', 'data'],
    ['file:///abs/data', '/abs/data'],
    ['./data', './data'],
  ])('reads the database %s as the directory %s', (url, directory) => {
    expect(readConfig({ DATABASE_URL: url }).dataDirectory).toBe(directory);
  });

  test('caches answers in Redis where rows lie on another machine, too', () => {
    const postgres = { DATABASE_URL: 'postgres://db/refold' };
    const redis = { REDIS_URL: 'redis://cache:6379' };
    const cached = [{}, postgres, redis, { ...postgres, ...redis }].map(
      (given) => readConfig(given).cachesAnswers,
    );
    expect(cached).toEqual([false, false, false, true]);
  });

  test.each(['postgres://user:word@db:5432/refold', 'postgresql://db/refold'])(
    'reads the database %s as a PostgreSQL server, with a directory for what stays here',
    (url) => {
      const { database, dataDirectory } = readConfig({ DATABASE_URL: url });
      expect(database).toEqual({ engine: 'postgres', url });
      expect(dataDirectory).toBe('./data');
    },
  );

  test('limits requests in production unless it is told otherwise', () => {
    const limits = { auth: 60, passwords: 10, commands: 1_200 };
    expect(readConfig(production).rateLimits).toEqual(limits);
  });

  test('limits no wrong passwords where it does not limit signing in, unless it is told to', () => {
    const unlimited = { ...production, RATE_LIMIT_AUTH: '0' };
    expect(readConfig(unlimited).rateLimits.passwords).toBe(0);
    const limited = readConfig({ ...unlimited, RATE_LIMIT_PASSWORDS: '3' });
    expect(limited.rateLimits.passwords).toBe(3);
  });
});

describe('an environment that cannot be used', () => {
  test('is refused with every problem at once, a line each', () => {
    const problems = problemsOf({
      NODE_ENV: 'prod',
      PORT: '70000',
      DATABASE_URL: 'mysql://db/refold',
      JWT_SECRET: 'short',
      LOG_LEVEL: 'loud',
      RATE_LIMIT_AUTH: '-1',
    });
    const named = problems.map((problem) => problem.split(' ')[0]!);
    const wrong = ['NODE_ENV', 'PORT', 'DATABASE_URL', 'JWT_SECRET', 'LOG_LEVEL'];
    expect(named).toEqual(expect.arrayContaining([...wrong, 'RATE_LIMIT_AUTH']));
  });

  test('never has its values shown: they may be secrets', () => {
    expect(problemsOf({ JWT_SECRET: 'hunter2' }).join()).not.toContain('hunter2');
  });

  test.each([
    ['PORT', 'three thousand'],
    ['PORT', '-1'],
    ['PORT', '65536'],
    ['PORT', '1e3'],
    ['PORT', '0x50'],
    ['RATE_LIMIT_AUTH', 'true'],
    ['RATE_LIMIT_AUTH', '1.5'],
    ['RATE_LIMIT_COMMANDS', 'many'],
    ['REFRESH_GRACE_SECONDS', '31'],
    ['REFRESH_GRACE_SECONDS', '-1'],
    ['DATABASE_URL', 'postgres://localhost'],
    ['REDIS_URL', 'localhost:6379'],
    ['SMTP_URL', 'mail.example'],
    ['MAIL_FROM', 'nobody'],
    ['METRICS_TOKEN', 'short'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector.example:4318'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'grpc://collector.example:4317'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'http://collector.example?tenant=1'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'http://collector.example:99999'],
    ['TRUSTED_PROXIES', '10.0.0.0/8, proxy.example'],
    ['TRUSTED_PROXIES', '10.0.0.0/33'],
    ['CORS_ORIGINS', 'app.example'],
    ['CORS_ORIGINS', 'https://app.example/'],
    ['CORS_ORIGINS', 'https://a.example, null'],
    ['DATABASE_URL', 'sqlite:'],
  ])('is one where %s is %s', (name, value) => {
    const { NODE_ENV: _, ...secrets } = production;
    expect(problemsOf({ ...secrets, [name]: value })).toEqual([
      expect.stringContaining(`${name} must be `),
    ]);
  });
});

test.each([' '.repeat(40), '\n'.repeat(40)])('a secret is no longer for %j around it', (space) => {
  for (const short of [`0123456789${space}`, `${space}0123456789,${secret('old')}`]) {
    expect(problemsOf({ ...production, JWT_SECRET: short })).toEqual([
      expect.stringContaining('JWT_SECRET must be 32 characters'),
    ]);
  }
});

test('a secret that is too short in a list, or set without the others, is refused', () => {
  const one = { CRYPTO_SECRET: `${secret('new')},tooshort` };
  const others = { JWT_SECRET: secret('a'), JWT_REFRESH_SECRET: secret('b') };
  expect(problemsOf({ ...one, ...others })).toEqual([
    expect.stringContaining('CRYPTO_SECRET must be '),
  ]);
  expect(problemsOf({ CRYPTO_SECRET: secret('new') })).toHaveLength(2);
});

test('an S3 server is one that speaks HTTP', () => {
  const rest = { S3_BUCKET: 'b', S3_ACCESS_KEY_ID: 'k', S3_SECRET_ACCESS_KEY: 's' };
  expect(problemsOf({ ...rest, S3_ENDPOINT: 's3.example' })).toEqual([
    expect.stringContaining('S3_ENDPOINT must be '),
  ]);
});

test('an S3 server is configured in full or not at all', () => {
  expect(problemsOf({ S3_BUCKET: 'images', S3_ENDPOINT: 'https://s3.example' })).toEqual([
    expect.stringContaining('S3_ACCESS_KEY_ID must be set too'),
    expect.stringContaining('S3_SECRET_ACCESS_KEY must be set too'),
  ]);
});

describe('production', () => {
  test('starts with real secrets', () => {
    expect(problemsOf(production)).toEqual([]);
  });

  test('is refused without secrets, all of them named', () => {
    expect(problemsOf({ NODE_ENV: 'production' })).toEqual([
      'JWT_SECRET must be set in production: 32 characters or more.',
      'JWT_REFRESH_SECRET must be set in production: 32 characters or more.',
      'CRYPTO_SECRET must be set in production: 32 characters or more.',
    ]);
  });

  test.each([
    ['a repeated character', 'a'.repeat(40)],
    ['a repeated pair', 'ab'.repeat(20)],
    ['a placeholder', 'please-change-me-to-something-long-and-random'],
    ['a placeholder in other words', 'your-super-secret-key-of-many-characters'],
    ['one guessable of several', `${secret('jwt')},${'x'.repeat(32)}`],
  ])('is refused with %s for a secret', (_, guessable) => {
    const problems = problemsOf({ ...production, JWT_SECRET: guessable });
    expect(problems).toEqual([expect.stringMatching(/^JWT_SECRET must not be/)]);
  });

  test.each([
    ['one secret for all', { CRYPTO_SECRET: secret('jwt'), JWT_REFRESH_SECRET: secret('jwt') }],
    [
      'an old secret in the place of another',
      { CRYPTO_SECRET: `${secret('new')},${secret('jwt')}` },
    ],
  ])('is refused with %s', (_, shared) => {
    expect(problemsOf({ ...production, ...shared })).toEqual([
      'JWT_SECRET, JWT_REFRESH_SECRET, CRYPTO_SECRET must have nothing in common.',
    ]);
  });

  test('is refused with an API open to every origin', () => {
    const problems = problemsOf({ ...production, CORS_ORIGINS: 'https://a.example,*' });
    expect(problems).toEqual([expect.stringMatching(/^CORS_ORIGINS /)]);
  });

  test.each(['0.0.0.0/0', '10.0.0.0/8, ::/0'])(
    'is refused with everybody for a proxy: %s',
    (all) => {
      const problems = problemsOf({ ...production, TRUSTED_PROXIES: all });
      expect(problems).toEqual([expect.stringMatching(/^TRUSTED_PROXIES must not be everybody/)]);
    },
  );

  test('has its refusals told together with every other problem', () => {
    const problems = problemsOf({ NODE_ENV: 'production', PORT: 'x', CORS_ORIGINS: '*' });
    expect(problems).toHaveLength(5);
  });
});

describe('development', () => {
  test('may be open to every origin', () => {
    expect(readConfig({ CORS_ORIGINS: '*' }).corsOrigins).toEqual(['*']);
  });

  test('is given all three secrets or none', () => {
    const { NODE_ENV: _, JWT_SECRET, ...others } = production;
    expect(readConfig({ ...others, JWT_SECRET }).secrets?.jwt).toEqual([secret('jwt')]);
    expect(problemsOf(others)).toEqual([expect.stringMatching(/^JWT_SECRET must be set too/)]);
  });
});
