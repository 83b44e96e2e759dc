// Messages on their way: each is sent once, and waits for the frame that answers it.

export type Posted = { readonly id: string; readonly position: number };

/** Why a message was not acknowledged. */
export class PostFailed extends Error {
  override readonly name = 'PostFailed';
  /**
   * `NOT_SENT`: it never left. `OUTCOME_UNKNOWN`: it was sent, and the connection was lost before the
   * answer; it may have been stored. Any other is the server's own, such as `RATE_LIMITED`.
   */
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

type Waiting = {
  readonly text: string;
  readonly resolve: (posted: Posted) => void;
  readonly reject: (error: PostFailed) => void;
  readonly timer: ReturnType<typeof setTimeout>;
  isSent: boolean;
};

const waitingMax = 100;

/** @param onUnanswered Called when one that was sent had no answer in time. */
export function createPosts(answerMs: number, onUnanswered: () => void) {
  const waiting = new Map<string, Waiting>();
  let count = 0;

  function settle(ref: string | undefined): Waiting | undefined {
    const post = ref === undefined ? undefined : waiting.get(ref);
    if (!post) return undefined;
    clearTimeout(post.timer);
    waiting.delete(ref!);
    return post;
  }

  function giveUp(ref: string) {
    const post = settle(ref);
    post?.reject(post.isSent ? unknownOutcome() : notSent('There was no connection in time.'));
    if (post?.isSent) onUnanswered();
  }

  return {
    add(text: string): Promise<Posted> {
      if (waiting.size >= waitingMax) {
        return Promise.reject(notSent(`${waitingMax} messages are waiting already.`));
      }
      const { promise, resolve, reject } = Promise.withResolvers<Posted>();
      const ref = String((count += 1));
      const timer = setTimeout(() => giveUp(ref), answerMs);
      waiting.set(ref, { text, resolve, reject, timer, isSent: false });
      return promise;
    },

    /** Sends what has not been sent yet, in order. */
    send(frame: (text: string) => void): void {
      for (const [ref, post] of waiting) {
        if (post.isSent) continue;
        post.isSent = true;
        frame(JSON.stringify({ text: post.text, ref }));
      }
    },

    acknowledge: (ref: string | undefined, posted: Posted) => settle(ref)?.resolve(posted),

    refuse: (ref: string | undefined, code: string, message: string) =>
      settle(ref)?.reject(new PostFailed(code, message)),

    /** The connection is gone: nobody will answer what was sent. */
    lose(): void {
      for (const [ref, { isSent }] of waiting) if (isSent) settle(ref)?.reject(unknownOutcome());
    },

    /** There will be no further connection. */
    close(): void {
      for (const [ref, { isSent }] of waiting) {
        settle(ref)?.reject(isSent ? unknownOutcome() : notSent('The room was left.'));
      }
    },
  };
}

export const notSent = (message: string) => new PostFailed('NOT_SENT', message);
const unknownOutcome = () =>
  new PostFailed('OUTCOME_UNKNOWN', 'The connection was lost; the message may have been stored.');
