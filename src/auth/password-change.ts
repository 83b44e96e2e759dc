// Changing a password touches two stores. The vault changes it first, and remembers by which command; then the
// log is told. What a crash between leaves out is made good at the next start, or within two hours.
import { CommandIdReused } from '../kernel/event-log.ts';
import type { Timestamp } from '../kernel/time.ts';
import type { RememberedChange, Vault } from '../kernel/vault.ts';

export type PasswordChanges = ReturnType<typeof createPasswordChanges>;

/** @param append Stores the event once for each command id, and nothing for a person who is gone. */
export function createPasswordChanges(
  vault: Pick<Vault, 'passwordChange' | 'passwordChangesBefore' | 'forgetPasswordChange'>,
  append: (change: RememberedChange, requestId: string) => Promise<unknown>,
) {
  async function isMade({ commandId, fingerprint }: RememberedChange): Promise<boolean> {
    if (fingerprint === null) return false; // nobody can repeat it
    const made = await vault.passwordChange(commandId);
    if (made && made.fingerprint !== fingerprint) throw new CommandIdReused();
    return made !== undefined;
  }

  return {
    /**
     * Whether the password is changed, now or by the same command a while ago, here or on another node.
     * @param attempt Verifies the present password and changes it; false if it is another.
     * @throws CommandIdReused if the command was another one before.
     */
    async make(change: RememberedChange, attempt: () => Promise<boolean>): Promise<boolean> {
      return (await isMade(change)) || (await attempt()) || isMade(change);
    },

    /** @param before Of what was changed until then, nobody is telling the log any more. */
    async settle(before: Timestamp, requestId: string): Promise<void> {
      for (const change of await vault.passwordChangesBefore(before)) {
        await append(change, requestId);
        await vault.forgetPasswordChange(change.commandId);
      }
    },
  };
}
