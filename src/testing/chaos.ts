// Several nodes as processes on one database, and what can happen to them: a node is killed and started again,
// connections to the database are cut.
import postgres from 'postgres';
import { freshDatabase } from './postgres.ts';
import type { Random } from './random.ts';
import { spawnServer } from './server.ts';

type Node = Awaited<ReturnType<typeof spawnServer>>;

const secret = () => crypto.randomUUID() + crypto.randomUUID();

/** @param environment Of each node. */
export async function startNodes(count: number, environment: Record<string, string> = {}) {
  const database = await freshDatabase();
  const secrets = {
    JWT_SECRET: secret(),
    JWT_REFRESH_SECRET: secret(),
    CRYPTO_SECRET: secret(),
  };
  const shared = { ...secrets, DATABASE_URL: database.url, ...environment };
  const start = () => spawnServer('.', shared);
  const nodes: Node[] = await Promise.all(Array.from({ length: count }, start));
  const admin = postgres(database.url, { max: 1, onnotice() {} });

  return {
    database,
    secrets,
    sql: admin,
    urls: () => nodes.map(({ url }) => url),

    async add(): Promise<void> {
      nodes.push(await start());
    },

    async kill(index: number): Promise<void> {
      const { child } = nodes[index]!;
      child.kill('SIGKILL');
      await child.exited;
    },
    /** It does nothing, and keeps its connections, until it wakes. */
    sleep: (index: number) => void nodes[index]!.child.kill('SIGSTOP'),
    wake: (index: number) => void nodes[index]!.child.kill('SIGCONT'),

    /** Starts it again as a supervisor does: also when it could not, because its connection was cut. */
    async restart(index: number): Promise<void> {
      for (let node: Node | undefined; node === undefined;) {
        node = await start().catch((error: unknown) => {
          if (
            !/CONNECTION_CLOSED|ECONNRESET|57P01|DatabaseUnavailable|cannot be used/.test(
              String(error),
            )
          )
            throw error;
          return undefined;
        });
        if (node) nodes[index] = node;
      }
    },

    /** Cuts about so many connections in a hundred; answers how many it was. */
    async cut(random: Random, percent: number): Promise<number> {
      const connected = await admin<{ pid: number }[]>`
        SELECT pid FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()`;
      const chosen = connected.filter(() => random.isTrue(percent / 100)).map(({ pid }) => pid);
      if (chosen.length > 0)
        await admin`SELECT pg_terminate_backend(pid) FROM unnest(${chosen}::int[]) pid`;
      return chosen.length;
    },

    async stop(): Promise<readonly number[]> {
      await admin.end();
      for (const { child } of nodes) child.kill('SIGCONT');
      for (const { child } of nodes) child.kill('SIGTERM');
      return await Promise.all(nodes.map(({ child }) => child.exited));
    },
  };
}
