import { type Keyring, keyringHash } from '#keys';
import type { KeyId } from '#model';
import { KeyBook } from '#records';
import { equalBytes } from '#runtime';
import type { Secrets } from './secrets.ts';

/** Which data keys every full member says that it holds; undefined while nothing is known beyond this site. */
export type AcceptableKeys = () => readonly KeyId[] | undefined;

/** The keyring in force, and the keys made ready from it. */
export class RealmKeys {
  readonly #secrets: Secrets;
  readonly #acceptable: AcceptableKeys;
  #keyring: Keyring;
  #book: KeyBook;

  constructor(secrets: Secrets, acceptable: AcceptableKeys) {
    this.#secrets = secrets;
    this.#acceptable = acceptable;
    this.#keyring = secrets.readKeyring();
    this.#book = this.#makeBook();
  }

  get keyring(): Keyring {
    return this.#keyring;
  }

  get book(): KeyBook {
    return this.#book;
  }

  /** Keeps another version, durably and beside the data, before anything is sealed under it. False when it is the same. */
  change(keyring: Keyring): boolean {
    if (equalBytes(keyringHash(keyring), keyringHash(this.#keyring))) return false;
    this.#secrets.writeKeyring(keyring);
    this.#keyring = keyring;
    this.refresh();
    return true;
  }

  /** Chooses the sealing key again: other members may have said by now that they hold a newer one. */
  refresh(): void {
    this.#book = this.#makeBook();
  }

  /** When the words of the members have no key in common, the newest of all seals: what somebody logs stops no backup. */
  #makeBook(): KeyBook {
    const acceptable = this.#acceptable();
    return new KeyBook(this.#keyring, acceptable?.length === 0 ? undefined : acceptable);
  }
}
