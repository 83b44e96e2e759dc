// What tests need of the system, because no package brings it without a download of its own: found on the
// path, or installed where that may be done without asking.

export type Machine = {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly isRoot: boolean;
};

export const thisMachine: Machine = {
  environment: process.env,
  isRoot: process.getuid?.() === 0,
};

/** A package of Debian, and how people call what is in it. */
export type SystemPackage = { readonly name: string; readonly title: string };

export const onPath = (name: string, { environment }: Machine) =>
  Bun.which(name, { PATH: environment['PATH'] ?? '' });

const stepsFor = ({ name }: SystemPackage) => [
  ['apt-get', 'update'],
  ['apt-get', 'install', '--yes', '--no-install-recommends', name],
];

/** The error of a test that needs the package, with the command that brings it. */
export function missing(wanted: SystemPackage): Error {
  const command = stepsFor(wanted)
    .map((step) => ['sudo', ...step].join(' '))
    .join(' && ');
  return new Error(`No ${wanted.title} is on the path. On Debian this brings it: ${command}`);
}

/** As root of a system with apt-get; says why if it cannot. For anybody else it does nothing. */
export async function install(wanted: SystemPackage, machine: Machine): Promise<void> {
  if (!machine.isRoot || !onPath('apt-get', machine)) return;
  console.log(`Installing ${wanted.title}, for the tests.`);
  for (const step of stepsFor(wanted)) {
    const failure = await run(step, machine);
    if (failure === undefined) continue;
    console.error(`${step.join(' ')} failed.\n${failure}`);
    return;
  }
}

/** What it said if it failed. */
async function run(step: readonly string[], machine: Machine): Promise<string | undefined> {
  const [name = '', ...args] = step;
  const child = Bun.spawn([onPath(name, machine) ?? name, ...args], {
    env: { ...machine.environment, DEBIAN_FRONTEND: 'noninteractive' },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const texts = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return (await child.exited) === 0 ? undefined : texts.join('').trim();
}
