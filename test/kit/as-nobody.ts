import assert from 'node:assert/strict';

/** Runs `work` without root's rights, for its synchronous system calls: those of Node's thread pool keep them. */
export async function asNobody<T>(work: () => Promise<T>): Promise<T> {
  assert.ok(process.setegid !== undefined && process.seteuid !== undefined);
  process.setegid(65_534);
  process.seteuid(65_534);
  try {
    return await work();
  } finally {
    process.seteuid(0);
    process.setegid(0);
  }
}
