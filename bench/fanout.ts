import { join } from 'node:path';
import { benchRoot, follow, type Server, startServer } from './children.ts';
import type { BenchOptions } from './options.ts';
import { signInMany, startRefold } from './refold.ts';
import type { Report } from './report.ts';
import { measureInRounds, type Variant } from './rounds.ts';

const counts = [1, 100, 1_000];
/** A user may have so many streams open. */
const streamsEach = 32;
const batch = 16;
const body = JSON.stringify({ text: 'Good morning, all of you, and a good day!' });

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
  const refold = await startRefold(options);
  const tokens = await signInMany(refold.server, Math.ceil(Math.max(...counts) / streamsEach));
  const bare = await startServer(
    { name: 'bare', script: join(benchRoot, 'peers', 'bare-fanout.ts') },
    options,
  );
  const authorizations = tokens.map((token) => `Authorization: Bearer ${token}\r\n`);
  const variants = counts.flatMap((followers): Variant[] => [
    variant(refoldName(kind, followers), refold.server, {
      headers: authorizations,
      post: refold.headers,
    }),
    variant(bareName(kind, followers), bare, { headers: [''], post: {} }),
  ]);

  function variant(name: string, { port }: Server, access: Access): Variant {
    const followers = Number(name.split(' ').at(-1)!.replace(',', ''));
    return {
      name,
      measure: (seconds) =>
        follow(
          {
            port,
            followers,
            path: kind.path,
            marker: kind.marker,
            headers: access.headers.map((header) => header + kind.upgrade),
            post: { path: '/chat/bench/messages', headers: access.post, body },
            batch,
            seconds,
          },
          options,
        ),
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
      `${batch} messages are posted at once over REST; the next come when every follower has them.`,
      'The times are those from the request of an author to the socket of a follower.',
      'The bare loop checks nothing, stores nothing and cannot resume.',
    ],
  };
}

type Access = {
  readonly headers: readonly string[];
  readonly post: Readonly<Record<string, string>>;
};

const refoldName = ({ name }: Kind, followers: number) =>
  `Refold, ${name} to ${followers.toLocaleString('en')}`;
const bareName = ({ name }: Kind, followers: number) =>
  `bare Bun loop, ${name} to ${followers.toLocaleString('en')}`;
