import { beforeEach, describe, expect, test } from 'bun:test';
import { registry } from '../events/index.ts';
import { userStream } from '../events/users.ts';
import { createMemoryLog } from '../storage/memory/event-log.ts';
import { keysInMemory } from '../testing/keys.ts';
import { appendOf, newEvent } from '../testing/log.ts';
import { createEnqueuer, type Effect, handlersOf } from './effect.ts';
import { createEventStore } from './event-store.ts';
import type { Recorded } from './event.ts';
import { HopelessJob, type Job } from './jobs.ts';

const stream = userStream('ada');

let run: { name: string; id: string; version: number }[];
let enqueued: Job[];
let store: ReturnType<typeof createEventStore>;
let append: (...types: string[]) => Promise<void>;

beforeEach(() => {
  run = [];
  enqueued = [];
  const log = createMemoryLog();
  store = createEventStore({ log, registry, keyring: keysInMemory().keyring() });
  append = async (...types) => {
    const events = types.map((type) => newEvent({ sessionId: 's' }, type));
    await log.append([appendOf({ stream, expected: 'any', events })]);
  };
});

function effect(name: string, on: string): Effect {
  return { name, on, run: async ({ version }, id) => void run.push({ name, id, version }) };
}

const effects = [
  effect('mail', 'RefreshTokenReused'),
  effect('call', 'RefreshTokenReused'),
  effect('other', 'UserPasswordChanged'),
];

/** Makes jobs of everything in the stream. */
async function enqueueAll(): Promise<readonly Recorded[]> {
  const enqueue = createEnqueuer(effects, { enqueue: async (job) => void enqueued.push(job) });
  const events = await Array.fromAsync(store.readStream(stream));
  for (const event of events) await enqueue(event);
  return events;
}

const work = (job: Job) => handlersOf(effects, store).get(job.name)!(job);

describe('an event', () => {
  test('has a job for each of its effects, with the same id each time', async () => {
    await append('UserPasswordChanged', 'RefreshTokenReused');
    const [changed, reused] = await enqueueAll();
    const ids = enqueued.map(({ id }) => id);
    expect(ids).toEqual([`${changed!.id}.other`, `${reused!.id}.mail`, `${reused!.id}.call`]);
    await enqueueAll();
    expect(enqueued.slice(ids.length).map(({ id }) => id)).toEqual(ids);
  });

  test('that nothing is done about has none', async () => {
    await append('UserRoleChanged');
    await enqueueAll();
    expect(enqueued).toEqual([]);
  });

  test('is not in its jobs, only where it stands', async () => {
    await append('RefreshTokenReused');
    const [event] = await enqueueAll();
    expect(enqueued[0]!.data).toEqual({ event: event!.id, stream, version: 1 });
  });
});

describe('a job', () => {
  test('runs its effect on its event', async () => {
    await append('UserPasswordChanged', 'RefreshTokenReused');
    await enqueueAll();
    await Promise.all(enqueued.map(work));
    expect(run).toEqual([
      { name: 'other', id: enqueued[0]!.id, version: 1 },
      { name: 'mail', id: enqueued[1]!.id, version: 2 },
      { name: 'call', id: enqueued[2]!.id, version: 2 },
    ]);
  });

  test.each([
    { event: 'another', stream, version: 1 },
    { event: 'event', stream, version: 2 },
    { event: 'event', stream: userStream('nobody'), version: 1 },
  ])('of a log that is not this one is hopeless: %j', async (data) => {
    await append('RefreshTokenReused');
    const job = { id: 'event.mail', name: 'mail', data };
    await expect(work(job)).rejects.toThrow(HopelessJob);
    expect(run).toEqual([]);
  });
});
