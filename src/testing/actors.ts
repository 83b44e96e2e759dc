import { expect } from 'bun:test';
import { runCommand } from './command-line.ts';
import { placeOf } from './engine.ts';
import type { Actor } from './load.ts';
import { signIn, signUp } from './server.ts';

/** Users of a server that runs as a process of its own; the first is an admin. */
export async function signUpActors(
  server: { readonly url: string; readonly directory: string },
  count: number,
) {
  const { url, directory } = server;
  const users = await Promise.all(Array.from({ length: count }, () => signUp(url)));
  const [first, ...others] = users as [(typeof users)[0], ...typeof users];
  const made = await runCommand(['admin:create', '--email', first.email], { directory });
  expect(made).toMatchObject({ exitCode: 0, stderr: '' });
  const admin = { ...first, ...(await signIn(url, first.email)) };
  const actors = [admin, ...others].map(({ user, accessToken }): Actor => ({
    id: user.id,
    token: accessToken,
  }));
  return { admin, users: [admin, ...others], actors };
}

/**
 * Waits until a server has reacted to everything in its log, and answers the log's head. A follower
 * keeps its checkpoint once it is idle, so nothing more comes by itself.
 */
export async function reactedToAll(directory: string): Promise<number> {
  const { connect } = await placeOf(directory);
  const log = await connect('log');
  try {
    for (;;) {
      const [now] = (await log.run(
        `SELECT coalesce(max(position), 0) AS head,
           coalesce(max(position), 0) - (SELECT min(position) FROM follower_checkpoints) AS behind
         FROM events`,
      )) as readonly { head: number; behind: number }[];
      if (now!.behind <= 0) return now!.head;
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  } finally {
    await log.close();
  }
}

/** Waits until a server's read models have seen everything in its log. */
export async function caughtUp(url: string, token: string, head: number): Promise<void> {
  for (;;) {
    const headers = { authorization: `Bearer ${token}`, 'read-after': String(head) };
    const response = await fetch(`${url}/products?limit=1`, { headers });
    if (response.ok) return;
    expect(response.status).toBe(503);
  }
}
