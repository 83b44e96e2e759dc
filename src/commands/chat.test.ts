import { describe, expect, test } from 'bun:test';
import type { ChatEvent } from '../events/chat.ts';
import { specify } from '../testing/decider-spec.ts';
import type { Caller } from './caller.ts';
import { message } from './chat.ts';

const given = specify(message);

const ada: Caller = { id: 'ada', role: 'user' };
const bob: Caller = { id: 'bob', role: 'user' };

const post = { type: 'PostMessage', room: 'lobby', text: 'Good morning', by: ada } as const;
const withdraw = { type: 'WithdrawMessage', room: 'lobby', by: ada } as const;

const posted: ChatEvent = {
  type: 'MessagePosted',
  data: { room: 'lobby', authorId: 'ada', text: 'Good morning' },
};
const withdrawn: ChatEvent = {
  type: 'MessageWithdrawn',
  data: { room: 'lobby', authorId: 'ada' },
};

describe('posting a message', () => {
  test('records room, author and text', () => {
    given().when(post).thenEmits(posted);
  });

  test('is refused where there is one, and where one was withdrawn', () => {
    given(posted).when(post).thenRejected('message-exists');
    given(posted, withdrawn).when(post).thenRejected('message-exists');
  });
});

describe('withdrawing a message', () => {
  test('records where it was and whose it was', () => {
    given(posted).when(withdraw).thenEmits(withdrawn);
  });

  test('leaves nothing of its text', () => {
    given(posted)
      .when(withdraw)
      .thenStateIs({ status: 'withdrawn', room: 'lobby', authorId: 'ada', text: '' });
  });

  test('again changes nothing', () => {
    given(posted, withdrawn).when(withdraw).thenNothingHappens();
  });

  test('is for its author, moderators and admins', () => {
    given(posted)
      .when({ ...withdraw, by: bob })
      .thenRejected('message-not-yours');
    for (const role of ['moderator', 'admin'] as const) {
      given(posted)
        .when({ ...withdraw, by: { id: 'mo', role } })
        .thenEmits(withdrawn);
    }
  });

  test('is refused to others even when it is withdrawn already', () => {
    given(posted, withdrawn)
      .when({ ...withdraw, by: bob })
      .thenRejected('message-not-yours');
  });

  test('is refused where there is none, and in another room', () => {
    given().when(withdraw).thenRejected('message-unknown');
    given(posted)
      .when({ ...withdraw, room: 'attic' })
      .thenRejected('message-unknown');
  });
});

describe('a message', () => {
  test('cannot be withdrawn before it is posted', () => {
    expect([withdrawn].reduce(message.evolve, message.initialState)).toEqual({ status: 'unknown' });
  });
});
