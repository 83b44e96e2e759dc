// Requests to a Worker and their answers, matched by number. When the Worker dies, everything that
// waits for it fails, and so does everything asked later. They travel as JSON text, which costs a
// third of a structured clone for batches of small objects.

export type WorkerRequest = {
  readonly id: number;
  readonly name: string;
  readonly payload: unknown;
};
export type WorkerAnswer =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly id: number; readonly ok: false; readonly error: PlainError };

type WorkerNews = { readonly news: unknown };

/** An error as it crosses threads, where classes are lost. */
type PlainError = { readonly name: string; readonly message: string; readonly code?: unknown };

/** The Worker has ended, on purpose or not. */
export class WorkerGone extends Error {
  override readonly name = 'WorkerGone';
}

const unanswered = 0;

type Waiting = {
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
};

/**
 * @param onGone Called once when the Worker ends without having been asked to.
 * @param onNews Called with what the Worker says without having been asked.
 */
export function createWorkerClient<News = never>(
  worker: Worker,
  onGone: (error: Error) => void,
  onNews?: (news: News) => void,
) {
  const waiting = new Map<number, Waiting>();
  let lastId = 0;
  let gone: Error | undefined;
  let isClosing = false;

  function fail(reason: string) {
    if (gone) return;
    gone = new WorkerGone(reason);
    for (const { reject } of waiting.values()) reject(gone);
    waiting.clear();
    if (!isClosing) onGone(gone);
  }

  worker.addEventListener('message', ({ data }: MessageEvent<string>) => {
    const answer = JSON.parse(data) as WorkerAnswer | WorkerNews;
    if ('news' in answer) return onNews?.(answer.news as News);
    const caller = waiting.get(answer.id);
    waiting.delete(answer.id);
    if (answer.ok) caller?.resolve(answer.value as never);
    else caller?.reject(toError(answer.error));
  });
  worker.addEventListener('error', (event) => fail(event.message));
  worker.addEventListener('close', () => fail('The worker has ended.'));

  return {
    ask<Answer>(name: string, payload: unknown): Promise<Answer> {
      if (gone) return Promise.reject(gone);
      lastId += 1;
      const id = lastId;
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        worker.postMessage(JSON.stringify({ id, name, payload } satisfies WorkerRequest));
      });
    },
    /** Says something that needs no answer; a Worker that is gone has been reported already. */
    tell(name: string, payload: unknown): void {
      if (gone) return;
      worker.postMessage(JSON.stringify({ id: unanswered, name, payload } satisfies WorkerRequest));
    },
    /** Asks the Worker to finish, then ends it. */
    async close(): Promise<void> {
      isClosing = true;
      if (!gone) await this.ask('close', null);
      worker.terminate();
    },
  };
}

/** The Worker's side: answers each request with what its function returns or throws. */
export function serveRequests(functions: Record<string, (payload: never) => unknown>): void {
  const scope = globalThis as unknown as Worker;
  const answer = (one: WorkerAnswer) => scope.postMessage(JSON.stringify(one));
  scope.addEventListener('message', async ({ data }: MessageEvent<string>) => {
    const { id, name, payload } = JSON.parse(data) as WorkerRequest;
    try {
      const value = await functions[name]!(payload as never);
      if (id === unanswered) return;
      answer({ id, ok: true, value });
    } catch (error) {
      answer({ id, ok: false, error: toPlain(error) });
    }
  });
}

/** The Worker's side: says something that nobody has asked for. */
export function tellNews(news: unknown): void {
  (globalThis as unknown as Worker).postMessage(JSON.stringify({ news } satisfies WorkerNews));
}

export function toPlain(error: unknown): PlainError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) };
  const { name, message } = error;
  return 'code' in error ? { name, message, code: error.code } : { name, message };
}

function toError({ message, ...facts }: PlainError): Error {
  return Object.assign(new Error(message), facts);
}
