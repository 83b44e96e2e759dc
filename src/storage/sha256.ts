import type { Sha256 } from '../kernel/chain.ts';

export const sha256: Sha256 = (text) => Bun.SHA256.hash(text, 'hex');
