import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { isCommonPassword } from '../auth/common-passwords.ts';
import { passwordChangeCommandId } from '../auth/password-change.ts';
import { reveal } from '../kernel/event.ts';
import { commonPassword } from './auth.ts';
import { accepted, contextOf, type Edge, ifVersion, stale, tag } from './edge.ts';
import { problem, problems, type Set } from './problem.ts';
import { Name, Password, strict } from './schemas.ts';
import { known, userView, UserView } from './views.ts';

const Rename = strict({ name: Name });
const PasswordChange = strict({
  currentPassword: Type.String({ minLength: 1, maxLength: 1_024 }),
  newPassword: Password,
});

const gone = (set: Set) => problem(set, 'NOT_FOUND', 'This account no longer exists.');

export function profileHttp(edge: Edge) {
  const { access, commands, queries, freshness, limits, passwords, sessions, once } = edge;
  return new Elysia({ name: 'http.profile', prefix: '/profile', tags: ['Profile'] })
    .use(access)
    .get(
      '',
      async ({ request, set, status, user }) => {
        await freshness.read(request, user.id);
        const row = await queries.users.byId(user.id);
        if (!row) return status(404, gone(set));
        tag(set, row.version);
        return row;
      },
      {
        isAuthenticated: true,
        response: { 200: UserView, ...problems(404, 422, 503) },
        detail: { summary: 'Your account' },
      },
    )
    .use(limits.commands)
    .patch(
      '',
      async ({ body, request, set, status, user }) => {
        const context = { ...contextOf(set, user.id), ifVersion: ifVersion(request) };
        const command = { type: 'RenameUser', name: body.name.trim() } as const;
        const outcome = await commands.users(user.id, command, context);
        if (!outcome.ok) {
          return outcome.rejection === 'stale' ? status(412, stale(set)) : status(404, gone(set));
        }
        accepted(edge, set, { ...outcome, actorId: user.id });
        tag(set, outcome.version);
        return userView(user.id, known(outcome));
      },
      {
        isAuthenticated: true,
        body: Rename,
        response: { 200: UserView, ...problems(404, 409, 412, 422, 429, 503) },
        detail: { summary: 'Change your name' },
      },
    )
    .post(
      '/password',
      async ({ body, request, set, status, user }) => {
        const { state } = await commands.users.load(user.id);
        const guesses = state.status === 'registered' ? [state.email, state.name].map(reveal) : [];
        if (await isCommonPassword(body.newPassword, ...guesses))
          return status(422, commonPassword(set, '/newPassword'));
        return once(
          { request, set, body, hasPassword: true, callerId: user.id },
          () => user.id,
          async (repeatable) => {
            const change = await edge.passwordChanges.make(repeatable, async (id) => {
              const hash = await edge.passwordHashOf(user.id);
              const isMatch = await limits.passwords(
                user.id,
                async () => (await passwords.matches(body.currentPassword, hash)) || undefined,
              );
              if (!isMatch) return false;
              return sessions.changePassword({
                id,
                personId: user.id,
                command: repeatable,
                passwordHash: await passwords.hash(body.newPassword),
                verifiedHash: hash!,
                keepSession: user.sessionId,
              });
            });
            if (change === undefined) {
              return status(
                403,
                problem(set, 'WRONG_PASSWORD', 'The current password is another.'),
              );
            }
            const context = contextOf(set, user.id, { commandId: passwordChangeCommandId(change) });
            const outcome = await commands.users(user.id, { type: 'NotePasswordChange' }, context);
            if (!outcome.ok) return status(404, gone(set));
            accepted(edge, set, { ...outcome, actorId: user.id });
            return status(204, undefined);
          },
        );
      },
      {
        isAuthenticated: true,
        body: PasswordChange,
        response: { 204: Type.Void(), ...problems(403, 404, 409, 422, 429, 503) },
        detail: { summary: 'Change your password; every other session ends' },
      },
    );
}
