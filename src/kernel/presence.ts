/** Port: who is where on the other nodes, as far as this one has heard. People are ids, without names. */
export type Presence = {
  /** Who is in a place on this node, whenever that changes. */
  readonly tell: (place: string, people: readonly string[]) => void;
  /** Who is in a place on other nodes; somebody who is on several is named more than once. */
  readonly elsewhere: (place: string) => readonly string[];
  /** Calls back with each place where somebody has come or gone elsewhere. */
  readonly onChange: (changed: (place: string) => void) => void;
};

/** For a node that has no others. */
export const alone: Presence = {
  tell: () => {},
  elsewhere: () => [],
  onChange: () => {},
};
