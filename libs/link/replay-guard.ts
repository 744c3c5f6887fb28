import { toHex } from '#runtime';

// Only who knows a psk gets anything in here, and a recorded message is worth replaying for a scalar multiplication at best.
const rememberedMax = 4096;

/** Remembers the newest first messages by their MACs, so that a recorded one costs no more than that MAC. */
export class ReplayGuard {
  readonly #seen = new Set<string>();

  /** False when `mac` was here before. */
  isNew(mac: Uint8Array): boolean {
    const key = toHex(mac);
    if (this.#seen.has(key)) return false;
    this.#seen.add(key);
    for (const oldest of this.#seen) {
      if (this.#seen.size <= rememberedMax) break;
      this.#seen.delete(oldest);
    }
    return true;
  }
}
