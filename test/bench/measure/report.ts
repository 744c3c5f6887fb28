import { cpus, loadavg, totalmem } from 'node:os';

/** The middle value; the mean of the two middle ones when their count is even; NaN for none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle]!;
  return (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Bytes in decimal units, three digits. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const unit = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${formatNumber(bytes / 1000 ** unit)} ${units[unit]}`;
}

/** Three digits, as far as there are any. */
export function formatNumber(value: number): string {
  if (Math.abs(value) >= 100) return Math.round(value).toString();
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}

/** A Markdown table; numbers stand right. */
export function markdownTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const rule = header.map((_, column) => (column === 0 ? '---' : '---:'));
  return [header, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** A line on where and how busy: a table means nothing without it. */
export function machineLine(): string {
  const load = loadavg()
    .map((value) => value.toFixed(1))
    .join(', ');
  const memory = formatBytes(totalmem());
  return `${cpus().length} cores, ${memory} of memory, Node ${process.version.slice(1)}; load at the end ${load}`;
}

/** Tells whoever waits; the tables alone are on standard output. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
