import { join } from 'node:path';
import { host, repositoryRoot, type Server, startServer } from './children.ts';
import { temporaryDirectory } from './cleanup.ts';
import type { BenchOptions } from './options.ts';

export type Refold = {
  readonly server: Server;
  readonly dataDirectory: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly userId: string;
  /** The headers of that user, who is signed in. */
  readonly headers: Readonly<Record<string, string>>;
};

export const productBody = (skuPrefix: string) =>
  JSON.stringify({ name: 'Enamel mug, blue rim', price: 12.5, sku: `${skuPrefix}-{number}` });

export const refoldScript = join(repositoryRoot, 'src', 'cli.ts');

/** Extra variables that switch every rate limit off. */
const rateLimitsOff = { RATE_LIMIT_AUTH: '0', RATE_LIMIT_COMMANDS: '0' };

type Start = { readonly script: string; readonly extra?: Readonly<Record<string, string>> };

/** @param start Another script than the server's own, which starts the server in its process. */
export async function startRefold(
  options: BenchOptions,
  { script, extra }: Start = { script: refoldScript },
): Promise<Refold> {
  const dataDirectory = temporaryDirectory();
  const environment = { ...environmentFor(dataDirectory), ...extra };
  const server = await startServer(
    { name: 'refold', script, args: ['start'], environment },
    options,
  );
  const { accessToken, user } = await signIn(server.port);
  return {
    server,
    dataDirectory,
    environment,
    userId: user.id,
    headers: { Authorization: `Bearer ${accessToken}` },
  };
}

export async function request<Body>(
  { port }: Server,
  path: string,
  init: RequestInit,
): Promise<Body> {
  const answer = await fetch(`http://${host}:${port}${path}`, init);
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`);
  return (await answer.json()) as Body;
}

function environmentFor(dataDirectory: string) {
  return {
    NODE_ENV: 'production',
    DATABASE_URL: `sqlite:${dataDirectory}`,
    LOG_LEVEL: 'warn',
    JWT_SECRET: randomText(),
    JWT_REFRESH_SECRET: randomText(),
    CRYPTO_SECRET: randomText(),
    ...rateLimitsOff,
  };
}

/** Access tokens of so many users. */
export async function signInMany({ port }: Server, count: number): Promise<string[]> {
  const all = Array.from({ length: count }, (_, index) => signIn(port, `user-${index}`));
  return (await Promise.all(all)).map(({ accessToken }) => accessToken);
}

/** Creates so many products; answers their paths. */
export async function createProducts(
  refold: Pick<Refold, 'server' | 'headers'>,
  count: number,
): Promise<string[]> {
  const paths: string[] = [];
  for (let index = 0; index < count; index++) {
    const body = productBody('QUERY').replace('{number}', String(index).padStart(10, '0'));
    const headers = { ...refold.headers, 'Content-Type': 'application/json' };
    const init = { method: 'POST', headers, body };
    const { id } = await request<{ id: string }>(refold.server, '/products', init);
    paths.push(`/products/${id}`);
  }
  return paths;
}

/** Nodes on one database; whoever signed in on the first is known to all. */
export async function startNodes(
  count: number,
  environment: Readonly<Record<string, string>>,
  options: BenchOptions,
): Promise<{ readonly servers: readonly Server[]; readonly headers: Refold['headers'] }> {
  const first = await startRefold(options, { script: refoldScript, extra: environment });
  const others = Array.from({ length: count - 1 }, () =>
    startServer(
      { name: 'refold', script: refoldScript, args: ['start'], environment: first.environment },
      options,
    ),
  );
  return { servers: [first.server, ...(await Promise.all(others))], headers: first.headers };
}

async function signIn(port: number, name = 'bench') {
  const server = { port } as Server;
  const credentials = { email: `${name}@example.com`, password: randomText() };
  const post = (body: object) => ({
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
  await request(server, '/auth/register', post({ ...credentials, name: 'Bench' }));
  type SignedIn = { readonly accessToken: string; readonly user: { readonly id: string } };
  return await request<SignedIn>(server, '/auth/login', post(credentials));
}

function randomText() {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(48))).toString('base64url');
}
