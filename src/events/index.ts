import { createRegistry } from '../kernel/registry.ts';
import * as chat from './chat.ts';
import * as notifications from './notifications.ts';
import * as products from './products.ts';
import * as users from './users.ts';

/** Every event type that the log can hold. */
export const registry = createRegistry([
  users.UserRegistered,
  users.UserRenamed,
  users.UserRoleChanged,
  users.UserPasswordChanged,
  users.RefreshTokenReused,
  users.UserErased,
  products.ProductCreated,
  products.ProductRenamed,
  products.ProductRepriced,
  products.ProductImageAttached,
  products.ProductImageDetached,
  products.ProductDeleted,
  chat.MessagePosted,
  chat.MessageWithdrawn,
  notifications.NotificationRaised,
  notifications.NotificationRead,
]);

export type AppEvent =
  users.UserEvent | products.ProductEvent | chat.ChatEvent | notifications.NotificationEvent;
