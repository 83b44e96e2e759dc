/** A change that needs a row which is not there. */
export class NoSuchRow extends Error {
  override readonly name = 'NoSuchRow';
  constructor(table: string, key: Readonly<Record<string, unknown>>) {
    super(`${table} has no row for ${JSON.stringify(key)}.`);
  }
}
