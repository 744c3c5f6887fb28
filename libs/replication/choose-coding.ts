/** What a coding is chosen from. All rates are bytes a second. */
export interface CodingQuestion {
  readonly lineBytesPerSecond: number;
  /** Bytes that the contents take as they lie in packs, and raw. */
  readonly storedBytes: number;
  readonly rawBytes: number;
  /** Earlier versions of most of it are at the peer. */
  readonly hasDictionary: boolean;
  /** How fast this machine is just now, compared with the one of the table: 1 = the same. */
  readonly processorSpeed: number;
  /** Messages that are made at the same time. */
  readonly workers: number;
  /** What came out of the last deltas, compared with what lay in packs. */
  readonly deltaRatio: number;
}

/** Undefined: records go as they lie. */
export type Coding = { readonly level: number } | undefined;

interface Row {
  readonly level: number;
  /** Raw bytes a second of one thread. */
  readonly plainRate: number;
  readonly deltaRate: number;
  /** What comes out, compared with the level 3 of what lies in packs, when there is no dictionary. */
  readonly plainRatio: number;
}

/**
 * Measured on a two-core virtual machine with Node 26 on a megabyte of program text, with 2 MB of its earlier version as
 * dictionary and without. Below level 9 zstd finds little in a dictionary of that size (level 3: a third, level 6: nothing in
 * images of disks); above 12 the time to load it grows tenfold for a few bytes.
 */
const rows: readonly Row[] = [
  { level: 6, plainRate: 40e6, deltaRate: 0, plainRatio: 0.88 },
  { level: 9, plainRate: 21e6, deltaRate: 30e6, plainRatio: 0.84 },
  { level: 12, plainRate: 13e6, deltaRate: 15e6, plainRatio: 0.8 },
  { level: 15, plainRate: 3.6e6, deltaRate: 1.4e6, plainRatio: 0.77 },
  { level: 17, plainRate: 2.2e6, deltaRate: 1.2e6, plainRatio: 0.72 },
  { level: 19, plainRate: 1.7e6, deltaRate: 1.1e6, plainRatio: 0.71 },
];

/** Reading, opening and checking is most of it: 2.5 ms a megabyte at both ends together. */
const wholeRate = 400e6;
/** Coding that is not clearly faster than none is only work. */
const worthIt = 1.05;

/**
 * The highest level with which the line is still full; when no level keeps it full, what brings the contents there first,
 * which on a line faster than the processor is none.
 */
export function chooseCoding(question: CodingQuestion): Coding {
  const { lineBytesPerSecond: line, storedBytes, rawBytes, hasDictionary } = question;
  const stored = Math.max(storedBytes, 1) / Math.max(rawBytes, 1);
  const asItLies = Math.min(line / stored, wholeRate);
  let best: { readonly level: number; readonly rate: number } | undefined;
  for (const row of rows) {
    const ratio = hasDictionary ? question.deltaRatio : row.plainRatio;
    const processor = (hasDictionary ? row.deltaRate : row.plainRate) * question.processorSpeed * question.workers;
    const lineRate = line / (stored * ratio);
    const rate = Math.min(processor, lineRate);
    // Rows go from low to high levels: of two that keep the line full the higher one wins.
    if (processor >= lineRate || rate > (best?.rate ?? 0)) best = { level: row.level, rate };
  }
  return best !== undefined && best.rate > asItLies * worthIt ? { level: best.level } : undefined;
}

/** How long the machine of the table takes for it. */
export function expectedMs(level: number, rawBytes: number, hasDictionary: boolean): number {
  const row = rows.find((one) => one.level === level);
  const rate = hasDictionary ? row?.deltaRate : row?.plainRate;
  return rate === undefined || rate === 0 ? 0 : (rawBytes * 1000) / rate;
}
