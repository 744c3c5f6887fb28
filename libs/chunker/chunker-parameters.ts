import { assert } from '#runtime';

/** How long chunks may be. Equal content is found again only under equal parameters: a domain never changes them. */
export interface ChunkerParameters {
  /** At least 64. Only the last chunk of a content may be shorter. */
  readonly minBytes: number;
  /** Of random content; at least `minBytes` + 64. */
  readonly meanBytes: number;
  /** Above `meanBytes`, at most 2 MiB. The mean comes out right when it is several times the mean. */
  readonly maxBytes: number;
}

/** Measured on a file system of 60,000 files: means of 128 and 512 KiB store the same; large ones need fewer ids. */
export const chunkerDefaults: ChunkerParameters = Object.freeze({
  minBytes: 128 * 1024,
  meanBytes: 384 * 1024,
  maxBytes: 2048 * 1024,
});

/** When a chunk ends; see proto/CHUNKING.md for the derivation. */
export interface CutRule {
  readonly minBytes: number;
  /** Up to this length a cut is rare, beyond it frequent: this narrows the spread of lengths. */
  readonly normalBytes: number;
  readonly maxBytes: number;
  /** Cut where the hash, an unsigned 64-bit number, is below this. */
  readonly rareLimit: bigint;
  readonly frequentLimit: bigint;
}

// The hash must be full before the first test; and 2^66 / 64 still fits in 64 bits.
const windowBytes = 64;
// The longest chunk that a record may hold (proto/FORMAT.md).
const chunkBytesLimit = 2 * 1024 * 1024;

/**
 * The cut rule of `parameters`. With d = mean - min, a cut has a chance of 1 in 4d a byte at first and of 4 in d later;
 * bending at 57/64 of d makes the mean of random content `meanBytes` (0.15 % short). For the default parameters the
 * limits are 2^44 and 2^48: masks of the 20 and of the 16 highest bits, FastCDC's normalisation at level 2.
 */
export function cutRule(parameters: ChunkerParameters): CutRule {
  const { minBytes, meanBytes, maxBytes } = parameters;
  for (const bytes of [minBytes, meanBytes, maxBytes])
    assert(Number.isSafeInteger(bytes), 'chunk sizes are whole numbers');
  assert(minBytes >= windowBytes, 'a chunk is at least as long as the hash window');
  assert(meanBytes >= minBytes + windowBytes, 'the mean chunk is longer than the shortest');
  assert(maxBytes > meanBytes && maxBytes <= chunkBytesLimit, 'the longest chunk is above the mean and fits a record');
  const aboveMin = meanBytes - minBytes;
  return {
    minBytes,
    normalBytes: minBytes + Math.floor((aboveMin * 57) / 64),
    maxBytes,
    rareLimit: 2n ** 62n / BigInt(aboveMin),
    frequentLimit: 2n ** 66n / BigInt(aboveMin),
  };
}
