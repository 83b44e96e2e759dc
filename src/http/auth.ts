import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { isCommonPassword } from '../auth/common-passwords.ts';
import { normaliseEmail } from '../commands/users.ts';
import { UnknownPerson } from '../kernel/keyring.ts';
import { idOf } from '../kernel/stream.ts';
import { accepted, contextOf, type Edge, requestIdOf, tag } from './edge.ts';
import { isFromOwnPages } from './origins.ts';
import { EdgeRefusal, problem, problems, type Set } from './problem.ts';
import { refreshCookie } from './refresh-cookie.ts';
import { answer, Email, Name, Password, strict } from './schemas.ts';
import { known, userView, UserView } from './views.ts';

const Registration = strict({ email: Email, name: Name, password: Password });
const Credentials = strict({
  email: Email,
  password: Type.String({ minLength: 1, maxLength: 1_024 }),
});
const SignedIn = answer({
  accessToken: Type.String({ description: 'HS256, fifteen minutes.' }),
  user: UserView,
});

export const commonPassword = (set: Set, path: string) =>
  problem(set, 'VALIDATION_ERROR', 'The request is not as it must be.', [
    { path, message: 'Must not be one of the passwords that are tried first.' },
  ]);

export function authHttp(edge: Edge) {
  const { commands, passwords, registration, once, limits, newId } = edge;
  return new Elysia({ name: 'http.auth', prefix: '/auth', tags: ['Accounts'] })
    .use(limits.auth)
    .post(
      '/register',
      async ({ body, request, set, status }) => {
        if (await isCommonPassword(body.password, body.email, body.name))
          return status(422, commonPassword(set, '/password'));
        const sent = { request, set, body, hasPassword: true, callerId: 'anonymous' } as const;
        return once(sent, personOf, async (repeatable) => {
          const taken = problem(
            set,
            'EMAIL_TAKEN',
            'There is an account with this address already.',
          );
          const email = body.email.trim();
          const isTaken = repeatable === undefined && (await holderOf(edge, email)) !== undefined;
          if (isTaken) return status(409, taken);
          const id = newId();
          const hash = await passwords.hash(body.password);
          const command = { type: 'RegisterUser', email, name: body.name.trim() } as const;
          const context = { ...contextOf(set, id, repeatable), isNew: true };
          const outcome = await registration.register(id, hash, () =>
            commands.users(id, command, context),
          );
          if (!outcome.ok) return status(409, taken);
          // The same request again, after whom it registered was erased.
          if (outcome.state.status === 'erased') throw new UnknownPerson(outcome.id);
          edge.audit.note(request, { accountId: outcome.id });
          accepted(edge, set, { ...outcome, actorId: outcome.id });
          tag(set, outcome.version);
          return status(201, userView(outcome.id, known(outcome)));
        });
      },
      {
        body: Registration,
        response: { 201: UserView, ...problems(404, 409, 422, 429, 503) },
        detail: { summary: 'Register', security: [] },
      },
    )
    .use(signIn(edge));
}

function signIn(edge: Edge) {
  const { audit, commands, limits, sessions, tokenReuse, tokens, access, live } = edge;
  const refreshToken = refreshCookie(edge);

  async function signedIn(userId: string, sid: string) {
    const account = await commands.users.load(userId);
    if (account.state.status !== 'registered') return undefined;
    const { role } = account.state;
    const accessToken = await tokens.sign({ sub: userId, sid, role });
    return { accessToken, user: userView(userId, known(account)) };
  }

  const unauthorized = (set: Set, message: string) => {
    set.headers['www-authenticate'] = 'Bearer';
    return problem(set, 'UNAUTHORIZED', message);
  };

  /** The cookie comes along with whatever a browser sends here. */
  function refuseOthers(request: Request) {
    if (isFromOwnPages(request, live.origins)) return;
    throw new EdgeRefusal(403, 'FORBIDDEN', 'Pages of this origin may not do that.');
  }

  return new Elysia()
    .post(
      '/login',
      async ({ body, request, set, status, cookie }) => {
        const device = request.headers.get('user-agent') ?? '';
        const session = await limits.passwords(attemptsOn(edge, body.email), async () => {
          const holder = await holderOf(edge, body.email);
          const accountId = holder && idOf(holder);
          audit.note(request, { accountId });
          return await edge.signIn(accountId, body.password, device);
        });
        const answer = session && (await signedIn(session.personId, session.id));
        if (!session || !answer)
          return status(401, unauthorized(set, 'Address or password is wrong.'));
        refreshToken.keep(cookie, session);
        return answer;
      },
      {
        body: Credentials,
        response: { 200: SignedIn, ...problems(401, 422, 429, 503) },
        detail: { summary: 'Sign in', security: [] },
      },
    )
    .post(
      '/refresh',
      async ({ request, set, status, cookie }) => {
        refuseOthers(request);
        const presented = refreshToken.in(cookie);
        const refreshed = presented ? await sessions.refresh(presented) : undefined;
        if (refreshed?.outcome === 'reused') {
          audit.note(request, { accountId: refreshed.personId, action: 'token-reuse' });
          await tokenReuse.note(refreshed, requestIdOf(set));
        }
        if (refreshed?.outcome !== 'rotated') {
          if (presented) refreshToken.drop(cookie);
          return status(401, unauthorized(set, 'Sign in again.'));
        }
        audit.note(request, { accountId: refreshed.personId });
        const answer = await signedIn(refreshed.personId, refreshed.id);
        if (!answer) return status(401, unauthorized(set, 'Sign in again.'));
        refreshToken.keep(cookie, refreshed);
        return answer;
      },
      {
        response: { 200: SignedIn, ...problems(401, 403, 429, 503) },
        detail: {
          summary: 'A new access token for the refresh cookie',
          security: [{ refreshCookie: [] }],
        },
      },
    )
    .post(
      '/logout',
      async ({ request, set, status, cookie }) => {
        refuseOthers(request);
        const presented = refreshToken.in(cookie);
        const byCookie = presented ? sessions.idOf(presented) : undefined;
        const bearer = await access.identify(request);
        const byBearer = bearer?.sessionId;
        audit.note(request, { accountId: bearer?.id });
        if (byCookie === undefined && byBearer === undefined) {
          return status(401, unauthorized(set, 'Nobody is signed in.'));
        }
        for (const id of new Set([byCookie, byBearer])) if (id) await sessions.end(id);
        if (presented) refreshToken.drop(cookie);
        return status(204, undefined);
      },
      {
        response: { 204: Type.Void(), ...problems(401, 403, 429, 503) },
        detail: { summary: 'Sign out', security: [{ refreshCookie: [] }, { bearerAuth: [] }] },
      },
    );
}

const attemptsOn = ({ digest }: Edge, email: string) => digest('attempts', normaliseEmail(email));

function holderOf({ store, digest }: Edge, email: string) {
  return store.holderOf('email', digest('email', normaliseEmail(email)));
}

const personOf = ({ code, response }: { code: unknown; response: unknown }) =>
  code === 201 ? (response as UserView).id : null;
