// The same `Idempotency-Key` from the same caller with the same body gets the first answer again.
// The log's command id makes the event happen once; the vault keeps the answer; both survive a crash.
import { status } from 'elysia';
import type { Passwords } from '../auth/passwords.ts';
import type { CommandIdentity } from '../kernel/event-log.ts';
import type { Keyring } from '../kernel/keyring.ts';
import type { Clock } from '../kernel/time.ts';
import { repeatableSeconds, type Vault } from '../kernel/vault.ts';
import { pathOf } from './paths.ts';
import { EdgeRefusal, type Set } from './problem.ts';

const keptHeaders = ['etag', 'event-position', 'location'] as const;

type Answer = { readonly code: number | string; readonly response: unknown };
type Kept = Answer & { readonly headers: Readonly<Record<string, string>> };

export type Repeatable = {
  readonly request: Request;
  readonly set: Set;
  readonly body: unknown;
  /** What stands for it in the log and the vault must be as hard to guess by as the hash of a password. */
  readonly hasPassword?: true;
  readonly callerId: string;
};

export type Once = ReturnType<typeof createOnce>;

export function createOnce(parts: {
  readonly vault: Pick<Vault, 'answerTo' | 'keepAnswer'>;
  readonly keyring: Keyring;
  readonly digest: (kind: string, value: string) => string;
  readonly clock: Clock;
  readonly passwords: Pick<Passwords, 'fingerprint'>;
}) {
  const { vault, keyring, digest, clock, passwords } = parts;
  const running = new Map<string, Promise<unknown>>();

  /**
   * Runs a command, or answers what it answered before.
   * @param personOf Whose data the answer holds, so that erasing them erases it.
   */
  return async function once<Result extends Answer>(
    repeatable: Repeatable,
    personOf: (result: Result) => string | null,
    run: (command: CommandIdentity | undefined) => Promise<Result>,
  ): Promise<Result> {
    const { request, set, callerId } = repeatable;
    const key = request.headers.get('idempotency-key');
    if (key === null) return run(undefined);
    if (!/^[\u0020-\u007e]{1,255}$/.test(key)) {
      throw new EdgeRefusal(
        422,
        'VALIDATION_ERROR',
        'An Idempotency-Key has 1 to 255 printable characters.',
      );
    }
    const commandId = digest('command', `${callerId}\n${key}`);
    const requestDigest = await digestOf(repeatable, commandId);

    while (running.has(commandId)) await running.get(commandId);
    const first = answered(commandId, requestDigest, async () => {
      const result = await run({ commandId, fingerprint: requestDigest });
      await keep(
        commandId,
        requestDigest,
        { ...result, headers: headersOf(set) },
        personOf(result),
      );
      return result;
    });
    running.set(
      commandId,
      first.catch(() => {}),
    );
    try {
      const result = await first;
      if (!('kept' in result)) return result;
      Object.assign(set.headers, result.kept.headers, { 'idempotent-replay': 'true' });
      return status(result.kept.code as never, result.kept.response as never) as unknown as Result;
    } finally {
      running.delete(commandId);
    }
  };

  function digestOf({ request, body, hasPassword }: Repeatable, commandId: string) {
    const text = `${request.method} ${pathOf(request)}\n${JSON.stringify(body)}`;
    return hasPassword ? passwords.fingerprint(text, commandId) : digest('request', text);
  }

  async function answered<Result>(
    commandId: string,
    requestDigest: string,
    run: () => Promise<Result>,
  ) {
    const kept = await vault.answerTo(commandId);
    if (!kept || kept.expiresAt < clock.now()) return run();
    if (kept.requestDigest !== requestDigest) {
      throw keyReused();
    }
    const text = kept.personId === null ? kept.sealed : await open(kept.sealed, commandId);
    return { kept: JSON.parse(text) as Kept };
  }

  async function open(sealed: string, commandId: string): Promise<string> {
    const text = (await keyring.opener([sealed]))(sealed, placeOf(commandId));
    if (typeof text !== 'string')
      throw new EdgeRefusal(404, 'NOT_FOUND', 'Whom this was about has been erased.');
    return text;
  }

  async function keep(
    commandId: string,
    requestDigest: string,
    answer: Kept,
    personId: string | null,
  ) {
    if (Number(answer.code) >= 500) return;
    const text = JSON.stringify({
      code: answer.code,
      response: answer.response,
      headers: answer.headers,
    });
    const sealed =
      personId === null ? text : await keyring.seal(personId, text, placeOf(commandId));
    const expiresAt = new Date(Date.parse(clock.now()) + repeatableSeconds * 1_000).toISOString();
    await vault.keepAnswer({ commandId, personId, requestDigest, sealed, expiresAt });
  }
}

/** The same key for something else, as the kept answer or the log can tell. */
export function keyReused(): EdgeRefusal {
  const message = 'This Idempotency-Key was used for another request.';
  return new EdgeRefusal(422, 'IDEMPOTENCY_KEY_REUSED', message);
}

const placeOf = (commandId: string) => `answer/${commandId}`;

function headersOf({ headers }: Set): Record<string, string> {
  return Object.fromEntries(
    keptHeaders.flatMap((name) =>
      headers[name] === undefined ? [] : [[name, String(headers[name])]],
    ),
  );
}
