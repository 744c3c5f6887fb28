import type { Problem } from '#model';
import { counted, formatCount } from './format.ts';
import { printable } from './printable.ts';

// A disk that fails makes thousands of these; --json has the first 1000.
const shownMax = 20;

/** "3 problems:" and a line for each of the first 20; nothing when there is none. */
export function problemLines(problems: readonly Problem[], count: number): string[] {
  if (count === 0) return [];
  const lines = problems.slice(0, shownMax).map(({ path, what }) => `  ! ${printable(path)}: ${what}`);
  const more = count > lines.length ? [`  and ${formatCount(count - lines.length)} more: --json lists them`] : [];
  return ['', `${counted(count, 'problem')}:`, ...lines, ...more];
}

/** Problems for --json: paths as text. */
export function problemsJson(problems: readonly Problem[]) {
  return problems.map(({ path, code, what }) => ({ path: Buffer.from(path).toString(), code, what }));
}
