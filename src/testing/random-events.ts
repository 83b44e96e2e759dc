// Random events of every kind, among them a few that the rows must refuse.
import { messageStream } from '../events/chat.ts';
import type { AppEvent } from '../events/index.ts';
import { NotificationKind, notificationStream } from '../events/notifications.ts';
import { productStream } from '../events/products.ts';
import { userStream } from '../events/users.ts';
import type { StreamName } from '../kernel/stream.ts';
import type { Random } from './random.ts';

export type RandomEvent = { readonly stream: StreamName; readonly event: AppEvent };

/** Who has a key in the tests, and so can be named in a personal field. */
export const people = Array.from({ length: 40 }, (_, index) => `person-${index}`);

const words = ['Mug', 'mug', 'Große', 'É_100%', '\u{1F600}', 'a\\b', '"q" {x,y}', 'NUL\0', 'z'];
const kinds = NotificationKind.anyOf.map(({ const: kind }) => kind);
const roles = ['user', 'moderator', 'admin'] as const;
const poisonShare = 0.003;

export function randomEvents({ pick, below, isTrue }: Random): () => RandomEvent {
  const alive = new Set<StreamName>();
  const text = () => `${pick(words)} ${below(50)}`;
  const place = () => ({ room: pick(['lobby', 'kitchen']), authorId: pick(people) });
  const thing = () => ({ sku: text(), priceCents: below(900), createdBy: pick(people) });

  /** What begins a stream's life, and what happens to it later. */
  const lives = [
    {
      stream: () => userStream(pick(people)),
      begin: () => of('UserRegistered', { email: text(), name: text(), role: pick(roles) }),
      later: [
        () => of('UserRenamed', { name: text() }),
        () => of('UserRoleChanged', { role: pick(roles), previousRole: 'user' }),
      ],
    },
    {
      stream: () => productStream(`p${below(400)}`),
      begin: () => of('ProductCreated', { name: text(), ...thing() }),
      later: [
        () => of('ProductRenamed', { name: text(), previousName: '' }),
        () => of('ProductRepriced', { priceCents: below(900), previousCents: 0 }),
        () => of('ProductDeleted', { name: '', createdBy: pick(people) }),
      ],
    },
    {
      stream: () => messageStream(`m${below(900)}`),
      begin: () => of('MessagePosted', { ...place(), text: text() }),
      later: [() => of('MessageWithdrawn', place())],
    },
    {
      stream: () => notificationStream(`n${below(900)}`),
      begin: () => of('NotificationRaised', { userId: pick(people), kind: pick(kinds) }),
      later: [() => of('NotificationRead', { userId: pick(people) })],
    },
  ];

  return () => {
    const life = pick(lives);
    const stream = life.stream();
    const isLater = alive.has(stream) !== isTrue(poisonShare);
    const event = isLater ? pick(life.later)() : life.begin();
    if (event.type === 'ProductDeleted') alive.delete(stream);
    else alive.add(stream);
    return { stream, event };
  };
}

function of<Type extends AppEvent['type']>(
  type: Type,
  data: Extract<AppEvent, { type: Type }>['data'],
): AppEvent {
  return { type, data } as AppEvent;
}
