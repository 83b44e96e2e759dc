import type { UserEvent } from '../events/users.ts';
import { reveal } from '../kernel/event.ts';
import { defineProjection } from '../kernel/projection.ts';
import { idOf } from '../kernel/stream.ts';
import { erase, insert, patch, searchable } from './changes.ts';
import { count, id, index, table, timestamp, words } from './columns.ts';

export const users = table(
  'users',
  {
    id: id('id').primaryKey(),
    email: words('email').notNull(),
    name: words('name').notNull(),
    role: words('role').$type<'user' | 'moderator' | 'admin'>().notNull(),
    searchEmail: words('search_email').notNull(),
    searchName: words('search_name').notNull(),
    version: count('version').notNull(),
    position: count('position').notNull(),
    createdAt: timestamp('created_at').notNull(),
    updatedAt: timestamp('updated_at').notNull(),
  },
  ({ position, searchName }) => [
    index('users_by_position').on(position),
    index('users_by_name').on(searchName),
  ],
);

export const usersProjection = defineProjection<UserEvent>({
  name: 'users',
  version: 1,
  tables: [users],
  on: {
    UserRegistered: ({ stream, version, position, time, data }) =>
      insert(users, {
        id: idOf(stream),
        email: reveal(data.email),
        name: reveal(data.name),
        role: data.role,
        searchEmail: searchable(reveal(data.email)),
        searchName: searchable(reveal(data.name)),
        version,
        position,
        createdAt: time,
        updatedAt: time,
      }),

    UserRenamed: ({ stream, version, time, data }) => {
      const name = reveal(data.name);
      const values = { name, searchName: searchable(name), version, updatedAt: time };
      return patch(users, { id: idOf(stream) }, values);
    },

    UserRoleChanged: ({ stream, version, time, data }) =>
      patch(users, { id: idOf(stream) }, { role: data.role, version, updatedAt: time }),

    UserPasswordChanged: ({ stream, version, time }) =>
      patch(users, { id: idOf(stream) }, { version, updatedAt: time }),

    RefreshTokenReused: ({ stream, version, time }) =>
      patch(users, { id: idOf(stream) }, { version, updatedAt: time }),

    UserErased: ({ stream }) => erase(users, { id: idOf(stream) }),
  },
});
