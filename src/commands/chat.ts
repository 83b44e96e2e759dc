import type { ChatEvent } from '../events/chat.ts';
import { accept, type Decider, type Decision, reject } from '../kernel/decider.ts';
import type { Personal } from '../kernel/event.ts';
import { type Caller, mayChange } from './caller.ts';

type PostMessage = { type: 'PostMessage'; room: string; text: string; by: Caller };
/** `room` is where the caller believes the message to be. */
type WithdrawMessage = { type: 'WithdrawMessage'; room: string; by: Caller };

export type MessageCommand = Readonly<PostMessage | WithdrawMessage>;

export type MessageRejection = 'message-unknown' | 'message-exists' | 'message-not-yours';

export type Message =
  | { readonly status: 'unknown' }
  | {
      readonly status: 'posted' | 'withdrawn';
      readonly room: string;
      readonly authorId: string;
      readonly text: Personal;
    };

type Written = Exclude<Message, { status: 'unknown' }>;
type MessageDecision = Decision<ChatEvent, MessageRejection>;

export const message: Decider<Message, MessageCommand, ChatEvent, MessageRejection> = {
  initialState: { status: 'unknown' },

  evolve: (state, event) => {
    if (event.type === 'MessagePosted') return { status: 'posted', ...event.data };
    return state.status === 'unknown' ? state : { ...state, status: 'withdrawn', text: '' };
  },

  decide: (command, state) => {
    if (command.type === 'PostMessage') return post(command, state);
    if (state.status === 'unknown' || state.room !== command.room) return reject('message-unknown');
    return withdraw(command, state);
  },
};

function post({ room, text, by }: PostMessage, state: Message): MessageDecision {
  if (state.status !== 'unknown') return reject('message-exists');
  return accept({ type: 'MessagePosted', data: { room, authorId: by.id, text } });
}

function withdraw({ by }: WithdrawMessage, { status, room, authorId }: Written): MessageDecision {
  if (!mayChange(by, authorId)) return reject('message-not-yours');
  if (status === 'withdrawn') return accept();
  return accept({ type: 'MessageWithdrawn', data: { room, authorId } });
}
