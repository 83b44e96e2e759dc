// Clients that send mixed commands and write down what became of each, outside the system: what was
// acknowledged, what was refused, and what nobody knows because no answer came.
import type { Random } from './random.ts';

export type Actor = { readonly id: string; readonly token: string };

export type Sent = {
  /** Sent as `X-Request-Id`, so that it stands in the metadata of the events. */
  readonly id: string;
  readonly route: `${'POST' | 'PATCH' | 'DELETE'} /${string}`;
  readonly token: string | undefined;
  readonly body: object | undefined;
  /** The `Idempotency-Key`. */
  readonly key: string | undefined;
  /** How many events it makes when it is accepted; undefined where others may have been first. */
  readonly events: number | undefined;
  readonly onAccepted?: ((answer: { readonly id: string }) => void) | undefined;
};

export type Acknowledged = { readonly sent: Sent; readonly position: number | undefined };

export type Record = {
  readonly acknowledged: Acknowledged[];
  readonly refused: { readonly sent: Sent; readonly status: number; readonly body: string }[];
  readonly unknown: Sent[];
};

export const emptyRecord = (): Record => ({ acknowledged: [], refused: [], unknown: [] });

/**
 * @param actors The first is an admin; the others' roles may change.
 * @param registrations How many among a hundred commands; each takes a password hash.
 */
export function createLoad(random: Random, actors: readonly Actor[], registrations: number) {
  const [admin, ...others] = actors as readonly [Actor, ...Actor[]];
  const products: { id: string; sku: string; owner: Actor }[] = [];
  const messages: { id: string; room: string; author: Actor }[] = [];
  const freedSkus: string[] = [];
  const registered: string[] = [];
  let count = 0;

  function sent(route: Sent['route'], actor: Actor | undefined, rest: Partial<Sent> = {}): Sent {
    count += 1;
    const id = `${random.seed}-${count}`;
    return { id, route, token: actor?.token, body: undefined, key: undefined, events: 1, ...rest };
  }

  function createProduct(): Sent {
    const owner = random.pick(actors);
    const sku = (random.isTrue(0.7) ? random.take(freedSkus) : undefined) ?? `SKU ${count}-ß`;
    return sent('POST /products', owner, {
      body: { name: `Thing ${count} Ünï`, sku, price: count / 100 },
      key: `create-${count}`,
      onAccepted: ({ id }) => void products.push({ id, sku, owner }),
    });
  }

  function reviseProduct(): Sent {
    if (products.length === 0) return createProduct();
    const { id, owner } = random.pick(products);
    const name = `Renamed ${count}`;
    const price = 50_000 + count / 100;
    const body = random.pick([{ name }, { price }, { name, price }]);
    return sent(`PATCH /products/${id}`, owner, { body, events: Object.keys(body).length });
  }

  function deleteProduct(): Sent {
    const product = random.take(products);
    if (!product) return createProduct();
    const { id, sku, owner } = product;
    return sent(`DELETE /products/${id}`, random.pick([owner, admin]), {
      onAccepted: () => void freedSkus.push(sku),
    });
  }

  function postMessage(): Sent {
    const author = random.pick(actors);
    const room = random.pick(['lobby', 'support', 'random']);
    return sent(`POST /chat/${room}/messages`, author, {
      body: { text: `Message ${count}\n😀` },
      key: `post-${count}`,
      onAccepted: ({ id }) => void messages.push({ id, room, author }),
    });
  }

  function withdrawMessage(): Sent {
    const message = random.take(messages);
    if (!message) return postMessage();
    const { id, room, author } = message;
    return sent(`DELETE /chat/${room}/messages/${id}`, random.pick([author, admin]));
  }

  const rename = () =>
    sent('PATCH /profile', random.pick(actors), { body: { name: `Somebody ${count}` } });

  function changeRole(): Sent {
    const role = random.pick(['user', 'moderator']);
    const route = `PATCH /admin/users/${random.pick(others).id}/role` as const;
    return sent(route, admin, { body: { role }, events: undefined });
  }

  function register(): Sent {
    const email = `somebody-${random.seed}-${count}@example.com`;
    const body = { email, name: `New ${count}`, password: `a long password ${count}` };
    const onAccepted = ({ id }: { id: string }) => void registered.push(id);
    return sent('POST /auth/register', undefined, { body, key: `register-${count}`, onAccepted });
  }

  function erase(): Sent {
    const id = random.take(registered);
    return id === undefined ? register() : sent(`DELETE /admin/users/${id}`, admin);
  }

  const choices = [
    { weight: 30, choose: createProduct },
    { weight: 24, choose: reviseProduct },
    { weight: 12, choose: deleteProduct },
    { weight: 20, choose: postMessage },
    { weight: 6, choose: withdrawMessage },
    { weight: 5, choose: rename },
    { weight: 3, choose: changeRole },
    { weight: registrations, choose: register },
    { weight: registrations / 4, choose: erase },
  ];
  const total = choices.reduce((sum, { weight }) => sum + weight, 0);

  return {
    next(): Sent {
      let left = random.below(total);
      return choices.find(({ weight }) => (left -= weight) < 0)!.choose();
    },
  };
}

export type Load = ReturnType<typeof createLoad>;

/** Sends one command; answers whether an answer came. */
export async function sendCommand(url: string, sent: Sent, record: Record): Promise<boolean> {
  const [method = '', path = ''] = sent.route.split(' ');
  let response: Response;
  let body: string;
  try {
    response = await fetch(url + path, {
      method,
      headers: {
        'x-request-id': sent.id,
        ...(sent.token !== undefined && { authorization: `Bearer ${sent.token}` }),
        ...(sent.key !== undefined && { 'idempotency-key': sent.key }),
        ...(sent.body && { 'content-type': 'application/json' }),
      },
      ...(sent.body && { body: JSON.stringify(sent.body) }),
    });
    body = await response.text();
  } catch {
    record.unknown.push(sent);
    return false;
  }
  if (response.ok) {
    const position = response.headers.get('event-position');
    record.acknowledged.push({ sent, position: position === null ? undefined : Number(position) });
    sent.onAccepted?.(body === '' ? { id: '' } : (JSON.parse(body) as { id: string }));
  } else record.refused.push({ sent, status: response.status, body });
  return true;
}

/** So many clients, each with one command at a time, until it is enough or the server is gone. */
export async function drive(parts: {
  readonly url: string;
  readonly load: Load;
  readonly record: Record;
  readonly clients: number;
  readonly isEnough: (record: Record) => boolean;
}): Promise<void> {
  const { url, load, record, isEnough } = parts;
  const client = async () => {
    while (!isEnough(record)) if (!(await sendCommand(url, load.next(), record))) return;
  };
  await Promise.all(Array.from({ length: parts.clients }, client));
}

/** A command that a caller may lose against another one, or that came too late. */
const foreseenRefusals = new Set([404, 409]);

/** What contradicts the record in the log; nothing, if all is well. */
export function contradictions(
  { acknowledged, refused, unknown }: Record,
  events: readonly { readonly position: number; readonly meta: string }[],
): readonly string[] {
  const positions = new Map<string, number[]>();
  for (const { position, meta } of events) {
    // What a process manager adds has the request for its correlation, and an event for its cause.
    const { causationId } = JSON.parse(meta) as { causationId: string };
    positions.set(causationId, [...(positions.get(causationId) ?? []), position]);
  }
  const problems: string[] = [];
  for (const { sent, position } of acknowledged) {
    const stored = positions.get(sent.id) ?? [];
    const isStored = sent.events === undefined ? stored.length <= 1 : stored.length === sent.events;
    const isThere = position === undefined || stored.length === 0 || stored.at(-1) === position;
    if (!isStored || !isThere) problems.push(`${sent.route} ${sent.id} at ${position}: ${stored}`);
  }
  for (const { sent, status, body } of refused) {
    if (positions.has(sent.id)) problems.push(`${sent.route} ${sent.id} was refused and stored.`);
    if (!foreseenRefusals.has(status)) problems.push(`${sent.route} ${status} ${body}`);
  }
  for (const sent of unknown) {
    const { length } = positions.get(sent.id) ?? [];
    if (length !== 0 && length !== (sent.events ?? 1))
      problems.push(`Half of ${sent.route} ${sent.id}`);
  }
  return problems.slice(0, 10);
}
