/** A cell for each pair of labels that was met, found without making one key of the two. */
export function createGrid<Cell>(create: () => Cell) {
  const rows = new Map<string, Map<string, Cell>>();
  return {
    at(row: string, column: string): Cell {
      let cells = rows.get(row);
      if (!cells) rows.set(row, (cells = new Map()));
      let cell = cells.get(column);
      if (!cell) cells.set(column, (cell = create()));
      return cell;
    },
    *cells(): Generator<readonly [row: string, column: string, cell: Cell]> {
      for (const [row, cells] of rows) {
        for (const [column, cell] of cells) yield [row, column, cell];
      }
    },
  };
}

/** @param labels Those that are told from the start, at 0. */
export function createCounts(labels: readonly string[] = []) {
  const counts = new Map(labels.map((label) => [label, 0]));
  return {
    add: (label: string, count = 1) => void counts.set(label, (counts.get(label) ?? 0) + count),
    entries: () => counts.entries(),
  };
}
