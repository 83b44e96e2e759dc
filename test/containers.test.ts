// What can be known of the containers without an engine: that the files of the image are enough to serve,
// and that compose.yaml gives the nodes nothing but variables that they read.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { cpSync, existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { temporaryDirectory } from '../src/testing/directory.ts';

const root = join(import.meta.dir, '..');
const secret = (seed: string) => new Bun.SHA256().update(seed).digest('hex');
const environment = {
  PATH: process.env['PATH'] ?? '',
  HOME: process.env['HOME'] ?? '',
  NODE_ENV: 'production',
  HOST: '127.0.0.1',
  PORT: '0',
  JWT_SECRET: secret('access'),
  JWT_REFRESH_SECRET: secret('refresh'),
  CRYPTO_SECRET: secret('crypto'),
};

const instructions = (await Bun.file(join(root, 'Dockerfile')).text())
  .replaceAll(/^#.*\n/gm, '')
  .replaceAll(/\\\n\s*/g, ' ')
  .split('\n')
  .filter(Boolean)
  .map((line) => line.split(' '));

/** Sources and destination of each COPY from here, in the order of the file. */
const copies = instructions
  .filter(([name, first = '']) => name === 'COPY' && !first.startsWith('--from'))
  .map(([, ...paths]) => ({ sources: paths.slice(0, -1), to: paths.at(-1)! }));

const argumentsOf = (name: string) =>
  instructions.filter(([first]) => first === name).map(([, ...rest]) => rest.join(' '));

const image = temporaryDirectory();
afterAll(image.remove);

function copyLikeTheImage() {
  for (const { sources, to } of copies) {
    for (const source of sources) {
      const isFolder = to.endsWith('/');
      const target = join(image.path, to, isFolder ? source : '');
      mkdirSync(dirname(target), { recursive: true });
      cpSync(join(root, source), target, { recursive: true, filter: isWanted });
    }
  }
}

/** As `.dockerignore` says. */
const isWanted = (path: string) => !/\/src\/testing(?:\/|$)|\.test\.ts$/.test(path);

async function run(command: readonly string[], env: Record<string, string> = environment) {
  const child = Bun.spawn([...command], { cwd: image.path, env, stdout: 'ignore', stderr: 'pipe' });
  const errors = await child.stderr.text();
  return { exitCode: await child.exited, errors };
}

async function manifest() {
  return (await Bun.file(join(root, 'package.json')).json()) as {
    readonly dependencies: Readonly<Record<string, string>>;
    readonly devDependencies: Readonly<Record<string, string>>;
  };
}

async function addressOf({ stdout }: Bun.Subprocess<'ignore', 'pipe', 'pipe'>): Promise<URL> {
  let text = '';
  for await (const chunk of stdout) {
    text += Buffer.from(chunk).toString();
    const found = /"url":"([^"]+)"/.exec(text)?.[1];
    if (found) return new URL(found);
  }
  throw new Error(`The server ended: ${text}`);
}

describe('the image', () => {
  beforeAll(async () => {
    copyLikeTheImage();
    const command = argumentsOf('RUN').find((one) => one.startsWith('bun install'));
    const install = [process.execPath, ...command!.split(' ').slice(1)];
    const { exitCode, errors } = await run(install, process.env as Record<string, string>);
    expect({ exitCode, errors: exitCode === 0 ? '' : errors }).toEqual({ exitCode: 0, errors: '' });
  }, 60_000);

  test('has what the server needs, and no packages of development', async () => {
    const [entry = '[]'] = argumentsOf('ENTRYPOINT');
    const [start = '[]'] = argumentsOf('CMD');
    const [, ...args] = [...(JSON.parse(entry) as string[]), ...(JSON.parse(start) as string[])];
    const server = Bun.spawn([process.execPath, ...args], {
      cwd: image.path,
      env: environment,
      stdout: 'pipe',
      stderr: 'pipe',
    });
    const url = await addressOf(server);
    expect((await fetch(new URL('/ready', url))).status).toBe(200);
    expect((await fetch(new URL('/docs', url))).status).toBe(200);
    expect((await fetch(new URL('/metrics', url))).status).toBe(200);

    const [, check = '[]'] = /CMD (\[.*)$/.exec(argumentsOf('HEALTHCHECK')[0] ?? '') ?? [];
    const healthy = [process.execPath, ...(JSON.parse(check) as string[]).slice(1)];
    expect((await run(healthy, { ...environment, PORT: url.port })).exitCode).toBe(0);
    server.kill(argumentsOf('STOPSIGNAL')[0] as 'SIGTERM');
    expect(await server.exited).toBe(0);
    expect((await run(healthy, { ...environment, PORT: url.port })).exitCode).toBe(1);

    const { dependencies, devDependencies } = await manifest();
    const isThere = (name: string) => existsSync(join(image.path, 'node_modules', name));
    expect(Object.keys(dependencies).filter((name) => !isThere(name))).toEqual([]);
    expect(Object.keys(devDependencies).filter(isThere)).toEqual([]);
  });

  test('is made of nothing that .dockerignore leaves out', async () => {
    const rules = (await Bun.file(join(root, '.dockerignore')).text()).split('\n');
    const admitted = rules.filter((rule) => rule.startsWith('!')).map((rule) => rule.slice(1));
    const needed = copies.flatMap(({ sources }) => sources);
    expect([...new Set(needed)].toSorted()).toEqual(admitted.toSorted());
    expect(rules).toContain('*');
  });

  test('runs the version of Bun that the repository is tested with, and not as root', async () => {
    const { devDependencies } = await manifest();
    expect(argumentsOf('ARG')).toEqual([`BUN_VERSION=${devDependencies['bun']}`]);
    expect(argumentsOf('USER')).toEqual(['bun']);
  });
});

type Service = {
  readonly image?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly healthcheck?: object;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
};

describe('compose.yaml', async () => {
  const text = await Bun.file(join(root, 'compose.yaml')).text();
  const { services } = Bun.YAML.parse(text) as {
    readonly services: Readonly<Record<string, Service>>;
  };

  test('gives the nodes only variables that are in .env.example', async () => {
    const example = await Bun.file(join(root, '.env.example')).text();
    const known: readonly string[] = example.match(/^\w+(?==)/gm) ?? [];
    const given = ['node-1', 'node-2'].flatMap((name) => Object.keys(services[name]!.environment!));
    expect(given.length).toBeGreaterThan(10);
    expect(given.filter((name) => !known.includes(name))).toEqual([]);
  });

  test('asks for no secret that docker/.env.example does not name', async () => {
    const named = (await Bun.file(join(root, 'docker/.env.example')).text()).match(/^\w+(?==)/gm);
    const asked = [...text.matchAll(/\$\{(\w+)/g)].map(([, name]) => name!);
    expect([...new Set(asked)].toSorted()).toEqual(named!.toSorted());
  });

  test('waits only for what has a health check, or for what ends', () => {
    const waits = Object.values(services).flatMap(({ depends_on = {} }) =>
      Object.entries(depends_on).filter(([, { condition }]) => condition === 'service_healthy'),
    );
    expect(waits.length).toBeGreaterThan(5);
    const ownCheck = ([name]: readonly [string, unknown]) =>
      services[name]?.healthcheck !== undefined || services[name]?.image === 'refold';
    expect(waits.filter((wait) => !ownCheck(wait))).toEqual([]);
  });

  test('takes every image by a version', () => {
    const images = Object.values(services).flatMap(({ image }) => image ?? []);
    const unpinned = images.filter((image) => image !== 'refold' && !/:v?\d+/.test(image));
    expect(unpinned).toEqual([]);
  });
});
