import { readSync } from 'node:fs';
import { closeFd, isPosixError, openAt, openFlag } from '#posix';

export const cacheTagName = 'CACHEDIR.TAG';
// https://bford.info/cachedir/
const signature = 'Signature: 8a477f597d28d172789f06886806bc55';

/** True when the folder says of itself, by the Cache Directory Tagging Specification, that it can be made anew. */
export function isCacheFolder(dirFd: number): boolean {
  let fd: number;
  try {
    fd = openAt(dirFd, Buffer.from(cacheTagName), openFlag.read | openFlag.nonBlock);
  } catch (error) {
    // Without a readable tag it is a folder like any other.
    if (isPosixError(error)) return false;
    throw error;
  }
  try {
    const start = Buffer.alloc(signature.length);
    return readSync(fd, start, 0, start.length, 0) === start.length && start.toString('latin1') === signature;
  } catch {
    return false; // A fifo or a folder of that name, say.
  } finally {
    closeFd(fd);
  }
}
