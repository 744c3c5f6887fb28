const hashWords = 8; // 32 bytes

/**
 * Remembers about the last `slots` hashes, whole, in memory of fixed size: each has one place, and the newer takes it.
 * What is forgotten costs one more question to the store, never a wrong answer.
 */
export class RecentHashes {
  readonly #words: Int32Array;
  readonly #mask: number;

  /** `slots`: a power of two, 32 bytes each. */
  constructor(slots: number) {
    this.#words = new Int32Array(slots * hashWords);
    this.#mask = slots - 1;
  }

  /** True when `hash` is remembered; remembers it. */
  seen(hash: Uint8Array): boolean {
    const view = new DataView(hash.buffer, hash.byteOffset, hash.byteLength);
    const at = (view.getUint32(0) & this.#mask) * hashWords;
    let same = true;
    for (let i = 0; i < hashWords; i++) {
      const word = view.getInt32(4 * i);
      if (this.#words[at + i] === word) continue;
      same = false;
      this.#words[at + i] = word;
    }
    return same;
  }
}
