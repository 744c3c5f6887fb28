import { join } from 'node:path';
import { measureCommand, type Usage } from './usage.ts';

/** Two restic repositories on this machine, one filled from the other: no line in between. */
export class ResticCopies {
  readonly #from: string;
  readonly #to: string;
  readonly #env: Readonly<Record<string, string>>;

  constructor(folder: string) {
    [this.#from, this.#to] = [join(folder, 'from'), join(folder, 'to')];
    const password = 'of a bench';
    const cache = { RESTIC_CACHE_DIR: join(folder, 'cache') };
    this.#env = { RESTIC_PASSWORD: password, RESTIC_FROM_PASSWORD: password, ...cache };
  }

  async init(): Promise<void> {
    await this.#restic(this.#from, 'init');
    await this.#restic(this.#to, 'init', '--copy-chunker-params', '--from-repo', this.#from);
  }

  /** Takes a snapshot of `tree` and copies it to the other repository; measures the copying. */
  async copyNew(tree: string): Promise<Usage> {
    await this.#restic(this.#from, 'backup', tree);
    return this.#restic(this.#to, 'copy', '--from-repo', this.#from, '--path', tree, 'latest');
  }

  #restic(repository: string, ...args: readonly string[]): Promise<Usage> {
    return measureCommand(['restic', '--repo', repository, ...args], { env: this.#env });
  }
}
