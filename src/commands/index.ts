import { messageStream } from '../events/chat.ts';
import { notificationStream } from '../events/notifications.ts';
import { productStream } from '../events/products.ts';
import { userStream } from '../events/users.ts';
import {
  commandHandler,
  type CommandHandlerParts,
  type Premise,
} from '../kernel/handle-command.ts';
import { UnknownPerson } from '../kernel/keyring.ts';
import { message, type MessageCommand } from './chat.ts';
import { notification } from './notifications.ts';
import { product } from './products.ts';
import { user } from './users.ts';

export type Commands = ReturnType<typeof createCommands>;

export function createCommands(parts: CommandHandlerParts) {
  const users = commandHandler(parts, user, userStream);

  /**
   * A message rests on its author: once they are erased, none of theirs comes after it.
   * @throws UnknownPerson
   */
  async function author(command: MessageCommand): Promise<Premise | undefined> {
    if (command.type !== 'PostMessage') return undefined;
    const { id } = command.by;
    const { state, version } = await users.recall(id);
    if (state.status !== 'registered') throw new UnknownPerson(id);
    return { stream: userStream(id), version };
  }

  return {
    users,
    products: commandHandler(parts, product, productStream),
    messages: commandHandler(parts, message, messageStream, author),
    notifications: commandHandler(parts, notification, notificationStream),
  };
}
