// Registering touches two stores. The key and the credentials come first, because the event is
// sealed with the key; a crash between leaves an unconfirmed person, who is settled later.
import type { Clock, Timestamp } from '../kernel/time.ts';
import type { Vault, WrappedKey } from '../kernel/vault.ts';
import { type OnUnsettled, settleEach } from './settle-each.ts';

type Outcome = { readonly ok: boolean; readonly isRepeated?: boolean };

export type Registration = ReturnType<typeof createRegistration>;

export function createRegistration(parts: {
  readonly vault: Vault;
  readonly clock: Clock;
  readonly newKey: (personId: string) => WrappedKey;
}) {
  const { vault, clock, newKey } = parts;
  return {
    /** @param append Stores the event that makes the person known. */
    async register<Result extends Outcome>(
      personId: string,
      passwordHash: string,
      append: () => Promise<Result>,
    ): Promise<Result> {
      await vault.addPerson({ ...newKey(personId), passwordHash, at: clock.now() });
      const outcome = await append();
      if (outcome.ok && !outcome.isRepeated) await vault.confirmPerson(personId);
      else await vault.removePerson(personId);
      return outcome;
    },

    /**
     * Confirms who has events, and removes who has none.
     * @param before Nobody who was added until then is being registered any more.
     */
    async settle(
      before: Timestamp,
      isKnown: (personId: string) => Promise<boolean>,
      onUnsettled: OnUnsettled,
    ): Promise<void> {
      const finish = async (personId: string) => {
        if (await isKnown(personId)) await vault.confirmPerson(personId);
        else await vault.removePerson(personId);
      };
      await settleEach(await vault.unconfirmedPersons(before), finish, onUnsettled);
    },
  };
}
