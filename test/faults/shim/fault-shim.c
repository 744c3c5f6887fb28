/*
 * Stands between a process and the C library's file calls (LD_PRELOAD), for files below one folder, over all threads.
 *   FAULT_ROOT  absolute path of the folder that is watched
 *   FAULT_LOG   appends an event for each call that changes something there; recording.ts reads it
 *   FAULT_READS not empty: events of reads, too
 *   FAULT_ARM   kill and fail only in processes whose command line contains this text
 *   FAULT_KILL  CALL:N:before|half|after  SIGKILL at the Nth CALL ("any": of all that change something)
 *   FAULT_FAIL  CALL:N:ERRNO:once|on      the Nth CALL fails with this number, once or from then on
 *   FAULT_HANG  CALL:N:SECONDS         the Nth CALL takes so long, and is done then
 *   FAULT_TOLD  a file that is made when the kill, the failure or the hang happened
 *   FAULT_SYNC_US  a sync takes so many microseconds, and waits for no disk
 *   FAULT_BOOT  a file that is read as the kernel's boot id
 * Everything goes down by syscall(2), so that nothing in here meets itself.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum op {
  op_open = 1, op_pwrite, op_pwritev, op_write, op_writev, op_ftruncate, op_rename, op_unlink, op_link, op_mkdir,
  op_rmdir, op_fsync, op_fdatasync, op_synced, op_mmap, op_fallocate, op_create, op_read, op_strange, op_count
};

static const char *const names[op_count] = {
  "", "open", "pwrite", "pwritev", "write", "writev", "ftruncate", "rename", "unlink", "link", "mkdir",
  "rmdir", "fsync", "fdatasync", "synced", "mmap", "fallocate", "create", "read", "strange"
};

struct event {
  uint32_t magic, bytes;
  uint32_t op, pid, tid;
  int32_t error;
  uint64_t ino, offset, length;
  uint32_t flags;
  uint16_t path_bytes, other_bytes;
};

#define FDS 65536
static struct { uint64_t ino; uint64_t dev; uint8_t tracked; uint8_t dsync; uint8_t lmdb; } fds[FDS];

static char root[PATH_MAX], boot[PATH_MAX], told[PATH_MAX];
static size_t root_bytes;
static int log_fd = -1, log_reads;
static long sync_us = -1;
static struct { int armed, op, after, half; long at; } kills;
static struct { int armed, op, number, on; long at; } fails;
static struct { int armed, op; long at, seconds; } hangs;
static atomic_long counts[op_count], any_count, next_sync;

static int op_named(const char *name, size_t length) {
  for (int i = 1; i < op_count; i++)
    if (strlen(names[i]) == length && memcmp(names[i], name, length) == 0) return i;
  return 0; /* "any" */
}

static int is_armed(const char *wanted) {
  if (wanted == NULL || *wanted == 0) return 1;
  char line[16384];
  int fd = syscall(SYS_openat, AT_FDCWD, "/proc/self/cmdline", O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0) return 0;
  long got = syscall(SYS_read, fd, line, sizeof line - 1);
  syscall(SYS_close, fd);
  if (got <= 0) return 0;
  for (long i = 0; i < got; i++) if (line[i] == 0) line[i] = ' ';
  line[got] = 0;
  return strstr(line, wanted) != NULL;
}

__attribute__((constructor)) static void begin(void) {
  const char *text = getenv("FAULT_ROOT");
  if (text != NULL && *text != 0) {
    snprintf(root, sizeof root, "%s", text);
    root_bytes = strlen(root);
  }
  if ((text = getenv("FAULT_BOOT")) != NULL) snprintf(boot, sizeof boot, "%s", text);
  if ((text = getenv("FAULT_READS")) != NULL && *text != 0) log_reads = 1;
  if ((text = getenv("FAULT_TOLD")) != NULL) snprintf(told, sizeof told, "%s", text);
  if ((text = getenv("FAULT_SYNC_US")) != NULL) sync_us = atol(text);
  if ((text = getenv("FAULT_LOG")) != NULL && *text != 0)
    log_fd = syscall(SYS_openat, AT_FDCWD, text, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  /* Out of the way of programs that count on low numbers. */
  if (log_fd >= 0) {
    int high = syscall(SYS_fcntl, log_fd, F_DUPFD_CLOEXEC, 900);
    if (high >= 0) { syscall(SYS_close, log_fd); log_fd = high; }
  }
  if (!is_armed(getenv("FAULT_ARM"))) return;
  char call[32], how[16];
  long at; int number;
  if ((text = getenv("FAULT_KILL")) != NULL && sscanf(text, "%31[^:]:%ld:%15s", call, &at, how) == 3) {
    kills.armed = 1; kills.op = op_named(call, strlen(call)); kills.at = at;
    kills.after = strcmp(how, "after") == 0; kills.half = strcmp(how, "half") == 0;
  }
  if ((text = getenv("FAULT_HANG")) != NULL && sscanf(text, "%31[^:]:%ld:%ld", call, &at, &hangs.seconds) == 3) {
    hangs.armed = 1; hangs.op = op_named(call, strlen(call)); hangs.at = at;
  }
  if ((text = getenv("FAULT_FAIL")) != NULL && sscanf(text, "%31[^:]:%ld:%d:%15s", call, &at, &number, how) == 4) {
    fails.armed = 1; fails.op = op_named(call, strlen(call)); fails.at = at;
    fails.number = number; fails.on = strcmp(how, "on") == 0;
  }
}

static void tell(void) {
  if (told[0] == 0) return;
  int fd = syscall(SYS_openat, AT_FDCWD, told, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (fd >= 0) syscall(SYS_close, fd);
}

static void die(void) {
  tell();
  syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
  for (;;) syscall(SYS_pause);
}

/* Counts a call. Returns 1 when it is to fail (errno is set); *kill_after and *kill_half say what comes later. */
static int counted(int op, int changes, int *kill_after, int *kill_half) {
  *kill_after = *kill_half = 0;
  if (!kills.armed && !fails.armed && !hangs.armed) return 0;
  long mine = atomic_fetch_add(&counts[op], 1) + 1;
  long all = changes ? atomic_fetch_add(&any_count, 1) + 1 : 0;
  if (kills.armed && ((kills.op == op && mine == kills.at) || (kills.op == 0 && all == kills.at))) {
    if (kills.after) *kill_after = 1;
    else if (kills.half) *kill_half = 1;
    else die();
  }
  if (hangs.armed && ((hangs.op == op && mine == hangs.at) || (hangs.op == 0 && all == hangs.at))) {
    tell();
    struct timespec t = {hangs.seconds, 0};
    syscall(SYS_nanosleep, &t, NULL);
  }
  if (fails.armed) {
    long now = fails.op == op ? mine : fails.op == 0 ? all : 0;
    if (now == fails.at || (fails.on && now > fails.at)) {
      tell();
      errno = fails.number;
      return 1;
    }
  }
  return 0;
}

static void note(int op, uint64_t ino, uint64_t offset, uint64_t length, int error, uint32_t flags, const char *path,
                 const char *other, const struct iovec *data, int parts) {
  if (log_fd < 0) return;
  struct iovec iov[1 + 2 + 1024];
  struct event e = {0x544c4146, 0, op, syscall(SYS_getpid), syscall(SYS_gettid), error, ino, offset, length, flags,
                    path ? strlen(path) : 0, other ? strlen(other) : 0};
  int n = 0;
  iov[n++] = (struct iovec){&e, sizeof e};
  if (e.path_bytes) iov[n++] = (struct iovec){(void *)path, e.path_bytes};
  if (e.other_bytes) iov[n++] = (struct iovec){(void *)other, e.other_bytes};
  uint64_t left = data ? length : 0;
  e.bytes = sizeof e + e.path_bytes + e.other_bytes + left;
  for (int i = 0; i < parts && left > 0 && n < 1027; i++) {
    size_t take = data[i].iov_len < left ? data[i].iov_len : left;
    iov[n++] = (struct iovec){data[i].iov_base, take};
    left -= take;
  }
  int saved = errno;
  long total = e.bytes;
  if (syscall(SYS_writev, log_fd, iov, n) != total) abort();
  errno = saved;
}

/* The absolute path that a call means, without links to open folders; NULL when it is not below the root. */
static const char *tracked(int dirfd, const char *path, char *into) {
  if (root_bytes == 0 || path == NULL || *path == 0) return NULL;
  char raw[PATH_MAX];
  if (path[0] == '/') snprintf(raw, sizeof raw, "%s", path);
  else {
    char base[PATH_MAX], link[64];
    long got;
    if (dirfd == AT_FDCWD) got = syscall(SYS_getcwd, base, sizeof base) > 0 ? (long)strlen(base) : -1;
    else {
      snprintf(link, sizeof link, "/proc/self/fd/%d", dirfd);
      got = syscall(SYS_readlinkat, AT_FDCWD, link, base, sizeof base - 1);
    }
    if (got <= 0) return NULL;
    base[got] = 0;
    snprintf(raw, sizeof raw, "%s/%s", base, path);
  }
  if (strncmp(raw, "/proc/self/fd/", 14) == 0) {
    char *rest = strchr(raw + 14, '/'), base[PATH_MAX];
    if (rest == NULL) return NULL;
    *rest = 0;
    long got = syscall(SYS_readlinkat, AT_FDCWD, raw, base, sizeof base - 1);
    if (got <= 0) return NULL;
    base[got] = 0;
    char joined[2 * PATH_MAX];
    if (snprintf(joined, sizeof joined, "%s/%s", base, rest + 1) >= PATH_MAX) return NULL;
    memcpy(raw, joined, strlen(joined) + 1);
  }
  /* Normalised in place: no ".", "..", "//". */
  char *out = into;
  const char *in = raw;
  while (*in) {
    while (*in == '/') in++;
    const char *end = strchrnul(in, '/');
    size_t n = end - in;
    if (n == 2 && in[0] == '.' && in[1] == '.') { while (out > into && *--out != '/') continue; }
    else if (n > 0 && !(n == 1 && in[0] == '.')) { *out++ = '/'; memcpy(out, in, n); out += n; }
    in = end;
  }
  *out = 0;
  if (strncmp(into, root, root_bytes) != 0 || (into[root_bytes] != '/' && into[root_bytes] != 0)) return NULL;
  return into;
}

static int is_known(int fd, int regular) {
  if (fd < 0 || fd >= FDS || !fds[fd].tracked) return 0;
  struct stat s;
  if (syscall(SYS_fstat, fd, &s) != 0) return 0;
  if (s.st_ino != fds[fd].ino || s.st_dev != fds[fd].dev) { fds[fd].tracked = 0; return 0; }
  return !regular || S_ISREG(s.st_mode);
}

static int ends_with(const char *path, const char *end) {
  size_t n = strlen(path), m = strlen(end);
  return n >= m && strcmp(path + n - m, end) == 0;
}

static int is_lmdb(const char *path) {
  return ends_with(path, ".mdb") || ends_with(path, ".lmdb") || ends_with(path, ".mdb-lock") || ends_with(path, ".lmdb-lock");
}

static int open_at(int dirfd, const char *path, int flags, mode_t mode) {
  char full[PATH_MAX];
  if (boot[0] && path && strcmp(path, "/proc/sys/kernel/random/boot_id") == 0)
    return syscall(SYS_openat, AT_FDCWD, boot, flags, mode);
  const char *at = tracked(dirfd, path, full);
  if (at == NULL) return syscall(SYS_openat, dirfd, path, flags, mode);
  struct stat s;
  int existed = syscall(SYS_newfstatat, AT_FDCWD, at, &s, AT_SYMLINK_NOFOLLOW) == 0;
  int after, half, unused;
  int creates = (flags & O_CREAT) && !existed;
  /* lmdb-js ends the process when LMDB cannot open its files, which Sitepair has opened just before: only that one may fail. */
  int lmdb = is_lmdb(at) && (flags & O_APPEND) == 0;
  if (!lmdb && counted(op_open, 0, &after, &unused)) return -1;
  if (creates && counted(op_create, 1, &after, &half)) return -1;
  int fd = syscall(SYS_openat, dirfd, path, flags, mode);
  if (creates && (after || half)) die();
  if (fd < 0 || fd >= FDS) return fd;
  if (syscall(SYS_fstat, fd, &s) != 0) return fd;
  fds[fd].ino = s.st_ino;
  fds[fd].dev = s.st_dev;
  fds[fd].dsync = (flags & O_DSYNC) != 0;
  fds[fd].tracked = 1;
  fds[fd].lmdb = is_lmdb(at);
  int trunc = existed && (flags & O_TRUNC) && (flags & O_ACCMODE) != O_RDONLY;
  note(op_open, s.st_ino, 0, s.st_size, 0, (creates ? 1 : 0) | (trunc ? 2 : 0) | (S_ISDIR(s.st_mode) ? 4 : 0), at, NULL, NULL, 0);
  return fd;
}

static mode_t mode_of(int flags, va_list args) {
  return (flags & (O_CREAT | O_TMPFILE)) ? va_arg(args, mode_t) : 0;
}
#define MODE(flags) mode_t mode; do { va_list args; va_start(args, flags); mode = mode_of(flags, args); va_end(args); } while (0)

int open(const char *path, int flags, ...) { MODE(flags); return open_at(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags); return open_at(AT_FDCWD, path, flags | O_LARGEFILE, mode); }
int openat(int fd, const char *path, int flags, ...) { MODE(flags); return open_at(fd, path, flags, mode); }
int openat64(int fd, const char *path, int flags, ...) { MODE(flags); return open_at(fd, path, flags, mode); }
int creat(const char *path, mode_t mode) { return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

static ssize_t write_op(int op, int fd, const struct iovec *iov, int n, off_t offset, int positional) {
  if (!is_known(fd, 1))
    return positional ? syscall(SYS_pwritev, fd, iov, n, offset, 0) : syscall(SYS_writev, fd, iov, n);
  int after, half;
  if (counted(op, 1, &after, &half)) return -1;
  if (half) {
    struct iovec part = {iov[0].iov_base, iov[0].iov_len / 2};
    if (positional) syscall(SYS_pwritev, fd, &part, 1, offset, 0); else syscall(SYS_writev, fd, &part, 1);
    die();
  }
  ssize_t done = positional ? syscall(SYS_pwritev, fd, iov, n, offset, 0) : syscall(SYS_writev, fd, iov, n);
  if (after) die();
  if (done > 0 && log_fd >= 0) {
    uint64_t at = positional ? (uint64_t)offset : (uint64_t)syscall(SYS_lseek, fd, 0, SEEK_CUR) - done;
    int dsync = (syscall(SYS_fcntl, fd, F_GETFL) & O_DSYNC) != 0;
    note(op, fds[fd].ino, at, done, 0, dsync ? 8 : 0, NULL, NULL, iov, n);
  }
  return done;
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t at) {
  struct iovec iov = {(void *)data, length};
  return write_op(op_pwrite, fd, &iov, 1, at, 1);
}
ssize_t pwrite64(int fd, const void *data, size_t length, off64_t at) { return pwrite(fd, data, length, at); }
ssize_t pwritev(int fd, const struct iovec *iov, int n, off_t at) { return write_op(op_pwritev, fd, iov, n, at, 1); }
ssize_t pwritev64(int fd, const struct iovec *iov, int n, off64_t at) { return write_op(op_pwritev, fd, iov, n, at, 1); }
ssize_t pwritev2(int fd, const struct iovec *iov, int n, off_t at, int flags) {
  (void)flags;
  return at == -1 ? write_op(op_writev, fd, iov, n, 0, 0) : write_op(op_pwritev, fd, iov, n, at, 1);
}
ssize_t writev(int fd, const struct iovec *iov, int n) {
  if (fd >= 0 && fd < FDS && fds[fd].tracked) return write_op(op_writev, fd, iov, n, 0, 0);
  return syscall(SYS_writev, fd, iov, n);
}
ssize_t write(int fd, const void *data, size_t length) {
  if (fd < 0 || fd >= FDS || !fds[fd].tracked) return syscall(SYS_write, fd, data, length);
  struct iovec iov = {(void *)data, length};
  return write_op(op_write, fd, &iov, 1, 0, 0);
}

static ssize_t reading(int fd, ssize_t (*read_now)(int, const struct iovec *, int, off_t, int), const struct iovec *iov, int n, off_t at, int how) {
  int after, half;
  /* lmdb-js ends the process when LMDB cannot read the head of its file, which Sitepair has read just before. */
  int heads = how && fds[fd >= 0 && fd < FDS ? fd : 0].lmdb;
  if ((fails.armed || hangs.armed || log_reads) && !heads && is_known(fd, 1)) {
    if (log_reads) note(op_read, fds[fd].ino, 0, 0, 0, 0, NULL, NULL, NULL, 0);
    if (counted(op_read, 0, &after, &half)) return -1;
  }
  return read_now(fd, iov, n, at, how);
}
static ssize_t read_now(int fd, const struct iovec *iov, int n, off_t at, int positional) {
  if (n == 1 && !positional) return syscall(SYS_read, fd, iov[0].iov_base, iov[0].iov_len);
  if (n == 1) return syscall(SYS_pread64, fd, iov[0].iov_base, iov[0].iov_len, at);
  return positional ? syscall(SYS_preadv, fd, iov, n, at, 0) : syscall(SYS_readv, fd, iov, n);
}
ssize_t read(int fd, void *data, size_t length) { struct iovec iov = {data, length}; return reading(fd, read_now, &iov, 1, 0, 0); }
ssize_t pread(int fd, void *data, size_t length, off_t at) { struct iovec iov = {data, length}; return reading(fd, read_now, &iov, 1, at, 1); }
ssize_t pread64(int fd, void *data, size_t length, off64_t at) { return pread(fd, data, length, at); }
ssize_t readv(int fd, const struct iovec *iov, int n) { return reading(fd, read_now, iov, n, 0, 0); }
ssize_t preadv(int fd, const struct iovec *iov, int n, off_t at) { return reading(fd, read_now, iov, n, at, 1); }
ssize_t preadv64(int fd, const struct iovec *iov, int n, off64_t at) { return preadv(fd, iov, n, at); }

static int truncating(int fd, off_t length) {
  if (!is_known(fd, 1)) return syscall(SYS_ftruncate, fd, length);
  int after, half;
  if (counted(op_ftruncate, 1, &after, &half)) return -1;
  int result = syscall(SYS_ftruncate, fd, length);
  if (after || half) die();
  if (result == 0) note(op_ftruncate, fds[fd].ino, 0, length, 0, 0, NULL, NULL, NULL, 0);
  return result;
}
int ftruncate(int fd, off_t length) { return truncating(fd, length); }
int ftruncate64(int fd, off64_t length) { return truncating(fd, length); }
int truncate(const char *path, off_t length) {
  int fd = open_at(AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0);
  if (fd < 0) return -1;
  int result = truncating(fd, length), saved = errno;
  syscall(SYS_close, fd);
  errno = saved;
  return result;
}
int truncate64(const char *path, off64_t length) { return truncate(path, length); }
int fallocate(int fd, int mode, off_t offset, off_t length) {
  int result = syscall(SYS_fallocate, fd, mode, offset, length);
  if (result == 0 && is_known(fd, 1)) note(op_fallocate, fds[fd].ino, offset, length, 0, mode, NULL, NULL, NULL, 0);
  return result;
}
int fallocate64(int fd, int mode, off64_t offset, off64_t length) { return fallocate(fd, mode, offset, length); }
int posix_fallocate(int fd, off_t offset, off_t length) { return fallocate(fd, 0, offset, length) == 0 ? 0 : errno; }
int posix_fallocate64(int fd, off64_t offset, off64_t length) { return posix_fallocate(fd, offset, length); }

/* A call on one name or two. */
static int named(int op, int dirfd, const char *path, int otherfd, const char *other, long number, long a3, long a4) {
  char full[PATH_MAX], otherfull[PATH_MAX];
  const char *at = tracked(dirfd, path, full), *to = other ? tracked(otherfd, other, otherfull) : NULL;
  int after = 0, half = 0;
  if ((at || to) && counted(op, 1, &after, &half)) return -1;
  long result = other ? syscall(number, dirfd, path, otherfd, other, a3) : syscall(number, dirfd, path, a3, a4);
  if (after || half) die();
  if ((at || to) && result == 0) note(op, 0, 0, 0, 0, 0, at ? at : path, to ? to : other, NULL, 0);
  return result;
}
int rename(const char *a, const char *b) { return named(op_rename, AT_FDCWD, a, AT_FDCWD, b, SYS_renameat2, 0, 0); }
int renameat(int x, const char *a, int y, const char *b) { return named(op_rename, x, a, y, b, SYS_renameat2, 0, 0); }
int renameat2(int x, const char *a, int y, const char *b, unsigned flags) { return named(op_rename, x, a, y, b, SYS_renameat2, flags, 0); }
int link(const char *a, const char *b) { return named(op_link, AT_FDCWD, a, AT_FDCWD, b, SYS_linkat, 0, 0); }
int linkat(int x, const char *a, int y, const char *b, int flags) { return named(op_link, x, a, y, b, SYS_linkat, flags, 0); }
int unlinkat(int fd, const char *path, int flags) { return named(flags & AT_REMOVEDIR ? op_rmdir : op_unlink, fd, path, 0, NULL, SYS_unlinkat, flags, 0); }
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
int remove(const char *path) {
  if (unlink(path) == 0) return 0;
  return errno == EISDIR || errno == EPERM ? rmdir(path) : -1;
}
int mkdirat(int fd, const char *path, mode_t mode) { return named(op_mkdir, fd, path, 0, NULL, SYS_mkdirat, mode, 0); }
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

static int syncing(int op, int fd, long number) {
  if (!is_known(fd, 0)) return syscall(number, fd);
  int after, half;
  uint64_t turn = atomic_fetch_add(&next_sync, 1), ino = fds[fd].ino;
  note(op, ino, turn, 0, 0, 0, NULL, NULL, NULL, 0);
  int failed = counted(op, 1, &after, &half), result = 0;
  if (failed) result = -1;
  else if (half) die();
  else if (sync_us < 0) result = syscall(number, fd);
  else if (sync_us > 0) {
    struct timespec t = {sync_us / 1000000, sync_us % 1000000 * 1000};
    syscall(SYS_nanosleep, &t, NULL);
  }
  if (after) die();
  note(op_synced, ino, turn, 0, result == 0 ? 0 : errno, 0, NULL, NULL, NULL, 0);
  return result;
}
int fsync(int fd) { return syncing(op_fsync, fd, SYS_fsync); }
int fdatasync(int fd) { return syncing(op_fdatasync, fd, SYS_fdatasync); }

/* What the model does not know is told, so that a test can fail on it. */
static void strange(int fd, const char *what) {
  if (is_known(fd, 1)) note(op_strange, fds[fd].ino, 0, 0, 0, 0, what, NULL, NULL, 0);
}
int sync_file_range(int fd, off64_t a, off64_t b, unsigned flags) {
  strange(fd, "sync_file_range");
  return syscall(SYS_sync_file_range, fd, a, b, flags);
}
ssize_t copy_file_range(int in, off64_t *a, int out, off64_t *b, size_t n, unsigned flags) {
  strange(out, "copy_file_range");
  return syscall(SYS_copy_file_range, in, a, out, b, n, flags);
}
ssize_t sendfile(int out, int in, off_t *at, size_t n) {
  strange(out, "sendfile");
  return syscall(SYS_sendfile, out, in, at, n);
}
ssize_t sendfile64(int out, int in, off64_t *at, size_t n) { return sendfile(out, in, at, n); }
int syncfs(int fd) { strange(fd, "syncfs"); return syscall(SYS_syncfs, fd); }

void *mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset) {
  void *result = (void *)syscall(SYS_mmap, at, length, protection, flags, fd, offset);
  if (fd >= 0 && (flags & MAP_SHARED) && (protection & PROT_WRITE) && is_known(fd, 1))
    note(op_mmap, fds[fd].ino, offset, length, 0, 0, NULL, NULL, NULL, 0);
  return result;
}
void *mmap64(void *at, size_t length, int protection, int flags, int fd, off64_t offset) {
  return mmap(at, length, protection, flags, fd, offset);
}
