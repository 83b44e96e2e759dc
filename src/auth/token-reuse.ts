// A refresh token that comes twice touches two stores. The vault ends the session first, and remembers
// why; then the log is told. What a crash between leaves out is made good at the next start.
import type { ReusedSession, Vault } from '../kernel/vault.ts';
import { type OnUnsettled, settleEach } from './settle-each.ts';

export type TokenReuse = ReturnType<typeof createTokenReuse>;

/** @param append Stores the event once for each command id, and nothing for a person who is gone. */
export function createTokenReuse(
  vault: Pick<Vault, 'reusedSessions'>,
  append: (session: ReusedSession, commandId: string, requestId: string) => Promise<unknown>,
) {
  async function note(session: ReusedSession, requestId: string): Promise<void> {
    await append(session, commandIdOf(session), requestId);
  }

  return {
    note,
    /** Before sessions are pruned, too: after that nobody would know. */
    async settle(requestId: string, onUnsettled: OnUnsettled): Promise<void> {
      const noteOne = (session: ReusedSession) => note(session, requestId);
      await settleEach(await vault.reusedSessions(), noteOne, onUnsettled);
    },
  };
}

const commandIdOf = ({ id }: ReusedSession) => `token-reused/${id}`;
