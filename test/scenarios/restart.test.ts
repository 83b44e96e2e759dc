import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { createClient } from '../../src/client/index.ts';
import { signUpActors } from '../../src/testing/actors.ts';
import { readLog } from '../../src/testing/rows.ts';
import { signIn, signUp, spawnServer, temporaryPlace } from '../../src/testing/server.ts';

setDefaultTimeout(60_000);

const temporary = temporaryPlace();
const directory = temporary.path;
let server: Awaited<ReturnType<typeof spawnServer>>;

beforeAll(async () => void (server = await spawnServer(directory)));
afterAll(async () => {
  server.child.kill('SIGKILL');
  await server.child.exited;
  await temporary.remove();
});

async function restart(signal: 'SIGTERM' | 'SIGKILL') {
  server.child.kill(signal);
  await server.child.exited;
  server = await spawnServer(directory);
}

const clientOf = (accessToken: string) =>
  createClient(server.url, { accessToken: () => accessToken });
const profileStatus = async (token: string) => (await clientOf(token).profile.get()).status;

function refresh(cookie: string) {
  return fetch(`${server.url}/auth/refresh`, { method: 'POST', headers: { cookie } });
}

function postOnce(accessToken: string, key: string) {
  return fetch(`${server.url}/chat/lobby/messages`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${accessToken}`,
      'content-type': 'application/json',
      'idempotency-key': key,
    },
    body: JSON.stringify({ text: 'Once only' }),
  });
}

describe.each(['SIGTERM', 'SIGKILL'] as const)('after a restart by %s', (signal) => {
  test('tokens, refresh cookies and passwords are good', async () => {
    const ada = await signUp(server.url);
    await restart(signal);
    expect(await profileStatus(ada.accessToken)).toBe(200);
    const refreshed = await refresh(ada.cookie);
    expect(refreshed.status).toBe(200);
    const { accessToken } = (await refreshed.json()) as { accessToken: string };
    expect(await profileStatus(accessToken)).toBe(200);
    expect(await profileStatus((await signIn(server.url, ada.email)).accessToken)).toBe(200);
  });

  test('a session that signed out stays signed out', async () => {
    const ada = await signUp(server.url);
    const other = await signIn(server.url, ada.email);
    expect((await ada.client.auth.logout.post()).status).toBe(204);
    await restart(signal);
    expect(await profileStatus(ada.accessToken)).toBe(401);
    expect((await refresh(ada.cookie)).status).toBe(401);
    expect(await profileStatus(other.accessToken)).toBe(200);
  });

  test('sessions ended by a new password stay ended', async () => {
    const ada = await signUp(server.url);
    const other = await signIn(server.url, ada.email);
    const change = {
      currentPassword: 'a long enough password',
      newPassword: 'another long password',
    };
    expect((await ada.client.profile.password.post(change)).status).toBe(204);
    await restart(signal);
    expect(await profileStatus(other.accessToken)).toBe(401);
    expect(await profileStatus(ada.accessToken)).toBe(200);
    const signedIn = await signIn(server.url, ada.email, change.newPassword);
    expect(await profileStatus(signedIn.accessToken)).toBe(200);
  });

  test('a refresh token that was used before is known as such', async () => {
    const ada = await signUp(server.url);
    expect((await refresh(ada.cookie)).status).toBe(200);
    await restart(signal);
    expect((await refresh(ada.cookie)).status).toBe(401);
    expect(await profileStatus(ada.accessToken)).toBe(401);
  });

  test('a role that changed counts with a token that is older', async () => {
    const { users } = await signUpActors({ url: server.url, directory }, 2);
    const [admin, eve] = users as [(typeof users)[0], (typeof users)[0]];
    const roleOf = ({ id }: { id: string }) => admin.client.admin.users({ id }).role;
    expect((await roleOf(eve.user).patch({ role: 'admin' })).status).toBe(200);
    expect((await roleOf(eve.user).patch({ role: 'user' })).status).toBe(200);
    expect((await roleOf(eve.user).patch({ role: 'admin' })).status).toBe(200);
    await restart(signal);
    const list = (token: string) => clientOf(token).admin.users.get({ query: {} as never });
    expect((await list(eve.accessToken)).status).toBe(200);
    const demoted = await clientOf(admin.accessToken)
      .admin.users({ id: eve.user.id })
      .role.patch({ role: 'user' });
    expect(demoted.status).toBe(200);
    await restart(signal);
    expect((await list(eve.accessToken)).status).toBe(403);
  });

  test('a command that is repeated gets its first answer and happens once', async () => {
    const ada = await signUp(server.url);
    const first = await postOnce(ada.accessToken, 'the same key');
    await restart(signal);
    const { length } = await readLog(directory);
    const second = await postOnce(ada.accessToken, 'the same key');
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(await second.text()).toBe(await first.text());
    for (const name of ['etag', 'event-position', 'location']) {
      expect(second.headers.get(name)).toBe(first.headers.get(name));
    }
    expect(second.headers.get('idempotent-replay')).toBe('true');
    expect(await readLog(directory)).toHaveLength(length);
  });
});
