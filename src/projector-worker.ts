// The thread of the read side: follows the log, keeps the read models, and tells the main thread
// how far it has come. Asked to `rebuild`, it builds rows anew beside the live ones and swaps.
import type { Progress } from './kernel/progress.ts';
import type { Position } from './kernel/stream.ts';
import type { SubscriptionStatus } from './kernel/subscription.ts';
import { serveRequests, tellNews } from './storage/worker-client.ts';

/** Where the stores are. */
export type ReadSideSettings = (
  | { readonly engine: 'sqlite'; readonly directory: string }
  | { readonly engine: 'postgres'; readonly url: string }
) & { readonly cryptoSecrets: readonly string[] };

/** What the projector tells without being asked. */
export type ProjectorEvent =
  | { readonly event: 'progress'; readonly progress: Progress }
  | { readonly event: 'status'; readonly status: SubscriptionStatus }
  | { readonly event: 'rebuild-begun' }
  | { readonly event: 'rebuilt-so-far'; readonly position: Position };

export type Tell = (event: ProjectorEvent) => void;

/** A projector at work. */
export type Following = {
  /** The log has grown so far. */
  readonly wake: (grownTo: Position) => void;
  /** A rebuild has replaced rows. */
  readonly reload: () => void;
  readonly close: () => Promise<void>;
};

const tell: Tell = (event) => tellNews(event);
let running: Following | undefined;

serveRequests({
  follow: async ({ durable, ...settings }: ReadSideSettings & { readonly durable: Position }) => {
    running = await follow(settings, durable);
  },
  wake: (durable: Position) => running?.wake(durable),
  reload: () => running?.reload(),
  rebuild: ({ names, ...settings }: ReadSideSettings & { names: readonly string[] }) =>
    rebuild(settings, names),
  close: () => running?.close(),
});

/** Only the engine that is used is loaded. */
async function follow(settings: ReadSideSettings, durable: Position): Promise<Following> {
  if (settings.engine === 'sqlite') {
    const { followInSqlite } = await import('./projector-in-sqlite.ts');
    return await followInSqlite(settings, durable, tell);
  }
  const { followInPostgres } = await import('./projector-in-postgres.ts');
  return await followInPostgres(settings, tell);
}

async function rebuild(settings: ReadSideSettings, names: readonly string[]): Promise<void> {
  if (settings.engine === 'sqlite') {
    const { rebuildInSqlite } = await import('./projector-in-sqlite.ts');
    return await rebuildInSqlite(settings, names, tell);
  }
  const { rebuildInPostgres } = await import('./projector-in-postgres.ts');
  return await rebuildInPostgres(settings, names, tell);
}
