const watching = ['--watch', '--no-clear-screen'];

/** Serves in a child that Bun starts anew whenever the source changes. */
export async function dev(): Promise<void> {
  const child = Bun.spawn([process.execPath, ...watching, 'src/cli.ts', 'start'], {
    stdio: ['inherit', 'inherit', 'inherit'],
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
  process.exit(await child.exited);
}
