// Wrong passwords are counted for the account they were tried on, wherever they came from. Right ones
// are not, nor what was refused unchecked: so whoever owns the account gets in as soon as `Retry-After`
// says, and nobody who signs in often is taken for somebody who guesses.
import { EdgeRefusal } from './problem.ts';
import type { SlidingWindow } from './sliding-window.ts';

/**
 * @param max Wrong passwords in a window; 0 for no limit. What is under way at once is not held against
 * itself: how much that is, the hashing of passwords bounds.
 */
export function createAttempts(max: number, window: SlidingWindow, refused: () => void) {
  /**
   * Checks a password, unless too many have been wrong.
   * @param account Whose, known or not: both are counted alike, so that no difference tells which it is.
   * @param check Undefined if the password is wrong.
   * @throws EdgeRefusal
   */
  return async function attempt<Found>(
    account: string,
    check: () => Promise<Found | undefined>,
  ): Promise<Found | undefined> {
    if (max === 0) return await check();
    const { count, nextReset } = await window.look(account);
    if (count >= max) {
      refused();
      throw tooMany(max, nextReset);
    }
    const found = await check();
    if (found === undefined) await window.increment(account);
    return found;
  };
}

function tooMany(max: number, nextReset: Date): EdgeRefusal {
  const seconds = String(Math.max(1, Math.ceil((nextReset.getTime() - Date.now()) / 1_000)));
  return new EdgeRefusal(429, 'RATE_LIMITED', 'Too many wrong passwords. Try again later.', {
    // Spelled as the limiter of requests spells them, which has set them before.
    'RateLimit-Limit': String(max),
    'RateLimit-Remaining': '0',
    'RateLimit-Reset': seconds,
    'Retry-After': seconds,
  });
}
