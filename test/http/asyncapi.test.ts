import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { Parser } from '@asyncapi/parser';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { registry } from '../../src/events/index.ts';
import { promote, signUp, startServer, type TestServer } from '../../src/testing/server.ts';
import { openChat, openEventStream } from '../../src/testing/streams.ts';
import { newRoom, newSku, positionOf, send } from './requests.ts';

setDefaultTimeout(30_000);

type References = Readonly<Record<string, { readonly $ref: string }>>;
type Document = {
  readonly channels: Readonly<Record<string, { address: string; messages: References }>>;
  readonly operations: Readonly<
    Record<string, { bindings?: { http?: { query: { properties: object } } } }>
  >;
  readonly components: {
    readonly messages: Readonly<Record<string, { payload: Schema; headers?: Schema }>>;
  };
};
type Schema = {
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly type?: string;
  readonly description?: string;
};

let server: TestServer;
let document: Document;

beforeAll(async () => {
  server = await startServer();
  const response = await send(server.url, 'GET /docs/asyncapi.json');
  expect(response.headers.get('content-type')).toStartWith('application/json');
  document = (await response.json()) as Document;
});
afterAll(() => server.stop());

const dataOf = (type: string) => document.components.messages[type]!.payload.properties!['data']!;

describe('the AsyncAPI document', () => {
  test('is valid, and without anything that the official parser would warn of', async () => {
    const { document: parsed, diagnostics } = await new Parser().parse(JSON.stringify(document));
    expect(diagnostics.filter(({ code }) => code !== 'asyncapi-latest-version')).toEqual([]);
    expect(parsed?.version()).toBe('3.0.0');
  });

  test('has the three things that stay open', () => {
    const addresses = Object.values(document.channels).map(({ address }) => address);
    expect(addresses).toEqual(['/events/stream', '/notifications/stream', '/ws/chat/{room}']);
  });

  test('has every event type that the log can hold', () => {
    expect(Object.keys(document.channels['events']!.messages)).toEqual([
      ...registry.types,
      'reset',
    ]);
    for (const type of registry.types) {
      const fields = registry.definitionOf(type).schema.properties;
      expect(Object.keys(dataOf(type).properties!)).toEqual(Object.keys(fields));
    }
  });

  test('shows what identifies a person as text, as readers get it', () => {
    const { name, email, role } = dataOf('UserRegistered').properties!;
    expect(name).toEqual({
      type: 'string',
      description: '`[erased]` once the person has been erased.',
    });
    expect(email!.description).toStartWith('Sent to the person only.');
    expect(role).not.toHaveProperty('description');
    expect(dataOf('UserRegistered').required).toEqual(['name', 'role']);
    expect(JSON.stringify(document)).not.toMatch(/"(?:personal|mustBe)"/);
  });

  test('knows the same parameters of a stream as the OpenAPI document, which links to it', async () => {
    const openApi = (await (await send(server.url, 'GET /docs/json')).json()) as {
      readonly paths: Readonly<Record<string, { get: { parameters: { name: string }[] } }>>;
      readonly info: { readonly description: string };
    };
    for (const [operation, path] of [
      ['sendEvents', '/events/stream'],
      ['sendNotifications', '/notifications/stream'],
    ] as const) {
      const { properties } = document.operations[operation]!.bindings!.http!.query;
      const parameters = openApi.paths[path]!.get.parameters.map(({ name }) => name);
      expect(Object.keys(properties).toSorted()).toEqual(parameters.toSorted());
    }
    expect(openApi.info.description).toContain('](/docs/asyncapi.json)');
  });
});

/** What a value differs in from a schema of a message. */
function validator() {
  const ajv = new Ajv2020({ allErrors: true, strict: false });
  formats['default'](ajv);
  ajv.addSchema(document, 'document');
  return (name: string, part: 'payload' | 'headers', value: unknown): string[] => {
    const validate = ajv.getSchema(`document#/components/messages/${name}/${part}`);
    if (!validate) return [`${name} has no ${part}`];
    if (validate(value)) return [];
    return validate.errors!.map(({ instancePath, message }) => `${name}${instancePath} ${message}`);
  };
}

describe('what really is sent', () => {
  test('by a stream of events is as the document says, for the person and for an admin', async () => {
    const ada = await signUp(server.url);
    const root = await signUp(server.url);
    const admin = await promote(server, root.user.id, root.email);
    await ada.client.profile.patch({ name: 'Ada King' });
    const { data } = await ada.client.products.post({ name: 'Mug', price: 1, sku: newSku() });
    await ada.client.products({ id: data!.id }).patch({ name: 'Cup', price: 2 });
    await ada.client.products({ id: data!.id }).delete();
    const messages = ada.client.chat({ room: newRoom() }).messages;
    const posted = await messages.post({ text: 'Hi' });
    const last = positionOf((await messages({ id: posted.data!.id }).delete()).response);

    const differences = validator();
    for (const { accessToken: token } of [ada, admin]) {
      const stream = await openEventStream(server.url, { token, after: 0 });
      await stream.until(() => stream.positions().includes(last));
      const types = stream.events().map(({ type }) => type);
      expect(new Set(types).size).toBeGreaterThanOrEqual(8);
      for (const { id, event, data } of stream.frames) {
        const payload: unknown = JSON.parse(data!);
        expect(differences(event!, 'payload', payload)).toEqual([]);
        expect(differences(event!, 'headers', { id: Number(id), event })).toEqual([]);
      }
      await stream.cut();
    }
  });

  test('by a stream that begins anew is as the document says', async () => {
    const { accessToken: token } = await signUp(server.url);
    const stream = await openEventStream(server.url, { token, after: 999_999_999 });
    await stream.received(1);
    const [{ event, data } = {}] = stream.frames;
    expect(event).toBe('reset');
    expect(validator()('reset', 'payload', JSON.parse(data!))).toEqual([]);
    await stream.cut();
  });

  test('in a chat room is as the document says', async () => {
    const room = newRoom();
    const { accessToken: token, client } = await signUp(server.url);
    const chat = openChat(server.url, { room, token });
    await chat.opened;
    chat.post('Good morning!', 'first');
    chat.post('and nobody answers');
    chat.post('', 'empty');
    await Promise.all([chat.received('ack', 2), chat.received('error', 1)]);
    await client
      .chat({ room })
      .messages({ id: chat.of('ack')[0]!.id! })
      .delete();
    const wanted = ['message', 'ack', 'error', 'withdrawn', 'presence'];
    await Promise.all(wanted.map((type) => chat.received(type, 1)));
    const differences = validator();
    for (const frame of chat.frames) {
      expect(differences(frame.type, 'payload', frame)).toEqual([]);
    }
    await chat.leave();
  });
});
