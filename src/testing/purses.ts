// A small domain for tests of command handling: purses that are paid into and spent from.
import { Type } from '@sinclair/typebox';
import { LRUCache } from 'lru-cache';
import { accept, type Decider, reject } from '../kernel/decider.ts';
import { createEventStore } from '../kernel/event-store.ts';
import { event, type EventOf } from '../kernel/event.ts';
import { type CommandContext, commandHandler, type Folded } from '../kernel/handle-command.ts';
import { createRegistry } from '../kernel/registry.ts';
import { logStart, type StreamName, streamNamer } from '../kernel/stream.ts';
import { createDigest } from '../storage/digest.ts';
import { createMemoryLog } from '../storage/memory/event-log.ts';
import { countingIds, steerableClock } from './clock.ts';
import { keysInMemory } from './keys.ts';
import { appendOf } from './log.ts';

const Paid = event('Paid', { amount: Type.Integer() });
const Spent = event('Spent', { amount: Type.Integer() });
const Named = event('Named', { name: Type.String() });
const Unnamed = event('Unnamed', {});

type PurseEvent = EventOf<typeof Paid | typeof Spent | typeof Named | typeof Unnamed>;
type Purse = { readonly amount: number; readonly name: string | undefined };
type PurseCommand =
  | { readonly type: 'Pay' | 'Spend'; readonly amount: number }
  | { readonly type: 'FillTo'; readonly amount: number }
  | { readonly type: 'Name'; readonly name: string }
  | { readonly type: 'Unname' };

const purse: Decider<Purse, PurseCommand, PurseEvent, 'too-little' | 'name-taken' | 'last-name'> = {
  initialState: { amount: 0, name: undefined },

  evolve: (state, event) => {
    switch (event.type) {
      case 'Paid':
        return { ...state, amount: state.amount + event.data.amount };
      case 'Spent':
        return { ...state, amount: state.amount - event.data.amount };
      case 'Named':
        return { ...state, name: event.data.name };
      case 'Unnamed':
        return { ...state, name: undefined };
    }
  },

  decide: (command, { amount, name }) => {
    switch (command.type) {
      case 'Pay':
        return accept({ type: 'Paid', data: { amount: command.amount } });
      case 'FillTo':
        if (amount >= command.amount) return accept();
        return accept({ type: 'Paid', data: { amount: command.amount - amount } });
      case 'Spend':
        if (amount < command.amount) return reject('too-little');
        return accept({ type: 'Spent', data: { amount: command.amount } });
      case 'Name': {
        const claim = { kind: 'name', value: command.name, orElse: 'name-taken' } as const;
        return {
          ...accept<PurseEvent>({ type: 'Named', data: { name: command.name } }),
          claims: { take: [claim] },
        };
      }
      case 'Unname': {
        const claim = { kind: 'name', value: name ?? '', orElse: 'last-name' } as const;
        return {
          ...accept<PurseEvent>({ type: 'Unnamed', data: {} }),
          claims: { release: [claim] },
        };
      }
    }
  },
};

export const streamOf = streamNamer('purse');
export const context: CommandContext = {
  actorId: 'ada',
  correlationId: 'request',
  causationId: 'click',
};

type Options = { readonly remembered?: number; readonly isShared?: boolean };

export function purses({ remembered = 100, isShared = false }: Options = {}) {
  const memory = createMemoryLog();
  /** What another writer does just before each append, and how often the stream was read. */
  const world = { beforeAppend: async () => {}, reads: 0 };
  const log: typeof memory = {
    ...memory,
    async append(appends) {
      await world.beforeAppend();
      return memory.append(appends);
    },
    readStream(...args) {
      world.reads += 1;
      return memory.readStream(...args);
    },
  };
  const registry = createRegistry([Paid, Spent, Named, Unnamed]);
  const cache = new LRUCache<StreamName, Folded<unknown>>({ max: remembered });
  const clock = steerableClock();
  const parts = {
    store: createEventStore({ log, registry, keyring: keysInMemory().keyring() }),
    cache,
    isShared,
    clock,
    newId: countingIds(),
    digest: createDigest(Buffer.from('key')),
  };
  const handle = commandHandler(parts, purse, streamOf);
  /** Another process's write, which the cache here hears nothing of. */
  const elsewhere = (id: string, amount: number) =>
    memory.append([
      appendOf({
        stream: streamOf(id),
        expected: 'any',
        events: [
          { id: 'elsewhere', type: 'Paid', schemaVersion: 1, data: JSON.stringify({ amount }) },
        ],
      }),
    ]);
  const stored = async () => await memory.readAll(logStart, 1_000);
  return { handle, elsewhere, world, cache, clock, stored, log: memory, digest: parts.digest };
}
