import { messageStream } from '../events/chat.ts';
import { notificationStream } from '../events/notifications.ts';
import { productStream } from '../events/products.ts';
import { userStream } from '../events/users.ts';
import { commandHandler, type CommandHandlerParts } from '../kernel/handle-command.ts';
import { message } from './chat.ts';
import { notification } from './notifications.ts';
import { product } from './products.ts';
import { user } from './users.ts';

export type Commands = ReturnType<typeof createCommands>;

export function createCommands(parts: CommandHandlerParts) {
  return {
    users: commandHandler(parts, user, userStream),
    products: commandHandler(parts, product, productStream),
    messages: commandHandler(parts, message, messageStream),
    notifications: commandHandler(parts, notification, notificationStream),
  };
}
