import { Type } from '@sinclair/typebox';
import { Elysia, t } from 'elysia';
import type { MessageRejection } from '../commands/chat.ts';
import { erased, reveal } from '../kernel/event.ts';
import { accepted, contextOf, type Edge, ifVersion, stale, tag } from './edge.ts';
import { limitMax, queryInteger } from './paging.ts';
import { problem, problems, type Set } from './problem.ts';
import { answer, MessageText, PathId, strict } from './schemas.ts';
import { known, type MessageView as View, messageView, MessageView } from './views.ts';

const refusals = {
  'message-unknown': [404, 'NOT_FOUND', 'There is no such message in this room.'],
  'message-exists': [409, 'CONFLICT', 'This message exists already.'],
  'message-not-yours': [
    403,
    'FORBIDDEN',
    'Only its author, moderators and admins may withdraw it.',
  ],
} as const satisfies Record<MessageRejection, readonly [number, string, string]>;

const room = t.String({
  pattern: '^[a-z0-9-]{1,64}$',
  description: '1 to 64 of a-z, 0-9 and -.',
  examples: ['lobby'],
});
const Room = t.Object({ room });
const Message = t.Object({ room, id: PathId });
const NewMessage = strict({ text: MessageText });
const Window = t.Object(
  {
    before: t.Optional(
      queryInteger('before', {
        maximum: Number.MAX_SAFE_INTEGER,
        description: 'Only messages before this position.',
      }),
    ),
    limit: t.Optional(queryInteger('limit', { maximum: limitMax, default: 50 })),
  },
  { additionalProperties: true },
);
const Messages = answer({
  data: Type.Array(MessageView),
  nextBefore: Type.Union([Type.Integer(), Type.Null()], {
    description: 'The `before` of the next, older page; null where there is none.',
  }),
});

type Row = Omit<View, 'withdrawn' | 'name' | 'text'> & {
  name: string | null;
  text: string;
  isWithdrawn: boolean;
};

function rowView({ isWithdrawn: withdrawn, name, text, ...row }: Row): View {
  return { ...row, name: name ?? reveal(erased), text: withdrawn ? null : text, withdrawn };
}

export function chatHttp(edge: Edge) {
  const { access, commands, queries, freshness, limits, once, newId } = edge;
  return new Elysia({ name: 'http.chat', prefix: '/chat', tags: ['Chat'] })
    .use(access)
    .get(
      '/:room/messages',
      async ({ params, query, request, user }) => {
        await freshness.read(request, user.id);
        const { limit = 50, before = Number.MAX_SAFE_INTEGER } = query;
        const rows = await queries.chat.inRoom(params.room, before, limit + 1);
        const data = rows.slice(0, limit).map(rowView);
        return { data, nextBefore: rows.length > limit ? (data.at(-1)?.position ?? null) : null };
      },
      {
        isAuthenticated: true,
        params: Room,
        query: Window,
        response: { 200: Messages, ...problems(422, 503) },
        detail: { summary: "A room's messages, newest first" },
      },
    )
    .use(limits.commands)
    .post(
      '/:room/messages',
      async ({ params, body, request, set, status, user }) =>
        once(
          { request, set, body, callerId: user.id },
          () => user.id,
          async (repeatable) => {
            const author = await commands.users.load(user.id);
            if (author.state.status !== 'registered')
              return status(404, problem(set, 'NOT_FOUND', 'This account no longer exists.'));
            const command = {
              type: 'PostMessage',
              room: params.room,
              text: body.text,
              by: user,
            } as const;
            const context = { ...contextOf(set, user.id, repeatable), isNew: true };
            const outcome = await commands.messages(newId(), command, context);
            if (!outcome.ok)
              return status(409, problem(set, 'CONFLICT', 'This message exists already.'));
            accepted(edge, set, { ...outcome, actorId: user.id });
            tag(set, outcome.version);
            return status(201, messageView(outcome.id, known(outcome), author.state.name));
          },
        ),
      {
        isAuthenticated: true,
        params: Room,
        body: NewMessage,
        response: { 201: MessageView, ...problems(404, 409, 422, 429, 503) },
        detail: { summary: 'Post a message' },
      },
    )
    .delete(
      '/:room/messages/:id',
      async ({ params, request, set, status, user }) => {
        const command = { type: 'WithdrawMessage', room: params.room, by: user } as const;
        const context = { ...contextOf(set, user.id), ifVersion: ifVersion(request) };
        const outcome = await commands.messages(params.id, command, context);
        if (!outcome.ok) {
          if (outcome.rejection === 'stale') return status(412, stale(set));
          return status(refusals[outcome.rejection][0], refuse(set, outcome.rejection));
        }
        accepted(edge, set, { ...outcome, actorId: user.id });
        return status(204, undefined);
      },
      {
        isAuthenticated: true,
        params: Message,
        response: { 204: Type.Void(), ...problems(403, 404, 409, 412, 422, 429, 503) },
        detail: { summary: 'Withdraw a message; readers see that it was there' },
      },
    );
}

function refuse(set: Set, rejection: MessageRejection) {
  const [, code, message] = refusals[rejection];
  return problem(set, code, message);
}
