// A real SMTP server for tests, in this process on a free port. It can be told how to behave.
import type { AddressInfo, Socket } from 'node:net';
import PostalMime, { type Email } from 'postal-mime';
import { SMTPServer } from 'smtp-server';

export type Delivered = {
  readonly from: string;
  readonly to: readonly string[];
  readonly email: Email;
  readonly source: string;
};

export type Behaviour =
  | { readonly accepts: true }
  | { readonly refuses: 'recipient' | 'data'; readonly code: number }
  /** Takes the whole mail and cuts the connection instead of answering. */
  | { readonly dies: 'after data' }
  | { readonly hangs: 'at recipient' };

const accepting: Behaviour = { accepts: true };

export type MailServer = Awaited<ReturnType<typeof startMailServer>>;

/** @param port 0 for a free one. */
export async function startMailServer({ port = 0 }: { readonly port?: number } = {}) {
  const delivered: Delivered[] = [];
  let behaviour: Behaviour = accepting;
  let attempts = 0;
  const sockets = new Set<Socket>();

  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    onRcptTo({ address }, _, done) {
      attempts += 1;
      if ('hangs' in behaviour) return;
      done('refuses' in behaviour && behaviour.refuses === 'recipient' ? refusal(address) : null);
    },
    async onData(stream, { envelope }, done) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of stream) chunks.push(chunk as Uint8Array);
      const bytes = Buffer.concat(chunks);
      const from = envelope.mailFrom ? envelope.mailFrom.address : '';
      const to = envelope.rcptTo.map(({ address }) => address);
      if ('refuses' in behaviour) return done(refusal(to[0] ?? ''));
      const email = await PostalMime.parse(bytes);
      delivered.push({ from, to, email, source: new TextDecoder().decode(bytes) });
      if ('dies' in behaviour) return cut();
      done();
    },
  });

  /** Servers like to repeat whom they do not know. */
  function refusal(address: string) {
    const { code } = behaviour as Extract<Behaviour, { refuses: unknown }>;
    const text = `${Math.floor(code / 100)}.1.1 <${address}> is not welcome`;
    return Object.assign(new Error(text), { responseCode: code });
  }

  function cut() {
    for (const socket of sockets) socket.destroy();
  }

  server.server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  // Connections that are cut are an error to the server; nothing to the test.
  server.on('error', () => {});
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const { port: taken } = server.server.address() as AddressInfo;

  return {
    port: taken,
    url: `smtp://127.0.0.1:${taken}`,
    /** What was handed over whole, acknowledged or not. */
    delivered: delivered as readonly Delivered[],
    /** How many recipients have been named to it. */
    attempts: () => attempts,
    behave(next: Behaviour) {
      behaviour = next;
    },
    /** Cuts every connection, as an idle one is cut. */
    cut,
    async stop() {
      cut();
      await new Promise<void>((resolve) => server.close(resolve));
    },
  };
}
