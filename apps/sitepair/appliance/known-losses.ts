import { join } from 'node:path';
import { isAppError, removeFileDurably } from '#runtime';
import { readStateFile, writeStateFile } from './state-file.ts';

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
    this.#reasons = readReasons(this.#file);
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
    writeStateFile(this.#file, { reasons: this.#reasons });
  }

  clear(): void {
    removeFileDurably(this.#file);
    this.#reasons = [];
  }
}

/** A note that cannot be read any more says that there was a loss, and is itself none that keeps a site from starting. */
function readReasons(file: string): readonly string[] {
  try {
    const reasons = readStateFile(file, 'Run "sitepair scrub --heal".', (content) => content.reasons) ?? [];
    if (Array.isArray(reasons) && reasons.every((reason) => typeof reason === 'string')) return reasons;
  } catch (error) {
    if (!isAppError(error, 'state_damaged')) throw error;
  }
  return ['the note of what was lost is damaged'];
}
