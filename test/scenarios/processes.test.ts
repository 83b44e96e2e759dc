import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { signUpActors } from '../../src/testing/actors.ts';
import { runCommand } from '../../src/testing/command-line.ts';
import { contradictions, createLoad, drive, emptyRecord } from '../../src/testing/load.ts';
import { seededRandom } from '../../src/testing/random.ts';
import { differences, dumpReadModels, foldReadModels, readLog } from '../../src/testing/rows.ts';
import { spawnServer, temporaryPlace } from '../../src/testing/server.ts';

setDefaultTimeout(120_000);

let temporary: ReturnType<typeof temporaryPlace>;
let children: Bun.Subprocess[] = [];

beforeEach(() => void (temporary = temporaryPlace()));
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  await Promise.all(children.map(({ exited }) => exited));
  children = [];
  await temporary.remove();
});

async function start(directory = temporary.path) {
  const server = await spawnServer(directory);
  children.push(server.child);
  return { ...server, directory };
}

const isHealthy = async (url: string) => (await fetch(`${url}/ready`)).ok;

describe('a port that is in use', () => {
  test('is one line on standard error and exit 1', async () => {
    const first = await start();
    const other = temporaryPlace();
    const environment = { PORT: new URL(first.url).port };
    const second = await runCommand(['start'], { directory: other.path, environment });
    await other.remove();
    expect(second).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/^[^\n]*\bport\b[^\n]*\n$/i),
    });
    expect(await isHealthy(first.url)).toBe(true);
  });
});

describe('a server that is told to stop', () => {
  test.each([1, 2, 3])(
    'under load exits 0 with everything acknowledged in the log, round %i',
    async () => {
      const random = seededRandom('SIGTERM');
      const server = await start();
      const { actors } = await signUpActors(server, 4);
      const record = emptyRecord();
      const load = createLoad(random, actors, 1);
      const enough = random.between(50, 1_000);
      let isTold = false;
      const isEnough = () => {
        if (!isTold && record.acknowledged.length >= enough) {
          isTold = true;
          server.child.kill('SIGTERM');
        }
        return false; // the clients go on until nobody answers
      };
      await drive({ url: server.url, load, record, clients: 16, isEnough });
      expect(await server.child.exited).toBe(0);
      const events = await readLog(server.directory);
      expect(contradictions(record, events)).toEqual([]);
      const stored = new Set(
        events.map(({ meta }) => (JSON.parse(meta) as { correlationId: string }).correlationId),
      );
      const unanswered = record.unknown.filter(({ id }) => stored.has(id));
      expect(unanswered.map(({ route }) => route)).toEqual([]);
      expect(
        differences(await dumpReadModels(server.directory), await foldReadModels(server.directory)),
      ).toEqual([]);
    },
  );

  test('answers the requests that it is working on', async () => {
    const server = await start();
    const register = (index: number) =>
      fetch(`${server.url}/auth/register`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          email: `${index}@example.com`,
          name: 'Ada',
          password: 'a long enough one',
        }),
      });
    // Two hashes at a time: when the first of ten is answered, the others wait inside.
    const requests = Array.from({ length: 10 }, (_, index) => register(index));
    await Promise.race(requests);
    server.child.kill('SIGTERM');
    const answers = await Promise.all(requests);
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201));
    expect(await server.child.exited).toBe(0);
    expect(await readLog(server.directory)).toHaveLength(10);
  });
});

test('a PostgreSQL that cannot be reached is told in one line, without the password', async () => {
  const environment = { DATABASE_URL: 'postgres://refold:verysecret@127.0.0.1:1/refold' };
  const { path: directory } = temporary;
  for (const command of ['start', 'replay', 'verify', 'db:migrate']) {
    const { exitCode, stdout, stderr } = await runCommand([command], { directory, environment });
    expect({ command, exitCode, stdout }).toEqual({ command, exitCode: 1, stdout: '' });
    expect(stderr).toMatch(/^PostgreSQL at 127\.0\.0\.1:1 cannot be used: [^\n]+\n$/);
    expect(stderr).not.toContain('verysecret');
  }
});
