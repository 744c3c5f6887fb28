/**
 * What a content looks like, in three numbers: contents that are alike in most places have one of them in common, others
 * hardly ever. A gear hash rolls over the content, every 64th position (by its upper bits) is a sample, each of twelve linear
 * transforms keeps its largest value over all samples, and four of them together make a super-feature. This is Odess
 * (Zou and others, "The dynamic nature of deduplication", 2021), after the N-transforms of Broder and Shilane.
 */
export type Sketch = readonly [number, number, number];

/** Below that a content has too few samples to say anything. */
export const sketchedBytesMin = 2048;

const transforms = 12;
const together = 4;
// The top bits have seen the last 32 bytes, the low ones only the last few.
const sampleMask = 0xfc_00_00_00;

// Any fixed numbers without a pattern do: these follow from Numerical Recipes' generator, from 1 on.
const numbers = new Uint32Array(256 + 2 * transforms);
for (let i = 0, value = 1; i < numbers.length; i++) {
  value = (Math.imul(value, 1_664_525) + 1_013_904_223) >>> 0;
  numbers[i] = Math.imul(value ^ (value >>> 15), 0x2c_1b_3c_6d) >>> 0;
}

/** Undefined for contents too short to tell, and for runs without a sample: they would all look alike. 3 ms a megabyte. */
export function sketchOf(content: Uint8Array): Sketch | undefined {
  if (content.length < sketchedBytesMin) return undefined;
  const largest = new Uint32Array(transforms);
  let hash = 0;
  let samples = 0;
  for (let at = 0; at < content.length; at++) {
    hash = ((hash << 1) + (numbers[content[at] as number] as number)) | 0;
    if ((hash & sampleMask) !== 0) continue;
    samples += 1;
    for (let k = 0; k < transforms; k++) {
      const value = (Math.imul(hash, (numbers[256 + 2 * k] as number) | 1) + (numbers[257 + 2 * k] as number)) >>> 0;
      if (value > (largest[k] as number)) largest[k] = value;
    }
  }
  if (samples === 0) return undefined;
  const features = [0, 1, 2].map((group) => {
    let feature = group;
    for (const value of largest.subarray(group * together, (group + 1) * together))
      feature = Math.imul(feature ^ value, 0x85_eb_ca_6b) ^ (feature >>> 13);
    return feature >>> 0;
  });
  return features as unknown as Sketch;
}
