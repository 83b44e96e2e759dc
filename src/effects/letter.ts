// Letters: effects that write to somebody. What a letter says is a pure function of the event; who it goes to
// is looked up when it is sent.
import type { AppEvent } from '../events/index.ts';
import type { Effect } from '../kernel/effect.ts';
import type { Recorded } from '../kernel/event.ts';

export type Letter = {
  readonly subject: string;
  /** Plain text, one string each. */
  readonly paragraphs: readonly string[];
};

export type Person = { readonly name: string; readonly address: string };

export type Mail = {
  /** The same each time it is sent, so that a receiver can tell. */
  readonly id: string;
  readonly to: Person;
  readonly letter: Letter;
};

/** @throws HopelessJob when the mail itself is refused; anything else is worth another attempt. */
export type SendMail = (mail: Mail) => Promise<void>;

export type Post = {
  readonly send: SendMail;
  /** Undefined for whoever is unknown or erased. */
  readonly personOf: (userId: string) => Promise<Person | undefined>;
};

type EventOfType<Type> = Recorded<Extract<AppEvent, { type: Type }>>;

export type LetterDefinition<Type extends AppEvent['type']> = {
  readonly name: string;
  readonly on: Type;
  /** The id of the user it goes to. */
  readonly to: (event: EventOfType<Type>) => string;
  readonly write: (event: EventOfType<Type>) => Letter;
};

/** Nobody to write to is no failure: the job is done. */
export function defineLetter<Type extends AppEvent['type']>(definition: LetterDefinition<Type>) {
  const { name, on, to, write } = definition;
  return ({ send, personOf }: Post): Effect => ({
    name,
    on,
    async run(recorded, id) {
      const event = recorded as EventOfType<Type>;
      const person = await personOf(to(event));
      if (person) await send({ id, to: person, letter: write(event) });
    },
  });
}
