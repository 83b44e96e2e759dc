/** Waits for a condition, which is looked at once in each turn of the event loop. */
export async function until(isMet: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isMet())) await new Promise<void>((resolve) => setImmediate(resolve));
}
