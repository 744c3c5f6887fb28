import { checked, Errno, libc, posixError } from './libc.ts';
import { data, putData, takeData } from './native-arena.ts';

/**
 * ioctl with a struct, given as bytes in the C layout and returned as the driver left it. `request` is the number from the
 * driver's header (for Linux, the size of the struct stands in it). Blocks as long as the device takes. Throws PosixError.
 */
export function ioctl(fd: number, request: number, argument: Uint8Array): Uint8Array {
  if (!putData(argument)) throw posixError('ioctl', Errno.EINVAL);
  checked('ioctl', undefined, () => libc.ioctl(fd, request, data.address));
  return takeData(argument.length);
}
