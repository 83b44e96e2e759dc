import pino, { type Logger } from 'pino';
import pretty from 'pino-pretty';
import type { Config } from './config.ts';

/** Whatever may stand under these names is not for a log. */
const redacted = [
  'password',
  'currentPassword',
  'newPassword',
  'accessToken',
  'refreshToken',
  'token',
  'authorization',
  'cookie',
  'email',
  'secret',
];

/** One JSON line an entry; in development the same, readable. */
export function createLogger({
  logLevel,
  isDevelopment,
}: Pick<Config, 'logLevel' | 'isDevelopment'>): Logger {
  const options = {
    level: logLevel,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: redacted.flatMap((name) => [name, `*.${name}`]), censor: '[redacted]' },
  };
  if (isDevelopment)
    return pino(options, pretty({ sync: true, singleLine: true, ignore: 'pid,hostname' }));
  return pino(options);
}
