import { chatQueries } from './chat.ts';
import { checkpointQueries } from './checkpoints.ts';
import { notificationQueries } from './notifications.ts';
import { productQueries } from './products.ts';
import type { ReadDb } from './read-db.ts';
import { userQueries } from './users.ts';

export type Queries = ReturnType<typeof createQueries>;

export function createQueries(reads: ReadDb) {
  return {
    checkpoints: checkpointQueries(reads),
    users: userQueries(reads),
    products: productQueries(reads),
    chat: chatQueries(reads),
    notifications: notificationQueries(reads),
  };
}
