// The Redis server that tests start for themselves: found on the path, or installed where that may be done
// without asking. Without it the tests that need it fail and name the command.
const steps = [
  ['apt-get', 'update'],
  ['apt-get', 'install', '--yes', '--no-install-recommends', 'redis-server'],
];

export async function provideRedis(): Promise<void> {
  if (Bun.which('redis-server') || process.getuid?.() !== 0 || !Bun.which('apt-get')) return;
  console.log('Installing Redis, for the tests of jobs.');
  for (const step of steps) {
    const child = Bun.spawn(step, {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    if ((await child.exited) !== 0) return console.error(`${step.join(' ')} failed.`);
  }
}
