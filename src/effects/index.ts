import type { Effect } from '../kernel/effect.ts';
import type { Post } from './letter.ts';
import { passwordChanged, tokenReused, welcome } from './users.ts';

/** Every letter; those of one event are sent independently of each other. */
const letters = [welcome, passwordChanged, tokenReused];

/** @param post Undefined where there is no way to send mail: then no letter is written at all. */
export function createEffects(post: Post | undefined): readonly Effect[] {
  return post ? letters.map((letter) => letter(post)) : [];
}
