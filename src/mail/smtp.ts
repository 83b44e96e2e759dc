// Mail by SMTP. What a server answers may name the recipient, so of its answers only the numbers go on.
import { createTransport } from 'nodemailer';
import type { Mail, SendMail } from '../effects/letter.ts';
import { concurrency, HopelessJob } from '../kernel/jobs.ts';
import { greetableName, render } from './render.ts';

const answerMsMax = 10_000;
const silenceMsMax = 30_000;
/** One address and nothing else: `a,b@c` would go to `b@c`, whose it is not. */
const plainAddress = /^[^\s"(),:;<>@[\]\\\p{C}]+@[^\s"(),:;<>@[\]\\\p{C}]+$/u;

/** A mail was not handed over, or nobody knows whether it was. */
export class MailNotSent extends Error {
  override readonly name = 'MailNotSent';
}

export type SmtpParts = {
  /** `smtp://USER:PASSWORD@HOST:PORT` or `smtps://…`; what it sets as a query goes before what stands here. */
  readonly url: string;
  /** `Refold <refold@example.com>` */
  readonly from: string;
};

export function createSmtp({ url, from }: SmtpParts): {
  readonly send: SendMail;
  readonly close: () => void;
} {
  const transport = createTransport({
    url,
    pool: true,
    maxConnections: concurrency,
    dnsTimeout: answerMsMax,
    connectionTimeout: answerMsMax,
    greetingTimeout: answerMsMax,
    socketTimeout: silenceMsMax,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const sender = addressIn(from);

  return {
    async send({ id, to, letter }: Mail) {
      const { address } = to;
      if (!plainAddress.test(address)) throw new HopelessJob('No mail can go to such an address.');
      try {
        await transport.sendMail({
          from,
          to: { name: greetableName(to) ?? '', address },
          envelope: { from: sender, to: [address] },
          messageId: `<${id}@${sender.slice(sender.lastIndexOf('@') + 1)}>`,
          headers: { 'Auto-Submitted': 'auto-generated' },
          subject: letter.subject,
          ...render(letter, to),
        });
      } catch (error) {
        throw withoutNames(error as SmtpFailure);
      }
    },
    close: () => transport.close(),
  };
}

type SmtpFailure = {
  readonly code?: string;
  /** The SMTP command, or a stage such as `CONN`. */
  readonly command?: string;
  readonly responseCode?: number;
  readonly response?: string;
};

/** Of this mail, not of the server or of the way to it: nothing changes by waiting. */
const refusing = new Set(['RCPT TO', 'DATA']);

function withoutNames({ code, command = '', responseCode, response = '' }: SmtpFailure): Error {
  const stage = command || 'the connection';
  if (responseCode === undefined) {
    const reason = `The mail could not be handed over (${code ?? 'no code'}, at ${stage}).`;
    return code === 'EENVELOPE' ? new HopelessJob(reason) : new MailNotSent(reason);
  }
  const detail = /\b[245]\.\d{1,3}\.\d{1,3}\b/.exec(response)?.[0];
  const answer = detail === undefined ? responseCode : `${responseCode} ${detail}`;
  const reason = `The mail server answered ${answer} to ${stage}.`;
  const isHopeless = responseCode >= 500 && refusing.has(command);
  return isHopeless ? new HopelessJob(reason) : new MailNotSent(reason);
}

function addressIn(from: string): string {
  return /(?:^|[<\s])([^\s<>@]+@[^\s<>@]+)>?$/.exec(from)?.[1] ?? from;
}
