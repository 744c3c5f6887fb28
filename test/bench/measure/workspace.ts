import { mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { formatBytes } from './report.ts';

/** What a machine should keep free for whoever else uses it. */
const spareBytes = 1_000_000_000;

/**
 * A temporary folder for one bench, gone when the process ends, however it ends. What is in it is removed at the end only:
 * on an ext4 without a journal, creating files is slow for everybody soon after many were removed.
 */
export class Workspace implements Disposable {
  readonly path: string;
  readonly #endings: (() => void)[] = [];
  readonly #onExit = () => this[Symbol.dispose]();
  readonly #onSignal = () => process.exit(130);

  /** Throws when the file system of the temporary folder lacks `neededBytes`. */
  constructor(name: string, neededBytes: number) {
    const { bavail, bsize } = statfsSync(tmpdir());
    const freeBytes = bavail * bsize;
    if (freeBytes < neededBytes + spareBytes) {
      throw new Error(
        `${tmpdir()} has ${formatBytes(freeBytes)} free, this takes ${formatBytes(neededBytes)} and leaves ` +
          `${formatBytes(spareBytes)}: ask for fewer --runs or a smaller tree, or set TMPDIR to a larger place`,
      );
    }
    this.path = mkdtempSync(join(tmpdir(), `sitepair-bench-${name}-`));
    process.once('exit', this.#onExit).once('SIGINT', this.#onSignal).once('SIGTERM', this.#onSignal);
  }

  /** A new folder in it; a name may be a path that begins with its own. */
  folder(...names: readonly string[]): string {
    const path = resolve(this.path, ...names);
    mkdirSync(path, { recursive: true });
    return path;
  }

  /** Runs `end` before the folder is removed, also when a signal ends this process: for other processes that use it. */
  beforeRemoval(end: () => void): void {
    this.#endings.push(end);
  }

  [Symbol.dispose](): void {
    process.off('exit', this.#onExit).off('SIGINT', this.#onSignal).off('SIGTERM', this.#onSignal);
    for (const end of this.#endings.splice(0)) end();
    rmSync(this.path, { recursive: true, force: true, maxRetries: 3 });
  }
}
