/** Another process is building rows of the same projections. */
export class RebuildRunning extends Error {
  override readonly name = 'RebuildRunning';
  constructor(names: readonly string[]) {
    super(`${names.join(', ')}: another rebuild is running.`);
  }
}
