import { describe, expect, test } from 'bun:test';
import type { NotificationEvent } from '../events/notifications.ts';
import { specify } from '../testing/decider-spec.ts';
import { notification } from './notifications.ts';

const given = specify(notification);

const references = { actorId: 'bob', room: 'lobby', messageId: 'm1' };
const raise = { type: 'RaiseNotification', userId: 'ada', kind: 'mention', references } as const;
const read = { type: 'ReadNotification', userId: 'ada' } as const;

const raised: NotificationEvent = {
  type: 'NotificationRaised',
  data: { userId: 'ada', kind: 'mention', actorId: 'bob', room: 'lobby', messageId: 'm1' },
};
const isRead: NotificationEvent = { type: 'NotificationRead', data: { userId: 'ada' } };

describe('raising a notification', () => {
  test('records whom it is for, its kind and what it refers to', () => {
    given().when(raise).thenEmits(raised);
  });

  test('may refer to nothing', () => {
    given()
      .when({ ...raise, kind: 'password-changed', references: {} })
      .thenEmits({
        type: 'NotificationRaised',
        data: { userId: 'ada', kind: 'password-changed' },
      });
  });

  test('is refused where there is one', () => {
    given(raised).when(raise).thenRejected('notification-exists');
    given(raised, isRead).when(raise).thenRejected('notification-exists');
  });
});

describe('reading a notification', () => {
  test('records whose it was', () => {
    given(raised).when(read).thenEmits(isRead);
  });

  test('keeps what it is about', () => {
    given(raised)
      .when(read)
      .thenStateIs({ status: 'read', userId: 'ada', kind: 'mention', references });
  });

  test('again changes nothing', () => {
    given(raised, isRead).when(read).thenNothingHappens();
  });

  test('is for its recipient alone, also when it is read already', () => {
    given(raised)
      .when({ ...read, userId: 'bob' })
      .thenRejected('notification-not-yours');
    given(raised, isRead)
      .when({ ...read, userId: 'bob' })
      .thenRejected('notification-not-yours');
  });

  test('is refused where there is none', () => {
    given().when(read).thenRejected('notification-unknown');
  });
});

describe('a notification', () => {
  test('cannot be read before it is raised', () => {
    expect([isRead].reduce(notification.evolve, notification.initialState)).toEqual({
      status: 'unknown',
    });
  });
});
