import { join } from 'node:path';
import { benchRoot, follow, freePort, type Server, startServer } from './children.ts';
import type { BenchOptions } from './options.ts';
import { signInMany, startRefold } from './refold.ts';
import type { Report } from './report.ts';
import { measureInRounds, type Variant } from './rounds.ts';

const counts = [1, 100, 1_000];
/** A user may have so many streams open. */
const streamsEach = 32;
const batch = 64;
const text = 'Good morning, all of you, and a good day!';

type Kind = {
  readonly name: string;
  readonly path: string;
  readonly marker: string;
  readonly upgrade: string;
  readonly target: number;
};

const serverSentEvents: Kind = {
  name: 'SSE',
  path: '/events/stream',
  marker: 'event: MessagePosted',
  upgrade: '',
  target: 0.5,
};
const webSocket: Kind = {
  name: 'WebSocket',
  path: '/ws/chat/bench',
  marker: '"type":"message"',
  upgrade:
    'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n',
  target: 0.7,
};

export const sse = (options: BenchOptions) => fanOut('sse', serverSentEvents, options);
export const ws = (options: BenchOptions) => fanOut('ws', webSocket, options);

/** Messages to many followers, against a loop that writes the same bytes to as many connections. */
async function fanOut(title: string, kind: Kind, options: BenchOptions): Promise<Report> {
  const [refoldAuthor, bareAuthor] = [freePort(), freePort()];
  const refold = await startRefold(options, {
    script: join(benchRoot, 'peers', 'refold-fanout.ts'),
    extra: { AUTHOR_PORT: String(refoldAuthor) },
  });
  const tokens = await signInMany(refold.server, Math.ceil(Math.max(...counts) / streamsEach));
  const bare = await startServer(
    {
      name: 'bare',
      script: join(benchRoot, 'peers', 'bare-fanout.ts'),
      environment: { AUTHOR_PORT: String(bareAuthor) },
    },
    options,
  );
  const authorizations = tokens.map((token) => `Authorization: Bearer ${token}\r\n`);
  const variants = counts.flatMap((followers): Variant[] => [
    variant(refoldName(kind, followers), followers, {
      server: refold.server,
      authorPort: refoldAuthor,
      headers: authorizations,
    }),
    variant(bareName(kind, followers), followers, {
      server: bare,
      authorPort: bareAuthor,
      headers: [''],
    }),
  ]);

  function variant(name: string, followers: number, { server, authorPort, headers }: Peer) {
    const body = { room: 'bench', text, authorId: refold.userId };
    const specification = {
      port: server.port,
      followers,
      path: kind.path,
      marker: kind.marker,
      headers: headers.map((header) => header + kind.upgrade),
      author: { port: authorPort, body },
      batch,
      paceMs: options.paceMs,
    };
    return {
      name,
      measure: (seconds: number) => follow({ ...specification, seconds }, options),
    };
  }

  const measured = await measureInRounds(variants, options);
  return {
    title,
    unit: 'deliveries',
    measured,
    ratios: counts.map((followers) => ({
      of: refoldName(kind, followers),
      to: bareName(kind, followers),
      target: kind.target,
    })),
    notes: [
      `An author in the process of the server writes ${batch} messages at once, and the next when all have them, ${options.paceMs} ms after these at the earliest.`,
      'Deliveries/s count from having a batch in memory (Refold: read from the log and opened) until every socket has it.',
      'Times are those from the commit to the socket of a follower; the bare loop commits nothing, so from having the batch.',
      'The bare loop checks nothing, stores nothing and cannot resume.',
    ],
  };
}

type Peer = {
  readonly server: Server;
  readonly authorPort: number;
  readonly headers: readonly string[];
};

const refoldName = ({ name }: Kind, followers: number) =>
  `Refold, ${name} to ${followers.toLocaleString('en')}`;
const bareName = ({ name }: Kind, followers: number) =>
  `bare Bun loop, ${name} to ${followers.toLocaleString('en')}`;
