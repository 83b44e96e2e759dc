import { keptText } from '../kernel/read-model.ts';

/**
 * What an engine keeps of a column's value.
 * @throws TypeError for a value that no column can hold.
 */
export function keptValue(value: unknown): string | number | boolean | null {
  if (typeof value === 'string') return keptText(value);
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  if (value === undefined || value === null) return null;
  throw new TypeError(`A column cannot hold a value of type ${typeof value}.`);
}
