import { describe, expect, test } from 'bun:test';
import { type NotificationEvent, notificationStream } from '../events/notifications.ts';
import { userStream } from '../events/users.ts';
import { rowsAfter } from '../testing/projection-spec.ts';
import { notifications, notificationsProjection } from './notifications.ts';

const day = (number: number) => `2026-01-0${number}T00:00:00.000Z`;

const raised: NotificationEvent = {
  type: 'NotificationRaised',
  data: { userId: 'ada', kind: 'mention', actorId: 'bob', room: 'lobby', messageId: 'm1' },
};
const read: NotificationEvent = { type: 'NotificationRead', data: { userId: 'ada' } };

/** What happens to one notification, an event a day. */
const rows = (...events: readonly NotificationEvent[]) =>
  rowsAfter(
    notificationsProjection,
    notifications,
    events.map((event, index) => ({
      stream: notificationStream('n1'),
      event,
      time: day(index + 1),
    })),
  );

describe('a notification among the rows', () => {
  test('is unread, with what it refers to', async () => {
    expect(await rows(raised)).toEqual([
      {
        id: 'n1',
        user_id: 'ada',
        kind: 'mention',
        data: '{"actorId":"bob","room":"lobby","messageId":"m1"}',
        is_read: 0,
        version: 1,
        position: 1,
        created_at: day(1),
        updated_at: day(1),
      },
    ]);
  });

  test('keeps its place once it is read', async () => {
    const [unread] = await rows(raised);
    expect(await rows(raised, read)).toEqual([
      { ...unread, is_read: 1, version: 2, updated_at: day(2) },
    ]);
  });

  test('is none any more once its recipient is erased; others keep theirs', async () => {
    const forBob = { ...raised, data: { ...raised.data, userId: 'bob' } } as NotificationEvent;
    const kept = await rowsAfter(notificationsProjection, notifications, [
      { stream: notificationStream('n1'), event: raised },
      { stream: notificationStream('n2'), event: forBob },
      { stream: userStream('ada'), event: { type: 'UserErased', data: {} } },
    ]);
    expect(kept).toMatchObject([{ id: 'n2', user_id: 'bob' }]);
  });
});
