import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import type { Letter, Mail, Person } from '../../src/effects/letter.ts';
import { HopelessJob } from '../../src/kernel/jobs.ts';
import { createSmtp, MailNotSent } from '../../src/mail/smtp.ts';
import { type MailServer, startMailServer } from '../../src/testing/mail-server.ts';

const from = 'Refold <refold@mail.example>';
const ada: Person = { name: 'Ada Lovelace', address: 'ada@example.com' };
const letter: Letter = {
  subject: 'Grüße & <more>',
  paragraphs: ['First things first.', 'Bread & butter < 5 €.'],
};
const mailTo = (to: Person): Mail => ({ id: 'event-1.greeting', to, letter });

let server: MailServer;
let closers: (() => void)[];

beforeEach(async () => {
  server = await startMailServer();
  closers = [];
});
afterEach(async () => {
  for (const close of closers) close();
  await server.stop();
});

function open(url = server.url) {
  const smtp = createSmtp({ url, from });
  closers.push(smtp.close);
  return smtp;
}

async function sentTo(to: Person) {
  await open().send(mailTo(to));
  expect(server.delivered).toHaveLength(1);
  return server.delivered[0]!;
}

async function failureOf(work: Promise<unknown>): Promise<Error> {
  return await work.then(
    () => {
      throw new Error('It was sent.');
    },
    (error: Error) => error,
  );
}

describe('a mail', () => {
  test('has sender, recipient, subject, text and HTML, and an id made of the job', async () => {
    const { from: envelopeFrom, to, email } = await sentTo(ada);
    expect({ envelopeFrom, to }).toEqual({
      envelopeFrom: 'refold@mail.example',
      to: ['ada@example.com'],
    });
    expect(email.from).toMatchObject({ name: 'Refold', address: 'refold@mail.example' });
    expect(email.to).toMatchObject([{ name: 'Ada Lovelace', address: 'ada@example.com' }]);
    expect(email.subject).toBe('Grüße & <more>');
    expect(email.messageId).toBe('<event-1.greeting@mail.example>');
    expect(email.headers).toContainEqual(
      expect.objectContaining({ key: 'auto-submitted', value: 'auto-generated' }),
    );
    expect(email.text?.replaceAll('\r\n', '\n').trim()).toBe(
      'Hello Ada Lovelace,\n\nFirst things first.\n\nBread & butter < 5 €.',
    );
    expect(email.html).toContain('<p>Bread &amp; butter &lt; 5 €.</p>');
    expect(email.html).toContain('<title>Grüße &amp; &lt;more&gt;</title>');
  });

  test('can be read in any light, by any screen reader, and fetches nothing', async () => {
    const { email } = await sentTo(ada);
    expect(email.html).toContain('<html lang="en">');
    expect(email.html).toContain('<meta name="color-scheme" content="light dark">');
    expect(email.html).not.toMatch(/\bcolor: |background|src=|href=|url\(|<img|https?:/i);
    expect(email.attachments).toEqual([]);
  });

  test('says markup in a name as text', async () => {
    const { email } = await sentTo({ ...ada, name: `Ada <script> & "Co"` });
    expect(email.html).toContain('Hello <bdi>Ada &lt;script&gt; &amp; &quot;Co&quot;</bdi>,');
    expect(email.text).toContain('Hello Ada <script> & "Co",');
    expect(email.to).toMatchObject([{ name: `Ada <script> & "Co"`, address: 'ada@example.com' }]);
  });

  test.each([
    'Win at evil.example',
    'https://evil',
    'call me: now',
    'a@b',
    'x'.repeat(61),
    '\u202E\u0007',
  ])('greets without a name that says something of its own: %j', async (name) => {
    const { email, source } = await sentTo({ ...ada, name });
    expect(email.text).toStartWith('Hello,');
    expect(email.html).toContain('<p>Hello,</p>');
    expect(email.to).toMatchObject([{ name: '', address: 'ada@example.com' }]);
    expect(source).not.toContain(name);
  });

  test.each(['Ada\r\nBcc: eve@example.com', 'Ada\nX-Evil', 'Ada\r\n\r\nbody', 'Ada\u2028X'])(
    'takes no header and no body from a name: %j',
    async (name) => {
      const { email, to } = await sentTo({ ...ada, name });
      expect(to).toEqual(['ada@example.com']);
      expect(email.headers.map(({ key }) => key).toSorted()).toEqual([
        'auto-submitted',
        'content-type',
        'date',
        'from',
        'message-id',
        'mime-version',
        'subject',
        'to',
      ]);
      expect(email.bcc ?? []).toEqual([]);
      expect(email.text).toContain('First things first.');
    },
  );

  test('goes to names and addresses of any script', async () => {
    const { email, to } = await sentTo({ name: 'Zoë 李 Łukasz', address: 'zoë@bücher.example' });
    expect(to).toEqual(['zoë@bücher.example']);
    expect(email.to).toMatchObject([{ name: 'Zoë 李 Łukasz', address: 'zoë@bücher.example' }]);
    expect(email.text).toContain('Hello Zoë 李 Łukasz,');
  });

  test.each([
    'ada,eve@example.com',
    'ada;eve@example.com',
    'ada>eve@example.com',
    '"ada"@example.com',
    '<eve@example.com>ada@example.com',
    'ada@example.com\r\nRCPT TO:<eve@example.com>',
    'ada(eve@example.com)@example.com',
    'ada@[127.0.0.1]',
  ])('goes nowhere instead of to somebody else: %j', async (address) => {
    const error = await failureOf(open().send(mailTo({ ...ada, address })));
    expect(error).toBeInstanceOf(HopelessJob);
    expect(error.message).toBe('No mail can go to such an address.');
    expect(server.attempts()).toBe(0);
  });

  test.each(["o'neill+tag@example.com", 'a.b_c-d=e!#$%&*/?^`{|}~@sub.example.com'])(
    'goes to an address with unusual letters: %s',
    async (address) => {
      expect((await sentTo({ ...ada, address })).to).toEqual([address]);
    },
  );
});

describe('a server that refuses', () => {
  test.each([
    ['recipient', 450, MailNotSent, 'The mail server answered 450 4.1.1 to RCPT TO.'],
    ['recipient', 550, HopelessJob, 'The mail server answered 550 5.1.1 to RCPT TO.'],
    ['data', 451, MailNotSent, 'The mail server answered 451 4.1.1 to DATA.'],
    ['data', 554, HopelessJob, 'The mail server answered 554 5.1.1 to DATA.'],
  ] as const)('the %s with %i', async (refuses, code, kind, message) => {
    server.behave({ refuses, code });
    const smtp = open();
    const error = await failureOf(smtp.send(mailTo(ada)));
    expect(error).toBeInstanceOf(kind);
    expect(error.message).toBe(message);
    expect(Bun.inspect(error)).not.toContain(ada.address);

    server.behave({ accepts: true });
    await smtp.send(mailTo(ada));
    expect(server.delivered).toHaveLength(1);
  });
});

describe('a server that cannot be used', () => {
  test('is away: the mail is worth another attempt', async () => {
    await server.stop();
    const smtp = open();
    const error = await failureOf(smtp.send(mailTo(ada)));
    expect(error).toBeInstanceOf(MailNotSent);
    expect(error.message).toBe('The mail could not be handed over (ESOCKET, at CONN).');
    server = await startMailServer({ port: server.port });
    await smtp.send(mailTo(ada));
    expect(server.delivered).toHaveLength(1);
  });

  test('is silent: it is given up after a while', async () => {
    server.behave({ hangs: 'at recipient' });
    const error = await failureOf(open(`${server.url}?socketTimeout=200`).send(mailTo(ada)));
    expect(error).toBeInstanceOf(MailNotSent);
    expect(error.message).toMatch(/ETIMEDOUT/);
  });

  test('dies after it has taken a mail: nobody knows, and the next attempt says the same id', async () => {
    server.behave({ dies: 'after data' });
    const smtp = open();
    expect(await failureOf(smtp.send(mailTo(ada)))).toBeInstanceOf(MailNotSent);
    server.behave({ accepts: true });
    await smtp.send(mailTo(ada));
    const ids = server.delivered.map(({ email }) => email.messageId);
    expect(ids).toEqual(Array(2).fill('<event-1.greeting@mail.example>'));
  });

  test('has cut an idle connection: the next mail goes out', async () => {
    const smtp = open();
    await smtp.send(mailTo(ada));
    server.cut();
    await smtp.send(mailTo(ada));
    expect(server.delivered).toHaveLength(2);
  });
});
