import type { SeededRandom } from './seeded-random.ts';

/** Numbers at which lengths and counts go wrong. */
export const extremes: readonly bigint[] = [
  ...[0n, 1n, 2n, 16n, 17n, 63n, 64n, 127n, 128n, 255n, 256n, 4095n, 4096n, 4097n, 65_535n, 65_536n],
  ...[2n ** 20n, 2n ** 21n + 1n, 2n ** 22n, 2n ** 23n, 2n ** 24n, 2n ** 26n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n - 1n],
  ...[2n ** 32n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n],
];

type Mutation = (bytes: Uint8Array, random: SeededRandom, others: readonly Uint8Array[]) => Uint8Array;

const join = (...parts: readonly Uint8Array[]) => new Uint8Array(Buffer.concat(parts));

/** A stretch of `bytes`: mostly short, sometimes all the rest. */
function stretch(bytes: Uint8Array, random: SeededRandom): readonly [from: number, to: number] {
  const from = random.below(bytes.length);
  const most = random.chance(0.8) ? Math.min(16, bytes.length - from) : bytes.length - from;
  return [from, from + random.below(most + 1)];
}

function overwritten(bytes: Uint8Array, at: number, by: Uint8Array): Uint8Array {
  const copy = new Uint8Array(bytes);
  copy.set(by.subarray(0, Math.max(0, copy.length - at)), at);
  return copy;
}

const mutations: readonly Mutation[] = [
  // Bit flips: what disks and lines do.
  (bytes, random) => {
    const copy = new Uint8Array(bytes);
    const at = random.below(copy.length);
    if (copy.length > 0) copy[at] = (copy[at] ?? 0) ^ (1 << random.below(8));
    return copy;
  },
  (bytes, random) => overwritten(bytes, random.below(bytes.length), Uint8Array.of(random.uint32())),
  // Lies in length and count fields of 1 to 8 bytes, in either order.
  (bytes, random) => {
    const field = Buffer.alloc(8);
    const value = random.pick(extremes);
    if (random.chance(0.5)) field.writeBigUInt64LE(value);
    else field.writeBigUInt64BE(value);
    const length = random.pick([1, 2, 4, 8]);
    const part = random.chance(0.5) ? field.subarray(0, length) : field.subarray(8 - length);
    return overwritten(bytes, random.below(bytes.length), part);
  },
  (bytes, random) => {
    const [from, to] = stretch(bytes, random);
    return overwritten(bytes, from, new Uint8Array(to - from));
  },
  (bytes, random) => {
    const [from, to] = stretch(bytes, random);
    return join(bytes.subarray(0, from), bytes.subarray(to));
  },
  (bytes, random) => bytes.slice(0, random.below(bytes.length + 1)),
  (bytes, random) => {
    const [from, to] = stretch(bytes, random);
    return join(bytes.subarray(0, to), bytes.subarray(from));
  },
  (bytes, random) => {
    const at = random.below(bytes.length + 1);
    return join(bytes.subarray(0, at), random.bytes(1 + random.below(12)), bytes.subarray(at));
  },
  // Splices: the beginning of one and the end of another.
  (bytes, random, others) => {
    const other = others.length === 0 ? bytes : random.pick(others);
    return join(bytes.subarray(0, random.below(bytes.length + 1)), other.subarray(random.below(other.length + 1)));
  },
  // Two pieces of equal length exchanged.
  (bytes, random) => {
    const copy = new Uint8Array(bytes);
    const length = random.pick([1, 4, 8, 16, 20, 32]);
    const [a, b] = [random.below(copy.length - length), random.below(copy.length - length)];
    copy.set(bytes.subarray(a, a + length), b);
    copy.set(bytes.subarray(b, b + length).subarray(0, copy.length - a), a);
    return copy;
  },
];

/** `bytes` with one thing wrong; `others` are what may be spliced in. */
export function mutateBytes(bytes: Uint8Array, random: SeededRandom, others: readonly Uint8Array[]): Uint8Array {
  return random.pick(mutations)(bytes, random, others);
}
