// Refold as it is, with an author in the same process who tells when what he wrote was committed, and when it
// had been read from the log and opened. Sockets and streams are those of the product; only the way in is
// shorter than over REST, which `append` measures.
import { createApplication } from '../../src/app.ts';
import { readConfig } from '../../src/config.ts';
import type { Position } from '../../src/kernel/stream.ts';
import { createLogger } from '../../src/log.ts';

const config = readConfig(process.env);
const application = await createApplication(config, createLogger(config));
const { commands, newId } = application.edge;
const { wakeUp } = application.live;
let committedAt: number | undefined;
let opened = Promise.withResolvers<number>();

const now = () => performance.timeOrigin + performance.now();
const { signal } = wakeUp;
/** The feed is told at the moment of the commit, before anybody is answered. */
Object.assign(wakeUp, {
  signal() {
    committedAt ??= now();
    signal();
  },
});

/** The first to follow is the first to be given anything. */
function watch() {
  application.live.feed.follow(
    {
      take(entries) {
        opened.resolve(now());
        return entries.length;
      },
      onFailure(error) {
        throw error;
      },
    },
    0 as Position,
  );
}

async function post({ room, text, authorId }: Message) {
  const command = {
    type: 'PostMessage',
    room,
    text,
    by: { id: authorId, role: 'user' },
  } as const;
  const context = { actorId: authorId, correlationId: newId(), causationId: newId(), isNew: true };
  const outcome = await commands.messages(newId(), command, context);
  if (!outcome.ok) throw new Error(`The message was refused: ${outcome.rejection}`);
}

type Message = { readonly room: string; readonly text: string; readonly authorId: string };

Bun.serve({
  hostname: '127.0.0.1',
  port: Number(process.env['AUTHOR_PORT']),
  async fetch(request) {
    const { count, ...message } = (await request.json()) as Message & { readonly count: number };
    committedAt = undefined;
    opened = Promise.withResolvers<number>();
    await Promise.all(Array.from({ length: count }, () => post(message)));
    return Response.json({ committedAt, heldAt: await opened.promise });
  },
});
watch();
application.listen();
