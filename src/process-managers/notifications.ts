// Facts that concern somebody become notifications, exactly one for each fact and recipient: the id of the
// command is made of both, and the log answers a command id that it knows without storing anything.
import type { NotificationCommand, References } from '../commands/notifications.ts';
import type { AppEvent } from '../events/index.ts';
import type { NotificationKind } from '../events/notifications.ts';
import type { Recorded } from '../kernel/event.ts';
import type { CommandContext } from '../kernel/handle-command.ts';
import { idOf, type Position } from '../kernel/stream.ts';
import { type Known, type Mention, mentionedBy, mentionsIn, type Named } from './mentions.ts';

export const notificationsManager = 'notifications';

/** The events that may be a cause. */
export const causes = [
  'MessagePosted',
  'MessageWithdrawn',
  'ProductDeleted',
  'UserRoleChanged',
  'UserPasswordChanged',
  'RefreshTokenReused',
] as const satisfies readonly AppEvent['type'][];

type Raise = Extract<NotificationCommand, { type: 'RaiseNotification' }>;
export type Raising = { readonly command: Raise; readonly context: CommandContext };

/** Looks up who has an address or a name. */
export type People = {
  readonly holderOf: (address: string) => Promise<string | undefined>;
  /** As soon as the names are those after `position`. */
  readonly named: (names: readonly string[], position: Position) => Promise<readonly Named[]>;
};

/** What an event gives cause for; a message concerns those whom it mentions. */
export function raisingsOf(
  event: Recorded<AppEvent>,
  mentioned: ReadonlySet<string>,
): readonly Raising[] {
  const { actorId } = event.meta;
  const id = idOf(event.stream);
  const raising = (userId: string, kind: NotificationKind, references: References) =>
    raisingFor(event, { type: 'RaiseNotification', userId, kind, references });
  switch (event.type) {
    case 'MessagePosted': {
      const { authorId, room } = event.data;
      const others = [...mentioned].filter((userId) => userId !== authorId);
      return others.map((userId) =>
        raising(userId, 'mention', { actorId: authorId, room, messageId: id }),
      );
    }
    case 'MessageWithdrawn': {
      const { authorId, room } = event.data;
      const references = { actorId, room, messageId: id };
      return actorId === authorId ? [] : [raising(authorId, 'message-withdrawn', references)];
    }
    case 'ProductDeleted': {
      const { createdBy } = event.data;
      const references = { actorId, productId: id };
      return actorId === createdBy ? [] : [raising(createdBy, 'product-deleted', references)];
    }
    case 'UserRoleChanged':
      return [raising(id, 'role-changed', { actorId, role: event.data.role })];
    case 'UserPasswordChanged':
      return [raising(id, 'password-changed', {})];
    case 'RefreshTokenReused':
      return [raising(id, 'token-reused', {})];
    default:
      return [];
  }
}

function raisingFor({ id, meta }: Recorded<AppEvent>, command: Raise): Raising {
  const { actorId, correlationId } = meta;
  const commandId = `notify/${id}/${command.kind}/${command.userId}`;
  const context = { actorId, correlationId, causationId: id, commandId, isNew: true };
  return { command, context };
}

/** @param raise Appends; it may be asked again for what it has appended. */
export function createNotifier(people: People, raise: (raising: Raising) => Promise<void>) {
  async function mentionedIn(event: Recorded<AppEvent>): Promise<ReadonlySet<string>> {
    if (event.type !== 'MessagePosted' || typeof event.data.text !== 'string') return new Set();
    const mentions = mentionsIn(event.data.text);
    return mentionedBy(mentions, await knownOf(mentions, event.position));
  }

  async function knownOf(mentions: readonly Mention[], position: Position): Promise<Known> {
    const holders = new Map<string, string>();
    for (const address of new Set(mentions.flatMap(({ addresses }) => addresses))) {
      const holder = await people.holderOf(address);
      if (holder !== undefined) holders.set(address, holder);
    }
    const isOpen = ({ addresses }: Mention) => !addresses.some((one) => holders.has(one));
    const names = [...new Set(mentions.filter(isOpen).flatMap(({ names }) => names))];
    const found = names.length > 0 ? await people.named(names, position) : [];
    return { holders, named: new Map(found.map((one) => [one.name, one])) };
  }

  return async function react(event: Recorded<AppEvent>): Promise<void> {
    const raisings = raisingsOf(event, await mentionedIn(event));
    await Promise.all(raisings.map(raise));
  };
}
