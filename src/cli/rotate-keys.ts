import type { Edge } from '../http/edge.ts';
import type { Rotated } from '../kernel/keyring.ts';
import { Refusal } from './failure.ts';

export type RotateKeys = {
  /** Names the secret that the operator wants everything to be wrapped by. */
  readonly keyId: string;
};

export async function rotateKeys({ keyRotation }: Edge, { keyId }: RotateKeys): Promise<Rotated> {
  if (keyRotation.keyId !== keyId) {
    throw new Refusal(
      'The running server has another CRYPTO_SECRET than this command. Restart it with the new one first.',
    );
  }
  return await keyRotation.rotate();
}
