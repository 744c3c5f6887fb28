import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { systemCode } from '#runtime';

const blockBytes = 4 * 1024 * 1024;

/**
 * Which of the `needles` stand somewhere in the memory of a process, of what it may read and no file holds: heaps, stacks,
 * buffers, the memory of WebAssembly. Undefined when this user may not look into that process.
 */
export function foundInMemory(pid: number, needles: readonly Uint8Array[]): boolean[] | undefined {
  const found = needles.map(() => false);
  const overlapBytes = Math.max(...needles.map((needle) => needle.length)) - 1;
  const block = Buffer.alloc(blockBytes + overlapBytes);
  try {
    const memory = openSync(`/proc/${pid}/mem`, 'r');
    try {
      for (const { start, end } of regionsOf(pid)) {
        for (let at = start; at < end; at += blockBytes) {
          const length = readAt(memory, block, at, Math.min(block.length, end - at));
          const part = block.subarray(0, length);
          for (const [i, needle] of needles.entries()) found[i] ||= part.includes(needle);
        }
      }
    } finally {
      closeSync(memory);
    }
    return found;
  } catch (error) {
    if (['EACCES', 'EPERM', 'ENOENT'].includes(systemCode(error) ?? '')) return undefined;
    throw error;
  }
}

/** A region that went away meanwhile, or that the kernel keeps for itself, has nothing to say. */
function readAt(memory: number, block: Buffer, at: number, length: number): number {
  try {
    return readSync(memory, block, 0, length, at);
  } catch (error) {
    if (systemCode(error) === 'EIO') return 0;
    throw error;
  }
}

/** Addresses of a 64-bit process stay below 2^47: they are exact as numbers. What is mapped from a file to be read only is that file. */
function regionsOf(pid: number): { readonly start: number; readonly end: number }[] {
  return readFileSync(`/proc/${pid}/maps`, 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [, start = '', end = '', rights = '', file = ''] =
        /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)$/.exec(line) ?? [];
      const isFile = file.startsWith('/') && !rights.includes('w');
      if (!rights.startsWith('r') || isFile || file === '[vvar]' || file === '[vsyscall]') return [];
      return [{ start: Number.parseInt(start, 16), end: Number.parseInt(end, 16) }];
    });
}
