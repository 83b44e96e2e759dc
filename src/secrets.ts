import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Secrets } from './config.ts';

/** Development's own secrets: made once, kept in the data directory, readable by its owner only. */
export function developmentSecrets(directory: string): Secrets {
  const file = join(directory, 'secrets.json');
  if (existsSync(file)) {
    chmodSync(file, 0o600);
    return JSON.parse(readFileSync(file, 'utf8')) as Secrets;
  }
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const fresh = () => [
    Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64url'),
  ];
  const secrets: Secrets = { jwt: fresh(), refresh: fresh(), crypto: fresh() };
  try {
    writeFileSync(file, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
    return secrets;
  } catch (error) {
    if ((error as { code?: string }).code !== 'EEXIST') throw error;
    return developmentSecrets(directory); // another process was first
  }
}
