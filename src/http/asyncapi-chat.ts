// The frames of the chat, both ways.
import { reference, strictly } from './asyncapi-events.ts';
import { closeCodes, socketLimits } from './chat-socket.ts';

const ref = {
  type: 'string',
  maxLength: 128,
  description: 'Chosen by the client, to tell which post an answer is to.',
};
const kind = (type: string) => ({ type: 'string', const: type });
const correlationId = {
  description: 'The client’s own name for its post.',
  location: '$message.payload#/ref',
};

export const chatMessages = {
  post: {
    name: 'post',
    title: 'Post a message',
    payload: strictly({ text: reference('MessageText'), ref }, ['ref']),
    correlationId,
    examples: [{ name: 'post', payload: { text: 'Good morning!', ref: '1' } }],
  },
  message: {
    name: 'message',
    title: 'Somebody has posted',
    summary: 'Sent to everyone in the room, the author too, once the message is stored.',
    payload: strictly({
      type: kind('message'),
      id: reference('Id'),
      from: reference('Id'),
      name: { type: 'string', description: 'What the author is called, or `[erased]`.' },
      data: strictly({
        text: { type: 'string', description: 'The text, `[withdrawn]`, or `[erased]`.' },
      }),
      at: { type: 'integer', description: 'Milliseconds since 1970.' },
      position: reference('Position'),
    }),
  },
  ack: {
    name: 'ack',
    title: 'Your post is stored',
    payload: strictly(
      { type: kind('ack'), ref, id: reference('Id'), position: reference('Position') },
      ['ref'],
    ),
    correlationId,
  },
  error: {
    name: 'error',
    title: 'Your post is refused',
    summary: 'The connection stays. `code` is one of the API’s, as `RATE_LIMITED`.',
    payload: strictly(
      { type: kind('error'), code: { type: 'string' }, message: { type: 'string' }, ref },
      ['ref'],
    ),
    correlationId,
  },
  withdrawn: {
    name: 'withdrawn',
    title: 'A message is withdrawn',
    payload: strictly({
      type: kind('withdrawn'),
      id: reference('Id'),
      position: reference('Position'),
    }),
  },
  presence: {
    name: 'presence',
    title: 'Who is in the room',
    summary: 'When it changes, and when you enter.',
    payload: strictly({
      type: kind('presence'),
      users: {
        type: 'array',
        items: strictly({ id: reference('Id'), name: { type: 'string' } }),
      },
    }),
  },
};

const codes = [[1009, 'The frame is too large.'], ...Object.values(closeCodes)]
  .map(([code, meaning]) => `- ${code}: ${meaning}`)
  .join('\n');

const description = `All members of a room see the same messages in the same order, the log's.

- A frame has at most ${socketLimits.maxPayloadLength} bytes.
- A person may post 20 messages in 10 s, then gets \`error\` with \`RATE_LIMITED\`.
- At most 32 open sockets a person; the next is refused with 429.
- Browsers may connect from this server's own origin and from those in \`CORS_ORIGINS\`.

Close codes:

${codes}`;

export const chatChannel = {
  address: '/ws/chat/{room}',
  title: 'A chat room',
  description,
  servers: [{ $ref: '#/servers/ws' }],
  parameters: { room: { description: '1 to 64 of `a-z`, `0-9` and `-`.', examples: ['lobby'] } },
  bindings: {
    ws: {
      method: 'GET',
      query: {
        type: 'object',
        properties: {
          token: { type: 'string', description: 'A ticket or an access token.' },
          after: {
            type: 'integer',
            minimum: 0,
            description: 'First sends what was posted and withdrawn behind this position.',
          },
        },
      },
      headers: {
        type: 'object',
        properties: {
          'Sec-WebSocket-Protocol': {
            type: 'string',
            description: '`bearer, <access token>`, instead of `token`.',
          },
        },
      },
      bindingVersion: '0.1.0',
    },
  },
};

const chat = { $ref: '#/channels/chat' };
const messages = (...names: readonly (keyof typeof chatMessages)[]) =>
  names.map((name) => ({ $ref: `#/channels/chat/messages/${name}` }));
const security = ['bearer', 'token', 'subprotocol'].map((name) => ({
  $ref: `#/components/securitySchemes/${name}`,
}));

export const chatOperations = {
  receivePosts: {
    action: 'receive',
    channel: chat,
    messages: messages('post'),
    reply: { channel: chat, messages: messages('ack', 'error') },
    security,
  },
  sendToRoom: {
    action: 'send',
    channel: chat,
    messages: messages('message', 'withdrawn', 'presence'),
    security,
  },
};
