import { systemTimers } from '#runtime';

/** How many bytes had passed at a moment. */
export interface Sample {
  readonly ms: number;
  readonly bytes: number;
}

const sampleMs = 10;
const sampleMsMax = 1;
/** What a guarantee about bytes in a time may be off by: two packets. */
const packetsBytes = 3000;

/** Reads a counter a hundred times a second until `until` resolves. */
export async function record(counter: () => number, until: Promise<unknown>): Promise<Sample[]> {
  const samples: Sample[] = [];
  let over = false;
  const ended = until.finally(() => {
    over = true;
  });
  while (!over) {
    const ms = performance.now();
    const bytes = counter();
    // Who was interrupted in between does not know when it was that.
    if (performance.now() - ms < sampleMsMax) samples.push({ ms, bytes });
    await systemTimers.sleep(sampleMs);
  }
  await ended;
  return samples;
}

/** The highest and the lowest share of a limit that any window of `windowMs` has seen; two packets are forgiven. */
export function shares(
  samples: readonly Sample[],
  limitBytesPerSecond: number,
  windowMs: number,
): { readonly lowest: number; readonly highest: number } {
  let [lowest, highest, end] = [Number.POSITIVE_INFINITY, 0, 0];
  for (const from of samples) {
    while (end < samples.length && (samples[end] as Sample).ms - from.ms < windowMs) end += 1;
    const to = samples[end];
    if (to === undefined) break;
    const allowed = (limitBytesPerSecond * (to.ms - from.ms)) / 1000;
    const bytes = to.bytes - from.bytes;
    lowest = Math.min(lowest, (bytes + packetsBytes) / allowed);
    highest = Math.max(highest, (bytes - packetsBytes) / allowed);
  }
  return { lowest, highest };
}

/** Of a time, without its first and last milliseconds. */
export function within(samples: readonly Sample[], fromMs: number, toMs: number): Sample[] {
  return samples.filter(({ ms }) => ms >= fromMs && ms <= toMs);
}

/** Mean bytes a second between the first sample and the last. */
export function meanRate(samples: readonly Sample[]): number {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined || last.ms === first.ms) return 0;
  return ((last.bytes - first.bytes) * 1000) / (last.ms - first.ms);
}
