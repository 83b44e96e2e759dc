// A database of a test's own in the PostgreSQL that the test command has started.
import postgres from 'postgres';

export type TestDatabase = { readonly url: string; readonly drop: () => Promise<void> };

/**
 * A new, empty database; tests that have one each may run side by side.
 * @throws Error when the tests were not started by the test command, which starts the server.
 */
export async function freshDatabase(): Promise<TestDatabase> {
  const server = serverUrl();
  const name = `test_${crypto.randomUUID().replaceAll('-', '')}`;
  await administer(server, `CREATE DATABASE ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    // Whoever is still connected is cut off: a test that failed may have left somebody behind.
    drop: () => administer(server, `DROP DATABASE ${name} WITH (FORCE)`),
  };
}

function serverUrl(): string {
  const url = process.env['TEST_POSTGRES_URL'];
  if (url) return url;
  throw new Error('TEST_POSTGRES_URL is not set: run this by `bun run test FILE`, which sets it.');
}

async function administer(server: string, statement: string): Promise<void> {
  const client = postgres(server, { max: 1, onnotice() {} });
  try {
    await client.unsafe(statement);
  } finally {
    await client.end();
  }
}
