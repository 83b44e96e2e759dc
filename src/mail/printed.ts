import type { Logger } from 'pino';
import type { SendMail } from '../effects/letter.ts';
import { render } from './render.ts';

/** For development: a mail is an entry of the log, for whoever sits before it. */
export function createPrinted(logger: Pick<Logger, 'info'>): SendMail {
  return async ({ id, to, letter }) => {
    const { text } = render(letter, to);
    logger.info(
      { job: id },
      `mail to ${to.name} <${to.address}>\nSubject: ${letter.subject}\n\n${text}`,
    );
  };
}
