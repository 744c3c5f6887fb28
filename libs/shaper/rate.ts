import { AppError } from '#runtime';

/** Thousands of a prefix. Lines are sold in decimal units. */
const powers: Readonly<Record<string, number>> = { '': 0, k: 1, m: 2, g: 3 };
const shape = /^(\d+(?:\.\d+)?|\.\d+)\s*([kmg]?)(i?)(bits?|b|bytes?)(?:\/s|\/sec|ps)?$/i;
const noLimitWords = new Set(['none', 'unlimited']);

/** A slower link carries its own heartbeats and little else: who wants less wants a pause. */
const leastBytesPerSecond = 8000;

/**
 * A rate as people write it ("20 Mbit/s", "20mbit", "2.5 MB/s", "100 Mbps", "none") in bytes a second; Infinity for none.
 * Throws `bad_rate` with what to write instead.
 */
export function parseRate(text: string): number {
  const trimmed = text.trim();
  if (noLimitWords.has(trimmed.toLowerCase())) return Number.POSITIVE_INFINITY;
  const match = shape.exec(trimmed);
  if (match === null)
    throw badRate(text, 'Write a number and a unit: "20 Mbit/s", "2.5 MB/s", or "none" for no limit.');
  const [, figure, prefix = '', binary, unit = ''] = match;
  if (prefix === 'm' && unit.length === 1) {
    throw badRate(
      text,
      `Say which you mean: "${figure} Mbit/s" (bits, as lines are sold) or "${figure} MB/s" (bytes).`,
    );
  }
  const isBits = unit === 'b' || unit.toLowerCase().startsWith('bit');
  const factor = (binary === '' ? 1000 : 1024) ** (powers[prefix.toLowerCase()] ?? 0);
  const bytesPerSecond = (Number(figure) * factor) / (isBits ? 8 : 1);
  if (bytesPerSecond < leastBytesPerSecond) {
    throw badRate(text, 'The least limit is 64 kbit/s. To let nothing through, pause the link: "sitepair link pause".');
  }
  return bytesPerSecond;
}

/** "20 Mbit/s", "512 kbit/s", "none", "0". */
export function formatRate(bytesPerSecond: number): string {
  if (bytesPerSecond === Number.POSITIVE_INFINITY) return 'none';
  const bits = bytesPerSecond * 8;
  const [unit, size] = bits >= 1e9 ? ['Gbit/s', 1e9] : bits >= 1e6 ? ['Mbit/s', 1e6] : ['kbit/s', 1e3];
  return `${Number((bits / size).toPrecision(4))} ${unit}`;
}

function badRate(text: string, advice: string): AppError {
  return new AppError(`"${text}" is no rate`, { code: 'bad_rate', advice });
}
