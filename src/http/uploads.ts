// An image is held in memory while it comes, which may take as long as its sender likes: so only so many come at once.
import { Overloaded } from '../kernel/group-commit.ts';
import { EdgeRefusal } from './problem.ts';

const atOnceMax = 64;
const atOnceByUserMax = 8;

export function createUploads() {
  const byUser = new Map<string, number>();
  let atOnce = 0;

  function count(userId: string, by: 1 | -1) {
    const own = (byUser.get(userId) ?? 0) + by;
    if (own === 0) byUser.delete(userId);
    else byUser.set(userId, own);
    atOnce += by;
  }

  /**
   * Reads what a user sends.
   * @throws EdgeRefusal 429 when they send as much as one may.
   * @throws Overloaded when all together do.
   */
  return async function receive<Received>(
    userId: string,
    read: () => Promise<Received>,
  ): Promise<Received> {
    if ((byUser.get(userId) ?? 0) >= atOnceByUserMax) throw tooMany();
    if (atOnce >= atOnceMax) throw new Overloaded(atOnce);
    count(userId, 1);
    try {
      return await read();
    } finally {
      count(userId, -1);
    }
  };
}

function tooMany() {
  const message = `You are sending ${atOnceByUserMax} images already.`;
  return new EdgeRefusal(429, 'RATE_LIMITED', message, { 'retry-after': '5', connection: 'close' });
}
