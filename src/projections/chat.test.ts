import { describe, expect, test } from 'bun:test';
import { type ChatEvent, messageStream } from '../events/chat.ts';
import { userStream } from '../events/users.ts';
import { rowsAfter } from '../testing/projection-spec.ts';
import { chatProjection, messages } from './chat.ts';

const posted: ChatEvent = {
  type: 'MessagePosted',
  data: { room: 'lobby', authorId: 'ada', text: 'Good morning 🌍' },
};
const withdrawn: ChatEvent = {
  type: 'MessageWithdrawn',
  data: { room: 'lobby', authorId: 'ada' },
};

const rows = (...events: readonly ChatEvent[]) =>
  rowsAfter(
    chatProjection,
    messages,
    events.map((event) => ({ stream: messageStream('m1'), event })),
  );

describe('a message among the rows', () => {
  test('is what was posted', async () => {
    expect(await rows(posted)).toEqual([
      {
        id: 'm1',
        room: 'lobby',
        author_id: 'ada',
        text: 'Good morning 🌍',
        is_withdrawn: 0,
        version: 1,
        position: 1,
        created_at: '2026-01-01T00:00:00.000Z',
      },
    ]);
  });

  test('keeps its place and loses its text once it is withdrawn', async () => {
    expect(await rows(posted, withdrawn)).toEqual([
      {
        id: 'm1',
        room: 'lobby',
        author_id: 'ada',
        text: '',
        is_withdrawn: 1,
        version: 2,
        position: 1,
        created_at: '2026-01-01T00:00:00.000Z',
      },
    ]);
  });

  test('loses its text once its author is erased; nobody else is touched', async () => {
    const by = (authorId: string): ChatEvent => ({
      type: 'MessagePosted',
      data: { room: 'lobby', authorId, text: `of ${authorId}` },
    });
    const kept = await rowsAfter(chatProjection, messages, [
      { stream: messageStream('m1'), event: by('ada') },
      { stream: messageStream('m2'), event: by('bob') },
      { stream: messageStream('m3'), event: by('ada') },
      { stream: messageStream('m3'), event: withdrawn },
      { stream: userStream('ada'), event: { type: 'UserErased', data: {} } },
    ]);
    expect(kept.map(({ id, text }) => ({ id, text }))).toEqual([
      { id: 'm1', text: '[erased]' },
      { id: 'm2', text: 'of bob' },
      { id: 'm3', text: '' },
    ]);
  });
});
