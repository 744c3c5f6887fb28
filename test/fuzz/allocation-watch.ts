/** What was asked of the allocator for bytes since `reset`. */
export interface AllocationWatch {
  reset(): void;
  /** The largest piece, and all pieces together. */
  readonly largest: number;
  readonly total: number;
}

/**
 * Counts every request for a buffer of a given length in this thread from now on: memory that is taken because a hostile
 * length says so is taken through one of these. Objects and strings are not counted; they grow with the input alone.
 */
export function watchAllocations(): AllocationWatch {
  const watch = {
    largest: 0,
    total: 0,
    reset() {
      watch.largest = 0;
      watch.total = 0;
    },
  };
  const note = (bytes: unknown) => {
    if (typeof bytes !== 'number') return;
    watch.total += bytes;
    if (bytes > watch.largest) watch.largest = bytes;
  };
  const { alloc, allocUnsafe, allocUnsafeSlow, concat } = Buffer;
  Buffer.alloc = (size, ...rest) => {
    note(size);
    return alloc.call(Buffer, size, ...rest);
  };
  Buffer.allocUnsafe = (size) => {
    note(size);
    return allocUnsafe.call(Buffer, size);
  };
  Buffer.allocUnsafeSlow = (size) => {
    note(size);
    return allocUnsafeSlow.call(Buffer, size);
  };
  Buffer.concat = (list, length) => {
    note(length ?? list.reduce((sum, part) => sum + part.length, 0));
    return concat.call(Buffer, list, length);
  };
  const bytesClass = Uint8Array;
  globalThis.Uint8Array = new Proxy(bytesClass, {
    construct(target, args, newTarget) {
      note(args[0]);
      return Reflect.construct(target, args, newTarget === globalThis.Uint8Array ? target : newTarget);
    },
  });
  return watch;
}
