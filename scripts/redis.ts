// Tests start their own Redis servers; here it is only seen to that there is one to start.
import { install, type Machine, onPath, thisMachine } from './system-package.ts';

const redis = { name: 'redis-server', title: 'Redis' };

/** Installs redis-server where there is none, as root of a system with apt-get; says why if it cannot. */
export async function provideRedis(machine: Machine = thisMachine): Promise<void> {
  if (!onPath(redis.name, machine)) await install(redis, machine);
}
