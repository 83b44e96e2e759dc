/** A name to hold, unique in its kind; somebody else holding it refuses the command. */
export type ClaimToTake<Rejection extends string> = {
  readonly kind: string;
  /** Normalised by the decider: equal values are the same name. */
  readonly value: string;
  readonly orElse: Rejection;
};

/** A name to give back; with `orElse` only while another of its kind is held. */
export type ClaimToRelease<Rejection extends string> = {
  readonly kind: string;
  readonly value: string;
  readonly orElse?: Rejection;
};

export type Claims<Rejection extends string> = {
  readonly take?: readonly ClaimToTake<Rejection>[];
  readonly release?: readonly ClaimToRelease<Rejection>[];
};

export type Accepted<Event, Rejection extends string> = {
  readonly ok: true;
  readonly events: readonly Event[];
  readonly claims?: Claims<Rejection>;
};

export type Rejected<Rejection extends string> = {
  readonly ok: false;
  readonly rejection: Rejection;
};

/** The answer of a decider: events to append and names to hold, or the reason it refused. */
export type Decision<Event, Rejection extends string> =
  Accepted<Event, Rejection> | Rejected<Rejection>;

/**
 * The write side of one kind of stream, as three pure values.
 * No clock, no ids, no I/O: whatever varies arrives inside the command.
 */
export type Decider<State, Command, Event, Rejection extends string> = {
  readonly initialState: State;
  readonly evolve: (state: State, event: Event) => State;
  readonly decide: (command: Command, state: State) => Decision<Event, Rejection>;
};

/** `accept()` with no events means "already so": repeating a command is harmless. */
export function accept<Event = never>(...events: readonly Event[]) {
  return { ok: true, events } as const;
}

export function reject<Rejection extends string>(rejection: Rejection) {
  return { ok: false, rejection } as const;
}
