import { idOf, type StreamName } from '../kernel/stream.ts';
import { defineLetter } from './letter.ts';

const user = ({ stream }: { readonly stream: StreamName }) => idOf(stream);

export const welcome = defineLetter({
  name: 'welcome-mail',
  on: 'UserRegistered',
  to: user,
  write: () => ({
    subject: 'Welcome',
    paragraphs: [
      'Your account has been made with this address. You can sign in with it and your password.',
      'If it was not you who registered, somebody else has used your address, perhaps by mistake. You need do nothing.',
    ],
  }),
});

export const passwordChanged = defineLetter({
  name: 'password-changed-mail',
  on: 'UserPasswordChanged',
  to: user,
  write: ({ time }) => ({
    subject: 'Your password was changed',
    paragraphs: [
      `The password of your account was changed on ${readable(time)}. All other sessions have been ended.`,
      'If it was not you, somebody knows your old password. Tell whoever runs this service at once.',
    ],
  }),
});

export const tokenReused = defineLetter({
  name: 'token-reused-mail',
  on: 'RefreshTokenReused',
  to: user,
  write: ({ time }) => ({
    subject: 'One of your sessions was ended',
    paragraphs: [
      `On ${readable(time)} a token that keeps you signed in was used a second time, which only a copy of it can be. That session was ended, for you and for whoever has the copy.`,
      'Please sign in again. If you know of no harmless reason, such as a device restored from a backup, change your password.',
    ],
  }),
});

/** `2026-11-25 at 22:41 UTC`, from ISO 8601. */
function readable(time: string): string {
  return `${time.slice(0, 10)} at ${time.slice(11, 16)} UTC`;
}
