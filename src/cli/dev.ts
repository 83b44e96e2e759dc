/** Serves in a child that Bun starts anew whenever the source changes. */
export async function dev(): Promise<void> {
  const child = Bun.spawn(['bun', '--watch', '--no-clear-screen', 'src/cli.ts', 'start'], {
    stdio: ['inherit', 'inherit', 'inherit'],
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
  process.exit(await child.exited);
}
