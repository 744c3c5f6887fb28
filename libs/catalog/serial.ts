/** Runs one piece of work after the other, in the order they were given; a failed one does not stop the next. */
export class Serial {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work, work);
    this.#last = result.then(nothing, nothing);
    return result;
  }
}

function nothing(): void {
  // The caller of `run` has the result; the next piece of work only waits.
}
