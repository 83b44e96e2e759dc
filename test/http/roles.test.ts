import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import {
  promote,
  signUp,
  startServer,
  temporaryPlace,
  type TestServer,
} from '../../src/testing/server.ts';
import { expectProblem, send } from './requests.ts';

describe('a change of role', () => {
  let own: TestServer;
  let admin: Awaited<ReturnType<typeof promote>>;
  let adminId: string;

  beforeAll(async () => {
    own = await startServer();
    const root = await signUp(own.url);
    adminId = root.user.id;
    admin = await promote(own, adminId, root.email);
  });
  afterAll(() => own.stop());

  const become = (token: string, id: string, role: string) =>
    send(own.url, `PATCH /admin/users/${id}/role`, { token, json: { role } });
  const list = (token: string) => send(own.url, 'GET /admin/users', { token });

  test('counts at once, with the old token, both ways', async () => {
    const { user, accessToken } = await signUp(own.url);
    await expectProblem(await list(accessToken), 403, 'FORBIDDEN');
    expect((await become(admin.accessToken, user.id, 'admin')).status).toBe(200);
    expect((await list(accessToken)).status).toBe(200);
    expect((await become(admin.accessToken, user.id, 'user')).status).toBe(200);
    await expectProblem(await list(accessToken), 403, 'FORBIDDEN');
  });

  test('cannot take away the last admin', async () => {
    for (const role of ['user', 'moderator']) {
      const response = await become(admin.accessToken, adminId, role);
      await expectProblem(response, 409, 'LAST_ADMIN');
    }
    expect((await list(admin.accessToken)).status).toBe(200);
  });

  test('leaves one of two admins who demote each other at once', async () => {
    for (let round = 0; round < 10; round += 1) {
      const { user, accessToken } = await signUp(own.url);
      await become(admin.accessToken, user.id, 'admin');
      const responses = await Promise.all([
        become(admin.accessToken, user.id, 'user'),
        become(accessToken, adminId, 'user'),
      ]);
      const codes = responses.map(({ status }) => status).toSorted();
      expect([
        [200, 403],
        [200, 409],
      ]).toContainEqual(codes);
      const left = [admin.accessToken, accessToken].map(list);
      const admins = (await Promise.all(left)).filter(({ status }) => status === 200);
      expect(admins).toHaveLength(1);
      if (responses[1]!.status === 200) await become(accessToken, adminId, 'admin');
      await become(admin.accessToken, user.id, 'user');
    }
  });

  test('lasts through a restart, with the old token', async () => {
    const { path: directory, remove } = temporaryPlace();
    const before = await startServer({ directory });
    const grace = await signUp(before.url);
    await promote(before, grace.user.id, grace.email);
    await before.stop();
    const after = await startServer({ directory });
    const response = await send(after.url, 'GET /admin/users', { token: grace.accessToken });
    expect(response.status).toBe(200);
    await after.stop();
    await remove();
  });
});
