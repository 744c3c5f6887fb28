// Twice what keeps four frames and a line of 100 ms busy at 100 MB/s.
const heldBytesMax = 33_554_432;

/** How much an upload holds in memory, and whether it failed: the one thing that the walk waits for. */
export class UploadBudget {
  #held = 0;
  #failure: { readonly error: unknown } | undefined;
  #waiting: (() => void)[] = [];

  hold(bytes: number): void {
    this.#held += bytes;
  }

  release(bytes: number): void {
    this.#held -= bytes;
    if (this.#held <= heldBytesMax) this.#wake();
  }

  /** The first failure ends the upload. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake();
  }

  throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Resolves when more may be held; rejects with the upload's failure. */
  async room(): Promise<void> {
    this.throwIfFailed();
    while (this.#held > heldBytesMax && this.#failure === undefined) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.throwIfFailed();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
