// The document of what stays open: server-sent events and chat, in AsyncAPI 3.0. Every event type of
// the registry is in it, so that none can be forgotten.
import type { EventRegistry } from '../kernel/registry.ts';
import { chatChannel, chatMessages, chatOperations } from './asyncapi-chat.ts';
import { eventMessages, resetMessage, sharedSchemas } from './asyncapi-events.ts';
import { withoutOurWords } from './openapi.ts';
import { MessageText, Position } from './schemas.ts';

const optionalAfter = {
  ...Position,
  description: 'Resumes: every later event, once and in order. Without it the stream starts live.',
};
const token = {
  type: 'string',
  description: 'A ticket of `POST /auth/ticket` (one use, 30 s) or an access token.',
};
const filters = {
  types: { type: 'string', description: 'Only these event types, separated by commas.' },
  stream: { type: 'string', description: 'Only this stream.' },
};

const description = `What a Refold server sends while a connection stays open. Requests and answers are in the
[OpenAPI document](/docs/json).

A message of a stream is one frame of server-sent events: \`id\` and \`event\` are given as its headers,
\`data\` as its payload. Field values that identify a person are text, or \`[erased]\` once that person
has been erased. The text of a message that was withdrawn before it is sent is \`[withdrawn]\`.`;

const eventsDescription = `One frame for each event that the caller may see: everybody sees those of products and
messages, a person their own, admins all. No stream carries another person's e-mail address.

- \`Last-Event-ID\`, or \`after\` where no header can be set, resumes without a gap and without a double. A
  position beyond the head of the log gets one \`reset\` and starts live.
- A comment at least every 8 s keeps the stream open; \`retry\` says when to come back.
- A reader that does not keep up is cut, and resumes.
- Logout, erasure, demotion and the end of the access token end the stream within 5 s.
- At most 32 open streams a person; the next is refused with 429.`;

export function asyncApiDocument(registry: EventRegistry, version: string): object {
  const events = eventMessages(registry);
  // The log keeps notifications in streams of their own, and names their events after them.
  const ofNotifications = registry.types.filter((type) => type.startsWith('Notification'));
  return withoutOurWords({
    asyncapi: '3.0.0',
    info: {
      title: 'Refold, live',
      version,
      description,
      license: { name: 'MIT', url: 'https://opensource.org/license/mit' },
      contact: { name: 'Refold contributors' },
    },
    defaultContentType: 'application/json',
    servers: { http: server('http'), ws: server('ws') },
    channels: {
      events: {
        ...sseChannel('/events/stream', 'Events, as they happen'),
        description: eventsDescription,
        messages: references([...registry.types, 'reset']),
      },
      notifications: {
        ...sseChannel('/notifications/stream', 'Your notifications'),
        description: 'As the stream of events, with the notifications of the caller and no filter.',
        messages: references([...ofNotifications, 'reset']),
      },
      chat: { ...chatChannel, messages: references(Object.keys(chatMessages)) },
    },
    operations: {
      sendEvents: sends('events', { after: optionalAfter, ...filters, token }),
      sendNotifications: sends('notifications', { after: optionalAfter, token }),
      ...chatOperations,
    },
    components: {
      messages: { ...events, reset: resetMessage, ...chatMessages },
      schemas: { ...sharedSchemas, MessageText },
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
        token: { type: 'httpApiKey', in: 'query', name: 'token', description: token.description },
        subprotocol: {
          type: 'httpApiKey',
          in: 'header',
          name: 'Sec-WebSocket-Protocol',
          description: '`bearer, <access token>`; the server answers `bearer`.',
        },
      },
    },
  });
}

function server(protocol: 'http' | 'ws') {
  return {
    host: '{host}',
    protocol,
    description: `This server; ${protocol}s behind a proxy that speaks TLS.`,
    variables: { host: { default: 'localhost:3000', description: 'Host and port.' } },
  };
}

function sseChannel(address: string, title: string) {
  return { address, title, servers: [{ $ref: '#/servers/http' }] };
}

function references(names: readonly string[]) {
  return Object.fromEntries(
    names.map((name) => [name, { $ref: `#/components/messages/${name}` }] as const),
  );
}

function sends(channel: string, query: object) {
  return {
    action: 'send',
    channel: { $ref: `#/channels/${channel}` },
    security: [
      { $ref: '#/components/securitySchemes/bearer' },
      { $ref: '#/components/securitySchemes/token' },
    ],
    bindings: {
      http: {
        method: 'GET',
        query: { type: 'object', properties: query },
        bindingVersion: '0.3.0',
      },
    },
  };
}
