/** What several activities tell one loop, in the order it came. The loop is the only reader. */
export class Inbox<T> {
  readonly #items: T[] = [];
  #failure: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;
  #roomMade: (() => void) | undefined;

  push(item: T): void {
    this.#items.push(item);
    this.#wake?.();
  }

  /** Makes the loop throw once it has taken what came before; only the first failure counts. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake?.();
  }

  get isEmpty(): boolean {
    return this.#items.length === 0;
  }

  /** Resolves once fewer than `itemsMax` wait: for who reads from a line, so that what comes in is bounded. */
  async room(itemsMax: number): Promise<void> {
    while (this.#items.length >= itemsMax)
      await new Promise<void>((resolve) => {
        this.#roomMade = resolve;
      });
  }

  async next(): Promise<T> {
    for (;;) {
      const item = this.#items.shift();
      this.#roomMade?.();
      if (item !== undefined) return item;
      if (this.#failure !== undefined) throw this.#failure.error;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }
}
