import { Type } from '@sinclair/typebox';
import { type Cookie, Elysia, t } from 'elysia';
import { isCommonPassword } from '../auth/common-passwords.ts';
import { refreshTokenSeconds } from '../auth/sessions.ts';
import { normaliseEmail } from '../commands/users.ts';
import { UnknownPerson } from '../kernel/keyring.ts';
import { idOf } from '../kernel/stream.ts';
import { accepted, contextOf, type Edge, requestIdOf, tag } from './edge.ts';
import { problem, problems, type Set } from './problem.ts';
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
const Cookies = t.Cookie({
  refold_refresh: t.Optional(t.String({ description: 'The refresh token.' })),
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
        return once({ request, set, body, callerId: 'anonymous' }, personOf, async (repeatable) => {
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
  const { audit, commands, limits, sessions, tokenReuse, tokens, access } = edge;

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

  return new Elysia()
    .post(
      '/login',
      async ({ body, request, set, status, cookie }) => {
        const session = await limits.passwords(attemptsOn(edge, body.email), async () => {
          const holder = await holderOf(edge, body.email);
          const accountId = holder && idOf(holder);
          audit.note(request, { accountId });
          return await edge.signIn(accountId, body.password);
        });
        const answer = session && (await signedIn(session.personId, session.id));
        if (!session || !answer)
          return status(401, unauthorized(set, 'Address or password is wrong.'));
        keepCookie(edge, cookie.refold_refresh, session.refreshToken);
        return answer;
      },
      {
        body: Credentials,
        cookie: Cookies,
        response: { 200: SignedIn, ...problems(401, 422, 429, 503) },
        detail: { summary: 'Sign in', security: [] },
      },
    )
    .post(
      '/refresh',
      async ({ request, set, status, cookie }) => {
        const presented = cookie.refold_refresh.value;
        const refreshed = presented ? await sessions.refresh(presented) : undefined;
        if (refreshed?.outcome === 'reused') {
          audit.note(request, { accountId: refreshed.personId, action: 'token-reuse' });
          await tokenReuse.note(refreshed, requestIdOf(set));
        }
        if (refreshed?.outcome !== 'rotated') {
          if (presented) dropCookie(edge, cookie.refold_refresh);
          return status(401, unauthorized(set, 'Sign in again.'));
        }
        audit.note(request, { accountId: refreshed.personId });
        const answer = await signedIn(refreshed.personId, refreshed.id);
        if (!answer) return status(401, unauthorized(set, 'Sign in again.'));
        keepCookie(edge, cookie.refold_refresh, refreshed.refreshToken);
        return answer;
      },
      {
        cookie: Cookies,
        response: { 200: SignedIn, ...problems(401, 422, 429, 503) },
        detail: {
          summary: 'A new access token for the refresh cookie',
          security: [{ refreshCookie: [] }],
        },
      },
    )
    .post(
      '/logout',
      async ({ request, set, status, cookie }) => {
        const presented = cookie.refold_refresh.value;
        const byCookie = presented ? sessions.idOf(presented) : undefined;
        const bearer = await access.identify(request);
        const byBearer = bearer?.sessionId;
        audit.note(request, { accountId: bearer?.id });
        if (byCookie === undefined && byBearer === undefined) {
          return status(401, unauthorized(set, 'Nobody is signed in.'));
        }
        for (const id of new Set([byCookie, byBearer])) if (id) await sessions.end(id);
        if (presented) dropCookie(edge, cookie.refold_refresh);
        return status(204, undefined);
      },
      {
        cookie: Cookies,
        response: { 204: Type.Void(), ...problems(401, 422, 429, 503) },
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

function keepCookie({ isProduction }: Edge, cookie: Cookie<string | undefined>, value: string) {
  cookie.set({ value, maxAge: refreshTokenSeconds, ...attributes(isProduction) });
}

function dropCookie({ isProduction }: Edge, cookie: Cookie<string | undefined>) {
  cookie.set({ value: '', maxAge: 0, ...attributes(isProduction) });
}

const attributes = (isProduction: boolean) =>
  ({ httpOnly: true, sameSite: 'strict', secure: isProduction, path: '/auth' }) as const;
