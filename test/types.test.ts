import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dir, '..');

// What the compiler promises. Each program must be refused at the line that ends in `// refused`,
// and nowhere else; one without such a line must pass.

const decider = (rejection: string) => `
import type { ProductEvent } from '../src/events/products.ts';
import { accept, type Decider, type Decision, reject } from '../src/kernel/decider.ts';

type Rejection = 'product-unknown' | 'product-deleted';

function decide(isKnown: boolean): Decision<ProductEvent, Rejection> {
  if (!isKnown) return reject('product-unknown');
  ${rejection}
}

export const product: Decider<boolean, boolean, ProductEvent, Rejection> = {
  initialState: false,
  evolve: () => true,
  decide,
};
`;

const event = (data: string) => `
import type { ProductEvent } from '../src/events/products.ts';
import { accept, type Decision } from '../src/kernel/decider.ts';

export function reprice(): Decision<ProductEvent, never> {
  ${data}
}
`;

const evolve = (last: string) => `
import type { ChatEvent } from '../src/events/chat.ts';

export function evolve(state: string, event: ChatEvent): string {
  switch (event.type) {
    case 'MessagePosted':
      return event.data.room;
    ${last}
  }
}
`;

const projection = (handler: string) => `
import type { ChatEvent } from '../src/events/chat.ts';
import { defineProjection } from '../src/kernel/projection.ts';
import { idOf } from '../src/kernel/stream.ts';
import { patch } from '../src/projections/changes.ts';
import { messages } from '../src/projections/chat.ts';

export const chat = defineProjection<ChatEvent>({
  name: 'messages',
  version: 1,
  tables: [messages],
  on: {
    ${handler}
  },
});
`;

const client = (call: string) => `
import { createClient } from '../src/client/index.ts';

const client = createClient('http://localhost:3000');
${call}
`;

const given = (then: string) => `
import { product } from '../src/commands/products.ts';
import { specify } from '../src/testing/decider-spec.ts';

const by = { id: 'ada', role: 'user' } as const;
${then}
`;

const programs = {
  'a decider with its own rejections': decider("return reject('product-deleted');"),
  'a decider with a rejection of another': decider("return reject('sku-taken'); // refused"),
  'an event with its own fields': event(
    "return accept({ type: 'ProductRepriced', data: { priceCents: 1, previousCents: 2 } });",
  ),
  'an event with a misspelt field': event(
    "return accept({ type: 'ProductRepriced', data: { priceCents: 1, previousCent: 2 } }); // refused",
  ),
  'an event without one of its fields': event(
    "return accept({ type: 'ProductRepriced', data: { priceCents: 1 } }); // refused",
  ),
  'an event with a field of another type': event(
    "return accept({ type: 'ProductRenamed', data: { name: 1, previousName: '' } }); // refused",
  ),
  'an event nobody declared': event(
    "return accept({ type: 'ProductEaten', data: {} }); // refused",
  ),
  'an evolve that knows every event': evolve("case 'MessageWithdrawn':\n      return '';"),
  'an evolve that has forgotten one': evolve('').replace(': string {', ': string { // refused'),
  'a projection of declared events': projection(
    "MessageWithdrawn: ({ stream }) => patch(messages, { id: idOf(stream) }, { text: '' }),",
  ),
  'a projection of an event nobody declared': projection(
    "MessageEaten: ({ stream }) => patch(messages, { id: idOf(stream) }, { text: '' }), // refused",
  ),
  'a projection that reads a field of another event': projection(
    'MessageWithdrawn: ({ data }) => patch(messages, { id: data.text }, {}), // refused',
  ),
  'a projection of a column that is not there': projection(
    "MessageWithdrawn: () => patch(messages, { id: '' }, { words: '' }), // refused",
  ),
  'a client of a route that is there': client("await client.products({ id: '1' }).get();"),
  'a client of a misspelt route': client("await client.prodcuts({ id: '1' }).get(); // refused"),
  'a client with a method that the route lacks': client(
    "await client.products({ id: '1' }).put({}); // refused",
  ),
  'a client with a misspelt field in its body': client(
    "await client.auth.login.post({ email: '', pasword: '' }); // refused",
  ),
  'a listener to an event and its fields': client(
    "client.events.on('ProductCreated', ({ data, meta }) => data.priceCents + meta.actorId.length);",
  ),
  'a listener to a misspelt event': client(
    "client.events.on('ProductCreatd', () => {}); // refused",
  ),
  'a listener to a misspelt field': client(
    "client.events.on('ProductCreated', ({ data }) => data.priceCent); // refused",
  ),
  'a listener to a field of another event': client(
    "client.events.on('ProductRenamed', ({ data }) => data.priceCents); // refused",
  ),
  'a listener to all events, told apart by their type': client(
    "client.events.on('*', (event) => {\n  if (event.type === 'MessagePosted') event.data.text.trim();\n});",
  ),
  'a listener to all events that reads a field of some': client(
    "client.events.on('*', (event) => {\n  event.data.room; // refused\n});",
  ),
  'a follower of some types of event': client(
    "for await (const { data } of client.events.follow({ types: ['ProductRepriced'] }))\n  data.previousCents.toFixed();",
  ),
  'a follower of a misspelt type of event': client(
    "client.events.follow({ types: ['ProductReprised'] }); // refused",
  ),
  'a follower that listens to what it does not follow': client(
    "client.events.follow({ types: ['ProductRepriced'] }).on('ProductRenamed', () => {}); // refused",
  ),
  'a follower that counts on an address': client(
    "client.events.on('UserRegistered', ({ data }) => data.email.length); // refused",
  ),
  'a chat room': client(
    "const { id } = await client.chat.join('lobby', { onMessage: ({ data }) => data.text.trim() }).post('Hi');\nid.trim();",
  ),
  'a chat room with a misspelt frame': client(
    "client.chat.join('lobby', { onMesage: () => {} }); // refused",
  ),
  'a message in a chat room with a misspelt field': client(
    "client.chat.join('lobby', { onMessage: ({ txt }) => txt }); // refused",
  ),
  'signing in with a misspelt field': client(
    "await client.signIn({ email: '', pasword: '' }); // refused",
  ),
  'a test for a rejection that the decider gives': given(
    "specify(product)().when({ type: 'DeleteProduct', by }).thenRejected('product-unknown');",
  ),
  'a test for a rejection that the decider cannot give': given(
    "specify(product)().when({ type: 'DeleteProduct', by }).thenRejected('user-unknown'); // refused",
  ),
};

const fileOf = (name: string) => `programs/${name.replaceAll(' ', '-')}.ts`;

describe('the compiler', () => {
  let project: string;
  let complaints: readonly string[];

  beforeAll(async () => {
    project = await mkdtemp(join(tmpdir(), 'refold-types-'));
    for (const name of ['src', 'node_modules', 'package.json']) {
      await symlink(join(root, name), join(project, name));
    }
    const { compilerOptions } = (await Bun.file(join(root, 'tsconfig.json')).json()) as {
      readonly compilerOptions: object;
    };
    const tsconfig = {
      compilerOptions: { ...compilerOptions, preserveSymlinks: true },
      include: ['programs', 'src/assets.d.ts'],
    };
    await Bun.write(join(project, 'tsconfig.json'), JSON.stringify(tsconfig));
    for (const [name, code] of Object.entries(programs)) {
      await Bun.write(join(project, fileOf(name)), code.trimStart());
    }
    complaints = await check();
  });

  afterAll(() => rm(project, { recursive: true, force: true }));

  test.each(Object.keys(programs))('judges %s', (name) => {
    const lines = programs[name as keyof typeof programs].trimStart().split('\n');
    const refused = lines.flatMap((line, index) =>
      line.endsWith('// refused') ? [`${fileOf(name)}:${index + 1}`] : [],
    );
    expect(complaints.filter((place) => place.startsWith(`${fileOf(name)}:`))).toEqual(refused);
  });

  test('complains of nothing else', () => {
    expect(complaints.filter((place) => !place.startsWith('programs/'))).toEqual([]);
  });

  /** The places, `file:line`, where the type check complains. */
  async function check() {
    const checker = Bun.spawn([process.execPath, 'check', '--no-script'], {
      cwd: project,
      env: { ...process.env, NO_COLOR: '1' },
      stdout: 'pipe',
      stderr: 'pipe',
    });
    const texts = await Promise.all([checker.stdout.text(), checker.stderr.text()]);
    const places = [...texts.join('\n').matchAll(/^\s*(?:at )?([\w./-]+\.ts)[:(](\d+)/gm)];
    return [...new Set(places.map(([, file, line]) => `${file}:${line}`))];
  }
});
