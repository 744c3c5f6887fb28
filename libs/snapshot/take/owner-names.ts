import { AccountNames, isPosixError } from '#posix';

const none = new Uint8Array(0);

/** Names of owners as bytes, each looked up once; empty when the machine knows none, or cannot tell. */
export class OwnerNames {
  readonly #accounts = new AccountNames();
  readonly #users = new Map<number, Uint8Array>();
  readonly #groups = new Map<number, Uint8Array>();
  readonly #onFailure: (what: string) => void;

  /** `onFailure` hears when the directory service does not answer: numbers are kept, names are not. */
  constructor(onFailure: (what: string) => void) {
    this.#onFailure = onFailure;
  }

  user(uid: number): Uint8Array {
    return this.#remembered(this.#users, uid, (id) => this.#accounts.userName(id));
  }

  group(gid: number): Uint8Array {
    return this.#remembered(this.#groups, gid, (id) => this.#accounts.groupName(id));
  }

  #remembered(names: Map<number, Uint8Array>, id: number, look: (id: number) => string | undefined): Uint8Array {
    const known = names.get(id);
    if (known !== undefined) return known;
    let name: Uint8Array = none;
    try {
      name = Buffer.from(look(id) ?? '');
    } catch (error) {
      if (!isPosixError(error)) throw error;
      this.#onFailure(error.message);
    }
    names.set(id, name);
    return name;
  }
}
