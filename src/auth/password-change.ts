// Changing a password touches two stores. The vault changes it first, and remembers that; then the log is told.
// What a crash between leaves out is made good at the next start, or in little more than an hour.
import { type CommandIdentity, CommandIdReused } from '../kernel/event-log.ts';
import type { NewId, Timestamp } from '../kernel/time.ts';
import type { RememberedChange, Vault } from '../kernel/vault.ts';
import { type OnUnsettled, settleEach } from './settle-each.ts';

export type PasswordChanges = ReturnType<typeof createPasswordChanges>;

export type PasswordChangesParts = {
  readonly vault: Pick<
    Vault,
    'passwordChangeBy' | 'unconfirmedPasswordChanges' | 'confirmPasswordChange'
  >;
  readonly newId: NewId;
  /** Stores the event, once for each command id, and nothing for a person who is gone. */
  readonly append: (
    change: RememberedChange,
    commandId: string,
    requestId: string,
  ) => Promise<unknown>;
};

export function createPasswordChanges({ vault, newId, append }: PasswordChangesParts) {
  async function madeBy(command: CommandIdentity | undefined): Promise<string | undefined> {
    const made = command && (await vault.passwordChangeBy(command.commandId));
    if (made && made.fingerprint !== command.fingerprint) throw new CommandIdReused();
    return made?.id;
  }

  return {
    /**
     * Answers the id of the change that this makes, or that the same command has made a while ago, here or on
     * another node; undefined if there is none.
     * @param attempt Verifies the present password and changes it; false if it is another.
     * @throws CommandIdReused if the command was another one before.
     */
    async make(
      command: CommandIdentity | undefined,
      attempt: (id: string) => Promise<boolean>,
    ): Promise<string | undefined> {
      const before = await madeBy(command);
      if (before !== undefined) return before;
      const id = newId();
      return (await attempt(id)) ? id : madeBy(command);
    },

    /** @param before Of what was changed until then, nobody is telling the log any more. */
    async settle(before: Timestamp, requestId: string, onUnsettled: OnUnsettled): Promise<void> {
      const note = async (change: RememberedChange) => {
        await append(change, passwordChangeCommandId(change.id), requestId);
        await vault.confirmPasswordChange(change.id);
      };
      await settleEach(await vault.unconfirmedPasswordChanges(before), note, onUnsettled);
    },
  };
}

/** By which the log knows the event of a change. */
export const passwordChangeCommandId = (id: string) => `password-changed/${id}`;
