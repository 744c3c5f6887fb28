import { getSystemErrorMap } from 'node:util';
import koffi from 'koffi';
import { PosixError } from './posix-error.ts';

/** Numbers in, a number out: what is not a number is passed as its address in the arena (native-arena.ts). */
type NumericCall = (...args: number[]) => number;

const library = koffi.load('libc.so.6');

// Struct offsets and constants in this library hold on x86-64 and arm64 alike; the open flags that differ come from Node.
// Variadic functions (openat, fcntl, ioctl, syscall) are declared with fixed arguments: both ABIs pass integers the same way.
const declare = (prototype: string): NumericCall => library.func(prototype);

/** The C library, as declared in its headers, all pointers as addresses. Needs glibc 2.34 (Debian 12, RHEL 9). */
export const libc = {
  statx: declare('int statx(int folder, uintptr_t path, int flags, uint mask, uintptr_t buffer)'),
  openat: declare('int openat(int folder, uintptr_t path, int flags, uint mode)'),
  syscall4: declare('long syscall(long number, long a, uintptr_t b, uintptr_t c, size_t d)'),
  close: declare('int close(int fd)'),
  getdents64: declare('long getdents64(int fd, uintptr_t buffer, size_t length)'),
  lseek: declare('int64_t lseek(int fd, int64_t offset, int whence)'),
  mkdirat: declare('int mkdirat(int folder, uintptr_t path, uint mode)'),
  unlinkat: declare('int unlinkat(int folder, uintptr_t path, int flags)'),
  renameat2: declare('int renameat2(int fromFolder, uintptr_t from, int toFolder, uintptr_t to, uint flags)'),
  linkat: declare('int linkat(int fromFolder, uintptr_t from, int toFolder, uintptr_t to, int flags)'),
  symlinkat: declare('int symlinkat(uintptr_t target, int folder, uintptr_t path)'),
  readlinkat: declare('long readlinkat(int folder, uintptr_t path, uintptr_t buffer, size_t length)'),
  mknodat: declare('int mknodat(int folder, uintptr_t path, uint mode, uint64_t device)'),
  fchmodat: declare('int fchmodat(int folder, uintptr_t path, uint mode, int flags)'),
  fchownat: declare('int fchownat(int folder, uintptr_t path, uint uid, uint gid, int flags)'),
  utimensat: declare('int utimensat(int folder, uintptr_t path, uintptr_t times, int flags)'),
  futimens: declare('int futimens(int fd, uintptr_t times)'),
  ftruncate: declare('int ftruncate(int fd, int64_t length)'),
  fallocate: declare('int fallocate(int fd, int mode, int64_t offset, int64_t length)'),
  posixFadvise: declare('int posix_fadvise(int fd, int64_t offset, int64_t length, int advice)'),
  syncfs: declare('int syncfs(int fd)'),
  fcntl: declare('int fcntl(int fd, int command, uintptr_t argument)'),
  ioctl: declare('int ioctl(int fd, ulong request, uintptr_t argument)'),
  flistxattr: declare('long flistxattr(int fd, uintptr_t list, size_t size)'),
  fgetxattr: declare('long fgetxattr(int fd, uintptr_t name, uintptr_t value, size_t size)'),
  fsetxattr: declare('int fsetxattr(int fd, uintptr_t name, uintptr_t value, size_t size, int flags)'),
  fremovexattr: declare('int fremovexattr(int fd, uintptr_t name)'),
  listxattr: declare('long listxattr(uintptr_t path, uintptr_t list, size_t size)'),
  llistxattr: declare('long llistxattr(uintptr_t path, uintptr_t list, size_t size)'),
  getxattr: declare('long getxattr(uintptr_t path, uintptr_t name, uintptr_t value, size_t size)'),
  lgetxattr: declare('long lgetxattr(uintptr_t path, uintptr_t name, uintptr_t value, size_t size)'),
  setxattr: declare('int setxattr(uintptr_t path, uintptr_t name, uintptr_t value, size_t size, int flags)'),
  lsetxattr: declare('int lsetxattr(uintptr_t path, uintptr_t name, uintptr_t value, size_t size, int flags)'),
  removexattr: declare('int removexattr(uintptr_t path, uintptr_t name)'),
  lremovexattr: declare('int lremovexattr(uintptr_t path, uintptr_t name)'),
  getpwuid: declare('int getpwuid_r(uint uid, uintptr_t entry, uintptr_t buffer, size_t size, uintptr_t result)'),
  getgrgid: declare('int getgrgid_r(uint gid, uintptr_t entry, uintptr_t buffer, size_t size, uintptr_t result)'),
  getpwnam: declare('int getpwnam_r(uintptr_t name, uintptr_t entry, uintptr_t buffer, size_t size, uintptr_t result)'),
  getgrnam: declare('int getgrnam_r(uintptr_t name, uintptr_t entry, uintptr_t buffer, size_t size, uintptr_t result)'),
  getsockopt: declare('int getsockopt(int fd, int level, int option, uintptr_t value, uintptr_t length)'),
  setsockopt: declare('int setsockopt(int fd, int level, int option, uintptr_t value, uint length)'),
};

const errorName: (errno: number) => string | null = library.func('str strerrorname_np(int errno)');
const errorText: (errno: number) => string | null = library.func('str strerrordesc_np(int errno)');
const nodeErrors = getSystemErrorMap();

/** asm-generic/errno.h, the ones this library acts on. */
export const Errno = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  ENXIO: 6,
  E2BIG: 7,
  EBADF: 9,
  EAGAIN: 11,
  EACCES: 13,
  EINVAL: 22,
  ERANGE: 34,
  ENAMETOOLONG: 36,
  ENOSYS: 38,
  ENODATA: 61,
  EOVERFLOW: 75,
  ENOTSOCK: 88,
  ENOPROTOOPT: 92,
  ENOTSUP: 95,
} as const;

/** The error for `errno` with Node's code and text where Node knows it (ENOTSUP), else the C library's (EUCLEAN). */
export function posixError(syscall: string, errno: number, path?: Uint8Array): PosixError {
  const [code, text] = nodeErrors.get(-errno) ?? [errorName(errno) ?? `E${errno}`, errorText(errno) ?? 'unknown error'];
  return new PosixError({ code, errno: -errno, text, syscall, path });
}

/** Makes one call: its result, or minus the errno. */
export function attemptOnce(call: () => number): number {
  const result = call();
  return result === -1 ? -koffi.errno() : result;
}

/** The same, again whenever a signal interrupts it. For failures that are an answer. */
export function attempt(call: () => number): number {
  for (;;) {
    const result = attemptOnce(call);
    if (result !== -Errno.EINTR) return result;
  }
}

/** Makes one call, again whenever a signal interrupts it. Throws PosixError, with `path` in it, when it fails. */
export function checked(syscall: string, path: Uint8Array | undefined, call: () => number): number {
  const result = attempt(call);
  if (result < 0) throw posixError(syscall, -result, path);
  return result;
}

/** Text at a native address. Only for pointers that the C library has just filled in. */
export function textAt(address: bigint): string {
  return koffi.decode.string(address);
}

/** Where a buffer of more than 64 bytes lies; it stays there as long as it lives. */
export function addressOf(bytes: Uint8Array): number {
  return Number(koffi.address(bytes));
}
