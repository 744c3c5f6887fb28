import type { Entry } from '#model';
import { AccountNames, effectiveUser } from '#posix';
import type { OwnerPolicy } from './restore-options.ts';

export interface OwnerIds {
  readonly uid: number;
  readonly gid: number;
}

/** Whom restored files belong to. */
export class OwnerChoice {
  readonly #policy: OwnerPolicy;
  readonly #accounts = new AccountNames();
  readonly #me = effectiveUser();

  constructor(policy: OwnerPolicy) {
    this.#policy = policy;
  }

  /** Whose the entry should be; undefined: whoever restores it. */
  wanted(entry: Entry): OwnerIds | undefined {
    if (this.#policy === 'none') return undefined;
    if (this.#policy === 'numbers') return { uid: entry.uid, gid: entry.gid };
    const user = textOfName(entry.user);
    const group = textOfName(entry.group);
    const uid = user === undefined ? undefined : this.#accounts.userId(user);
    const gid = group === undefined ? undefined : this.#accounts.groupId(group);
    return { uid: uid ?? entry.uid, gid: gid ?? entry.gid };
  }

  /** True when this process may set that: root anything, others their own groups. */
  maySet(wanted: OwnerIds): boolean {
    if (this.#me.uid === 0) return true;
    return wanted.uid === this.#me.uid && process.getgroups?.().includes(wanted.gid) === true;
  }

  /** True when a file made by this process belongs to `wanted` anyway. */
  isMine(wanted: OwnerIds): boolean {
    return wanted.uid === this.#me.uid && wanted.gid === this.#me.gid;
  }
}

function textOfName(name: Uint8Array): string | undefined {
  return name.length === 0 ? undefined : Buffer.from(name).toString();
}
