import { assert } from '#runtime';

/** With whose rights this process acts. */
export function effectiveUser(): { readonly uid: number; readonly gid: number } {
  assert(process.geteuid !== undefined && process.getegid !== undefined, 'libs/posix is for Linux');
  return { uid: process.geteuid(), gid: process.getegid() };
}
