import { addressOf, Errno, libc, posixError, textAt } from './libc.ts';
import { data, putName, struct } from './native-arena.ts';

const namesMax = 10_000; // a file server's users; then the oldest answer makes room
// struct passwd (48 bytes) and struct group (32) both begin with the name's address and hold the number at 16.
const numberAt = 16;
const resultAt = 64;
// Directories list all members of a group with it: 60,000 names still fit.
const largeBytes = 1_048_576;

// What getpwnam(3) lists as ways of saying that there is no such name.
const meansUnknown: ReadonlySet<number> = new Set([Errno.ENOENT, Errno.ESRCH, Errno.EBADF, Errno.EPERM]);

// Made when first needed, kept since the answer lies in it after the call.
let large: Uint8Array | undefined;

type Lookup = (key: number, entry: number, buffer: number, size: number, result: number) => number;

/**
 * Names and numbers of users and groups as the machine itself sees them (NSS: files, LDAP, sssd; those may wait for the
 * network). Remembers up to 10,000 answers of each kind, also that there is none: make one for a job, not for a process.
 * All throw PosixError when the machine cannot tell.
 */
export class AccountNames {
  readonly #userNames = new Map<number, string | undefined>();
  readonly #groupNames = new Map<number, string | undefined>();
  readonly #userIds = new Map<string, number | undefined>();
  readonly #groupIds = new Map<string, number | undefined>();

  /** The name of user `uid`, undefined when there is none. */
  userName(uid: number): string | undefined {
    return remembered(this.#userNames, uid, () => find('getpwuid_r', libc.getpwuid, uid)?.name);
  }

  /** The name of group `gid`, undefined when there is none. */
  groupName(gid: number): string | undefined {
    return remembered(this.#groupNames, gid, () => find('getgrgid_r', libc.getgrgid, gid)?.name);
  }

  /** The number of the user called `name`, undefined when there is none. */
  userId(name: string): number | undefined {
    return remembered(this.#userIds, name, () => findByName('getpwnam_r', libc.getpwnam, name));
  }

  /** The number of the group called `name`, undefined when there is none. */
  groupId(name: string): number | undefined {
    return remembered(this.#groupIds, name, () => findByName('getgrnam_r', libc.getgrnam, name));
  }
}

function remembered<Key, Answer>(answers: Map<Key, Answer>, key: Key, look: () => Answer): Answer | undefined {
  if (answers.has(key)) return answers.get(key);
  const answer = look();
  if (answers.size >= namesMax) answers.delete(answers.keys().next().value as Key);
  answers.set(key, answer);
  return answer;
}

function findByName(syscall: string, lookup: Lookup, name: string): number | undefined {
  const bytes = Buffer.from(name);
  // Names from another machine's backup: what cannot be a name here is simply not known here.
  if (bytes.length === 0 || bytes.length > 1024 || bytes.includes(0)) return undefined;
  return find(syscall, lookup, putName(bytes))?.number;
}

function find(syscall: string, lookup: Lookup, key: number): { name: string; number: number } | undefined {
  const { view, address } = struct;
  let errno = lookup(key, address, data.address, data.length, address + resultAt);
  if (errno === Errno.ERANGE) {
    large ??= new Uint8Array(largeBytes);
    errno = lookup(key, address, addressOf(large), large.length, address + resultAt);
  }
  if (errno !== 0 && !meansUnknown.has(errno)) throw posixError(syscall, errno);
  if (errno !== 0 || view.getBigUint64(resultAt, true) === 0n) return undefined;
  return { name: textAt(view.getBigUint64(0, true)), number: view.getUint32(numberAt, true) };
}
