import { faker } from '@faker-js/faker';
import type { Edge } from '../http/edge.ts';
import type { Position } from '../kernel/stream.ts';
import type { OnProgress } from './progress.ts';

export type Seed = { readonly users: number; readonly products: number; readonly messages: number };
export type Seeded = Seed & { readonly password: string };

/** How many commands are under way at once: enough for the group commit to gather. */
const concurrency = 64;
const rooms = ['lobby', 'support', 'random', 'releases'];

/** Plausible sample data, through the command handlers like everything else. */
export async function seed(edge: Edge, wanted: Seed, onProgress: OnProgress): Promise<Seeded> {
  const total = wanted.users + wanted.products + wanted.messages;
  const run = newId(edge).slice(-6);
  const password = faker.internet.password({ length: 16 });
  const hash = await edge.passwords.hash(password);
  let done = 0;
  let newest = 0 as Position;
  const note = (position: Position) => {
    done += 1;
    newest = Math.max(newest, position) as Position;
    onProgress(done, total);
  };

  const userIds: string[] = [];
  await times(wanted.users, async (index) => {
    const id = newId(edge);
    const name = faker.person.fullName();
    const command = { type: 'RegisterUser', email: emailOf(name, run, index), name } as const;
    const outcome = await edge.registration.register(id, hash, () =>
      edge.commands.users(id, command, contextOf(edge, id)),
    );
    userIds.push(id);
    note(positionOf(outcome));
  });
  if (userIds.length === 0) userIds.push(newId(edge));
  await times(wanted.products, async (index) => {
    const createdBy = faker.helpers.arrayElement(userIds);
    const command = {
      type: 'CreateProduct',
      name: faker.commerce.productName(),
      sku: `${faker.string.alpha({ length: 3, casing: 'upper' })}-${run}-${index}`,
      priceCents: faker.number.int({ min: 100, max: 50_000 }),
      by: { id: createdBy, role: 'user' },
    } as const;
    note(
      positionOf(await edge.commands.products(newId(edge), command, contextOf(edge, createdBy))),
    );
  });
  await times(wanted.users === 0 ? 0 : wanted.messages, async () => {
    const author = faker.helpers.arrayElement(userIds);
    const command = {
      type: 'PostMessage',
      room: faker.helpers.arrayElement(rooms),
      text: faker.lorem.sentence(),
      by: { id: author, role: 'user' },
    } as const;
    note(positionOf(await edge.commands.messages(newId(edge), command, contextOf(edge, author))));
  });
  await edge.freshness.caughtUp(newest);
  return { ...wanted, password };
}

const newId = (edge: Edge) => edge.newId();

function contextOf(edge: Edge, actorId: string) {
  const id = newId(edge);
  return { actorId, correlationId: id, causationId: id, isNew: true };
}

function emailOf(name: string, run: string, index: number): string {
  const local = name
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/[^a-z]+/g, '.')
    .replaceAll(/^\.|\.$/g, '');
  return `${local}.${run}.${index}@example.com`;
}

function positionOf(
  outcome: { ok: true; position: Position } | { ok: false; rejection: string },
): Position {
  if (!outcome.ok) throw new Error(`Sample data was refused: ${outcome.rejection}.`);
  return outcome.position;
}

async function times(count: number, one: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) {
      next += 1;
      await one(next);
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, count) }, worker));
}
