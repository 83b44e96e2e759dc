// Erasing somebody touches several stores. The log comes first: it may refuse, and what it holds decides. Then the
// vault: with the key goes whatever was sealed under it, wherever it lies; password, sessions and kept answers go too.
// A crash between is made good by whoever starts next, or by another node that meets the event. So is a vault
// that was put back to an older backup: it tells itself up to where it knows of erasures.
import type { EventLog } from '../kernel/event-log.ts';
import { idOf, type Position } from '../kernel/stream.ts';
import type { Vault } from '../kernel/vault.ts';

const pageSize = 500;

export type Erasure = ReturnType<typeof createErasure>;

export type ErasureParts = {
  readonly vault: Pick<Vault, 'removePerson' | 'scrub' | 'erasedThrough' | 'setErasedThrough'>;
  readonly log: Pick<EventLog, 'readTypes' | 'head'>;
  /** Of the event that erases whose stream it is. */
  readonly eventType: string;
  /** Drops what this process remembers of the person, and lets them in no more. */
  readonly forget: (personId: string) => void;
};

export function createErasure({ vault, log, eventType, forget }: ErasureParts) {
  /** Does the rest for somebody of whom the log says that they are erased; harmless to repeat. */
  async function finish(personId: string): Promise<void> {
    forget(personId);
    await vault.removePerson(personId);
    await vault.scrub();
    forget(personId); // what was read of them meanwhile
  }

  async function* erasedAfter(after: Position, to: Position): AsyncGenerator<string> {
    for (let from = after; ;) {
      const page = await log.readTypes([eventType], { after: from, to, limit: pageSize });
      for (const { stream } of page) yield idOf(stream);
      if (page.length < pageSize) return;
      from = page.at(-1)!.position;
    }
  }

  return {
    finish,

    /** @param append Stores the event, or refuses. */
    async erase<Result extends { readonly ok: boolean }>(
      personId: string,
      append: () => Promise<Result>,
    ): Promise<Result> {
      const outcome = await append();
      if (outcome.ok) await finish(personId);
      return outcome;
    },

    /** Removes from the vault whom the log says to be erased, where a crash or a restored backup has left them. */
    async settle(): Promise<void> {
      const head = await log.head();
      const after = Math.min(await vault.erasedThrough(), head) as Position;
      for await (const personId of erasedAfter(after, head)) await vault.removePerson(personId);
      await vault.scrub();
      await vault.setErasedThrough(head);
    },
  };
}
