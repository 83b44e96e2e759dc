import { isCommonPassword } from '../auth/common-passwords.ts';
import { normaliseEmail } from '../commands/users.ts';
import type { Edge } from '../http/edge.ts';
import { idOf } from '../kernel/stream.ts';

export type CreateAdmin = {
  readonly email: string;
  readonly name: string;
  /** Null until somebody has been asked for one. */
  readonly password: string | null;
};

export type AdminCreated = {
  readonly outcome:
    'created' | 'promoted' | 'already-admin' | 'password-needed' | 'password-refused';
};

/** Promotes the account with that address, or makes one. */
export async function createAdmin(edge: Edge, args: CreateAdmin): Promise<AdminCreated> {
  const { store, digest, commands, newId } = edge;
  const stream = await store.holderOf('email', digest('email', normaliseEmail(args.email)));
  if (stream) return await promote(edge, idOf(stream), 'promoted');
  const { password } = args;
  if (password === null) return { outcome: 'password-needed' };
  const length = [...password].length;
  if (length < 8 || length > 256 || (await isCommonPassword(password, args.email, args.name)))
    return { outcome: 'password-refused' };
  const id = newId();
  const hash = await edge.passwords.hash(password);
  const command = {
    type: 'RegisterUser',
    email: args.email.trim(),
    name: args.name.trim(),
  } as const;
  const context = { ...contextOf(newId()), isNew: true };
  const registered = await edge.registration.register(id, hash, () =>
    commands.users(id, command, context),
  );
  if (!registered.ok) throw new Error(`The account was refused: ${registered.rejection}.`);
  return await promote(edge, id, 'created');
}

async function promote(
  edge: Edge,
  id: string,
  done: 'created' | 'promoted',
): Promise<AdminCreated> {
  const account = await edge.commands.users.load(id);
  if (account.state.status === 'registered' && account.state.role === 'admin') {
    return { outcome: 'already-admin' };
  }
  const command = { type: 'ChangeUserRole', userId: id, role: 'admin' } as const;
  const outcome = await edge.commands.users(id, command, contextOf(edge.newId()));
  if (!outcome.ok) throw new Error(`The promotion was refused: ${outcome.rejection}.`);
  edge.noteRole(id, 'admin', outcome.position);
  await edge.freshness.caughtUp(outcome.position);
  return { outcome: done };
}

const contextOf = (id: string) => ({ actorId: 'operator', correlationId: id, causationId: id });
