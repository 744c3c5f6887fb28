import { causes } from './causes.ts';

/** The classes of traffic whose bytes are kept apart, by the names of the shaper. */
export const countedClasses = ['restore', 'interactive', 'catalog', 'backup', 'heal', 'seed'] as const;

/** Sums: the count of an hour is exactly the sum of the counts of its seconds. All are whole numbers. */
const sumFields = [
  'observedMs',
  'upMs',
  'sentBytes',
  'receivedBytes',
  'limitedMs',
  /** Of the time with a limit: what it would have let through. */
  'allowedBytes',
  'resentSegments',
  'cuts',
  'stalledMs',
  'idleRoundTripUs',
  'idleRoundTrips',
  'loadedRoundTripUs',
  'loadedRoundTrips',
  /** Differences from one round trip to the next. */
  'jitterUs',
  'jitters',
  ...countedClasses.map((name) => `sent:${name}` as const),
  ...causes.map((name) => `cause:${name}` as const),
] as const;

/** The largest within the time counts. */
const maximumFields = ['roundTripUsMax', 'backlogBytesMax', 'lagSecondsMax'] as const;

export const fields = [...sumFields, ...maximumFields] as const;

export type HealthField = (typeof fields)[number];

/** What happened on a link in some time; what is not named is 0. */
export type HealthCounts = Partial<Readonly<Record<HealthField, number>>>;

/** In the order of `fields`. */
export type CountRow = Float64Array;

const positions = new Map<string, number>(fields.map((name, index) => [name, index]));

export function emptyRow(): CountRow {
  return new Float64Array(fields.length);
}

export function rowOf(counts: HealthCounts): CountRow {
  const row = emptyRow();
  for (const [name, value] of Object.entries(counts)) {
    const position = positions.get(name);
    if (position !== undefined) row[position] = value;
  }
  return row;
}

/** All fields that are not 0. */
export function countsOf(row: CountRow): HealthCounts {
  return Object.fromEntries(fields.flatMap((name, index) => (row[index] ? [[name, row[index]]] : [])));
}

/** Adds `more` to `row`: sums are summed, of maxima the larger one stays. In whatever order, the result is the same. */
export function addRow(row: CountRow, more: CountRow): void {
  for (let i = 0; i < sumFields.length; i++) row[i] = (row[i] ?? 0) + (more[i] ?? 0);
  for (let i = sumFields.length; i < fields.length; i++) row[i] = Math.max(row[i] ?? 0, more[i] ?? 0);
}
