/** A column: its head, its cells, and to which side they go. */
export interface Column {
  readonly head: string;
  readonly cells: readonly string[];
  readonly align?: 'left' | 'right';
}

/** Columns two spaces apart, heads above them; numbers belong to the right. No trailing spaces. */
export function table(columns: readonly Column[]): string {
  const rows = Math.max(0, ...columns.map(({ cells }) => cells.length));
  const lines: string[] = [];
  for (let row = -1; row < rows; row++) {
    const texts = columns.map(({ head, cells, align }) => {
      const width = Math.max(head.length, ...cells.map((cell) => cell.length));
      const text = row < 0 ? head : (cells[row] ?? '');
      return align === 'right' ? text.padStart(width) : text.padEnd(width);
    });
    lines.push(texts.join('  ').trimEnd());
  }
  return lines.join('\n');
}

/** Two columns of words and values, for one thing: "store   1,234 records". */
export function facts(pairs: readonly (readonly [string, string])[]): string {
  const width = Math.max(0, ...pairs.map(([name]) => name.length));
  return pairs.map(([name, value]) => `${name.padEnd(width)}  ${value}`.trimEnd()).join('\n');
}
