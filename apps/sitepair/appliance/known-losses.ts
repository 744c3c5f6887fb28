import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileDurably } from '#runtime';

const reasonsMax = 20;

/**
 * Remembers, across restarts, that this site has lost something of what it says it holds. While it does, no snapshot here
 * is taken for a base: what the next one needs is asked for whole, so that clients and peers bring back what is gone. Only
 * a clean check of everything clears it.
 */
export class KnownLosses {
  readonly #file: string;
  #reasons: readonly string[];

  /** `folder`: of the state, or of a vault in it. */
  constructor(folder: string) {
    this.#file = join(folder, 'losses.json');
    this.#reasons = existsSync(this.#file)
      ? (JSON.parse(readFileSync(this.#file, 'utf8')) as { reasons: string[] }).reasons
      : [];
  }

  get any(): boolean {
    return this.#reasons.length > 0;
  }

  get reasons(): readonly string[] {
    return this.#reasons;
  }

  note(reason: string): void {
    if (this.#reasons.includes(reason) || this.#reasons.length >= reasonsMax) return;
    this.#reasons = [...this.#reasons, reason];
    writeFileDurably(this.#file, `${JSON.stringify({ format: 1, reasons: this.#reasons }, null, 1)}\n`);
  }

  clear(): void {
    this.#reasons = [];
    rmSync(this.#file, { force: true });
  }
}
