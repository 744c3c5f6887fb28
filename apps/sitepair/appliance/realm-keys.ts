import { believedPart, type Keyring, keyringHash, kitsInForce, type SignedBySite, uniteKeyrings } from '#keys';
import type { KeyId, RealmId, SiteId } from '#model';
import { KeyBook } from '#records';
import { equalBytes, toHex } from '#runtime';
import type { Secrets } from './secrets.ts';

/** What the catalog decides about keys. */
export interface KeyAuthority {
  /** Which data keys may seal, as far as the members have said; undefined while nothing is known beyond this site. */
  acceptableKeys(): readonly KeyId[] | undefined;
  /** True for what is signed by the key that speaks for its site now, by a site that was not removed. */
  believes(signed: SignedBySite): boolean;
  /** True for a site that was removed: from then on nothing is sealed to its kits. */
  isRemoved(siteId: SiteId): boolean;
}

/** Until the catalog can be asked: nothing new is believed, and nothing is taken away. */
export const noAuthority: KeyAuthority = {
  acceptableKeys: () => undefined,
  believes: () => false,
  isRemoved: () => false,
};

const noKits = { kits: [], kitVoids: [] };

/** The keyring in force, and the keys made ready from it. */
export class RealmKeys {
  /** The keys made ready: one object for good, so that whoever seals for hours seals with the newest key all the time. */
  readonly book: KeyBook;
  readonly #secrets: Secrets;
  readonly #authority: () => KeyAuthority;
  #keyring: Keyring;
  /** Words of sites that are not known well enough to be believed: their logs may be on the way. */
  #waiting: Pick<Keyring, 'kits' | 'kitVoids'> = noKits;
  #onChange: () => void = () => undefined;

  constructor(secrets: Secrets, authority: () => KeyAuthority) {
    this.#secrets = secrets;
    this.#authority = authority;
    this.#keyring = secrets.readKeyring();
    this.book = new KeyBook(this.#keyring, this.#acceptable());
  }

  get keyring(): Keyring {
    return this.#keyring;
  }

  /** Who is told when the keyring has changed: entries may be readable now that were not. */
  whenChanged(listener: () => void): void {
    this.#onChange = listener;
  }

  /** Keeps another version, durably and beside the data, before anything is sealed under it. False when it is the same. */
  change(keyring: Keyring): boolean {
    if (equalBytes(keyringHash(keyring), keyringHash(this.#keyring))) return false;
    this.#secrets.writeKeyring(keyring, this.#mayOpen);
    this.#keyring = keyring;
    this.book.renew(keyring, this.#acceptable());
    this.#onChange();
    return true;
  }

  /**
   * Unites with a keyring that a peer has sent; of what it says about kits only what is believed, the rest waits until more
   * is known of its site. `stays` as uniteKeyrings has it. False when nothing changed.
   */
  unite(theirs: Keyring, stays?: RealmId): boolean {
    const { part, leftOut } = believedPart(this.#keyring, theirs, (signed) => this.#authority().believes(signed));
    this.#waiting = leftOut;
    return this.change(uniteKeyrings(this.#keyring, part, stays));
  }

  /**
   * Looks again at everything that the catalog decides: which key seals, whose kits are believed, whose open nothing any
   * more. True when the keyring or what it is sealed to is another now: peers are to be told.
   */
  refresh(): boolean {
    this.book.renew(this.#keyring, this.#acceptable());
    const { kits, kitVoids } = this.#waiting;
    const changed = kits.length + kitVoids.length > 0 && this.unite({ ...this.#keyring, kits, kitVoids });
    if (changed) return true;
    const wanted = kitsInForce(this.#keyring).filter(this.#mayOpen);
    const sealed = this.#secrets.sealedTo();
    if (wanted.map((kit) => toHex(kit.kitId)).join() === sealed) return false;
    this.#secrets.writeKeyring(this.#keyring, this.#mayOpen);
    return true;
  }

  readonly #mayOpen = ({ siteId }: { readonly siteId: SiteId }): boolean => !this.#authority().isRemoved(siteId);

  /** When the words of the members have no key in common, the newest of all seals: what somebody logs stops no backup. */
  #acceptable(): readonly KeyId[] | undefined {
    const acceptable = this.#authority().acceptableKeys();
    return acceptable?.length === 0 ? undefined : acceptable;
  }
}
