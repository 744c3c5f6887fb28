/** One fineness of the history: steps of so many seconds, kept in blocks of so many steps, and so many blocks. */
export interface Level {
  readonly number: number;
  readonly stepSeconds: number;
  readonly stepsPerBlock: number;
  readonly blocksMax: number;
}

/**
 * Each second of the last hour, each minute of the last 30 days, each hour of two years; one block more than that, since the
 * newest is not full. A block is one row of the database: few large rows are read fast and expire as a whole.
 */
export const levels: readonly [Level, Level, Level] = [
  { number: 0, stepSeconds: 1, stepsPerBlock: 60, blocksMax: 61 },
  { number: 1, stepSeconds: 60, stepsPerBlock: 60, blocksMax: 721 },
  { number: 2, stepSeconds: 3600, stepsPerBlock: 24, blocksMax: 732 },
];

/** Steps that one query may read: more are read from the next coarser level. 17,520 hours are read in any case. */
const stepsReadMax = 4000;

/** The finest level that still has all of [from, to) and may be read for it, not finer than asked. */
export function levelFor(fromSeconds: number, toSeconds: number, nowSeconds: number, stepSeconds: number): Level {
  const fits = ({ stepSeconds: step, stepsPerBlock, blocksMax }: Level) =>
    nowSeconds - fromSeconds <= step * stepsPerBlock * (blocksMax - 1) &&
    (toSeconds - fromSeconds) / step <= stepsReadMax &&
    step >= Math.min(stepSeconds, 3600) / 60;
  return levels.find(fits) ?? levels[2];
}
