import type { NotificationEvent, NotificationKind } from '../events/notifications.ts';
import type { Role } from '../events/users.ts';
import { accept, type Decider, type Decision, reject } from '../kernel/decider.ts';

export type References = {
  readonly actorId?: string;
  readonly room?: string;
  readonly messageId?: string;
  readonly productId?: string;
  readonly role?: Role;
};

type RaiseNotification = {
  type: 'RaiseNotification';
  userId: string;
  kind: NotificationKind;
  references: References;
};
type ReadNotification = { type: 'ReadNotification'; userId: string };

export type NotificationCommand = Readonly<RaiseNotification | ReadNotification>;

export type NotificationRejection =
  'notification-unknown' | 'notification-exists' | 'notification-not-yours';

export type Notification =
  | { readonly status: 'unknown' }
  | {
      readonly status: 'unread' | 'read';
      readonly userId: string;
      readonly kind: NotificationKind;
      readonly references: References;
    };

type NotificationDecision = Decision<NotificationEvent, NotificationRejection>;

export const notification: Decider<
  Notification,
  NotificationCommand,
  NotificationEvent,
  NotificationRejection
> = {
  initialState: { status: 'unknown' },

  evolve: (state, event) => {
    if (event.type === 'NotificationRaised') {
      const { userId, kind, ...references } = event.data;
      return { status: 'unread', userId, kind, references };
    }
    return state.status === 'unknown' ? state : { ...state, status: 'read' };
  },

  decide: (command, state) =>
    command.type === 'RaiseNotification' ? raise(command, state) : read(command, state),
};

function raise(
  { userId, kind, references }: RaiseNotification,
  state: Notification,
): NotificationDecision {
  if (state.status !== 'unknown') return reject('notification-exists');
  return accept({ type: 'NotificationRaised', data: { userId, kind, ...references } });
}

function read({ userId }: ReadNotification, state: Notification): NotificationDecision {
  if (state.status === 'unknown') return reject('notification-unknown');
  if (state.userId !== userId) return reject('notification-not-yours');
  if (state.status === 'read') return accept();
  return accept({ type: 'NotificationRead', data: { userId } });
}
