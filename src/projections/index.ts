import type { Projection } from '../kernel/projection.ts';
import { chatProjection } from './chat.ts';
import { notificationsProjection } from './notifications.ts';
import { productsProjection } from './products.ts';
import { usersProjection } from './users.ts';

export const projections: readonly Projection[] = [
  usersProjection,
  productsProjection,
  chatProjection,
  notificationsProjection,
];
