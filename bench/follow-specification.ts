/** What the followers are told on standard input; they answer a `LoadResult` whose requests are deliveries. */
export type FollowSpecification = {
  readonly host: string;
  readonly port: number;
  /** What is asked for, with the headers of each follower in turn. */
  readonly path: string;
  readonly followers: number;
  readonly headers: readonly string[];
  /** The bytes that stand once in each delivery and nowhere else. */
  readonly marker: string;
  /**
   * Whoever is told to write answers when that was done, in ms since 1970: `{ committedAt, heldAt }`, the
   * second of them when the messages were at hand to be delivered.
   */
  readonly author: { readonly port: number; readonly body: object };
  /** Written at once; the next come when every follower has all of them, and `paceMs` after the last began. */
  readonly batch: number;
  readonly paceMs: number;
  readonly seconds: number;
};

/** Those that are held open: told on the channel between the processes. */
export type HeldSpecification = Omit<
  FollowSpecification,
  'author' | 'batch' | 'paceMs' | 'seconds'
>;
