/** What has come so far, and a promise of as many as are waited for. */
export function collected<Item>() {
  const items: Item[] = [];
  const waiting = new Set<() => void>();

  return {
    items,
    add(item: Item): void {
      items.push(item);
      for (const look of waiting) look();
    },
    /** Resolves as soon as there is what `isEnough` wants. */
    until(isEnough: (items: readonly Item[]) => boolean): Promise<readonly Item[]> {
      return new Promise((resolve) => {
        const look = () => {
          if (!isEnough(items)) return;
          waiting.delete(look);
          resolve(items);
        };
        waiting.add(look);
        look();
      });
    },
    /** Resolves with the first `count`. */
    async first(count: number): Promise<readonly Item[]> {
      return (await this.until(({ length }) => length >= count)).slice(0, count);
    },
  };
}
