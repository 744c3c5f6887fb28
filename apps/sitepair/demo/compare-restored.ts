import { compareTrees } from '#snapshot';
import { check } from './demo-failure.ts';

// Enough to see what is wrong; the rest is counted.
const shownMax = 5;

/**
 * Compares every byte and all metadata of what was restored with what was backed up, and returns how much was compared.
 * Throws `demo_failed` with the first differences.
 */
export async function compareRestored(
  original: string,
  restored: string,
): Promise<{ readonly entries: number; readonly bytes: number }> {
  const { entries, bytes, differences } = await compareTrees(Buffer.from(original), Buffer.from(restored));
  const more = differences.length > shownMax ? ` and ${differences.length - shownMax} more` : '';
  check(differences.length === 0, `what was restored differs: ${differences.slice(0, shownMax).join('; ')}${more}`);
  return { entries, bytes };
}
