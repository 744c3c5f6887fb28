import { join } from 'node:path';
import { type BandwidthWindow, type LimitPolicy, type TrafficClass, trafficClasses, type Until } from '#shaper';
import { readStateFile, writeStateFile } from './state-file.ts';

/** What is decided about one direction: of a peer's link, or of all links together. */
export type LimitRules = Omit<LimitPolicy, 'timeZone'>;

export type Direction = 'up' | 'down';

/** All that an admin has said about bandwidth. */
export interface ShapingRules {
  /** By scope and direction: "all up", "all down", "SITEID up", "SITEID down". */
  readonly limits: Readonly<Record<string, LimitRules>>;
  /** By dataset name (SITE/DATASET). */
  readonly classes: Readonly<Record<string, TrafficClass>>;
}

export const noRules: LimitRules = { bytesPerSecond: Number.POSITIVE_INFINITY, windows: [] };

const damagedAdvice =
  'Remove the file and set the limits again ("sitepair link limit --help"); until then nothing is limited.';

/** The limits of a site, in a file that is replaced as a whole. */
export class ShapingFile {
  readonly #file: string;
  #rules: ShapingRules;

  constructor(root: string) {
    this.#file = join(root, 'limits.json');
    this.#rules = readStateFile(this.#file, damagedAdvice, decode) ?? { limits: {}, classes: {} };
  }

  get rules(): ShapingRules {
    return this.#rules;
  }

  /** Replaces them, durably. */
  put(rules: ShapingRules): void {
    const limits = Object.fromEntries(Object.entries(rules.limits).map(([key, one]) => [key, encodeRules(one)]));
    writeStateFile(this.#file, { limits, classes: rules.classes });
    this.#rules = rules;
  }
}

// JSON has no Infinity: no limit is null.
function encodeRate(bytesPerSecond: number): number | null {
  return bytesPerSecond === Number.POSITIVE_INFINITY ? null : bytesPerSecond;
}

function encodeRules({ bytesPerSecond, windows, override, pause }: LimitRules): object {
  return {
    bytesPerSecond: encodeRate(bytesPerSecond),
    windows: windows.map((window) => ({ ...window, bytesPerSecond: encodeRate(window.bytesPerSecond) })),
    ...(override === undefined
      ? {}
      : { override: { ...override, bytesPerSecond: encodeRate(override.bytesPerSecond) } }),
    ...(pause === undefined ? {} : { pause }),
  };
}

type Row = Readonly<Record<string, unknown>>;

function decode(content: Row): ShapingRules {
  const limits = Object.entries(content.limits as Row).map(([key, row]) => [key, decodeRules(row as Row)] as const);
  const classes = Object.entries(content.classes as Row).map(([name, value]) => {
    const known = trafficClasses.find((one) => one === value);
    if (known === undefined) throw new Error(`${String(value)} is no class`);
    return [name, known] as const;
  });
  return { limits: Object.fromEntries(limits), classes: Object.fromEntries(classes) };
}

function decodeRate(value: unknown): number {
  if (value === null) return Number.POSITIVE_INFINITY;
  if (typeof value !== 'number' || !(value >= 0)) throw new Error(`${String(value)} is no rate`);
  return value;
}

function decodeRules(row: Row): LimitRules {
  const windows = (row.windows as Row[]).map(
    (window): BandwidthWindow => ({
      days: window.days as number[],
      from: String(window.from),
      to: String(window.to),
      bytesPerSecond: decodeRate(window.bytesPerSecond),
    }),
  );
  const override = row.override as (Row & Until) | undefined;
  return {
    bytesPerSecond: decodeRate(row.bytesPerSecond),
    windows,
    ...(override === undefined
      ? {}
      : { override: { ...override, bytesPerSecond: decodeRate(override.bytesPerSecond) } }),
    ...(row.pause === undefined ? {} : { pause: row.pause as Until }),
  };
}
