import { createRecordNamer, type Keyring, newestDataKey, type RecordNamer } from '#keys';
import type { DomainId, KeyId } from '#model';
import { AppError, toHex } from '#runtime';

/** A data key that may seal now. */
export interface SealingKey {
  readonly keyId: KeyId;
  readonly key: Uint8Array;
}

/**
 * The keys of a keyring, ready for bulk use: names by domain, data keys by id. When the keyring changes it is renewed, and
 * who works with it goes on with the new keys: nothing is ever sealed under a key that was current when the work began.
 */
export class KeyBook {
  #sealingKey: SealingKey;
  readonly #namers = new Map<string, RecordNamer>();
  readonly #dataKeys = new Map<string, Uint8Array>();

  /** `acceptableKeyIds`: the data keys that every member holds; the newest of them seals. */
  constructor(keyring: Keyring, acceptableKeyIds?: Iterable<KeyId>) {
    this.#sealingKey = this.#take(keyring, acceptableKeyIds);
  }

  /** The key that seals now: ask for each seal. */
  get sealingKey(): SealingKey {
    return this.#sealingKey;
  }

  /** Takes a newer version of the keyring. Keys are only ever added, so what was read before stays readable. */
  renew(keyring: Keyring, acceptableKeyIds?: Iterable<KeyId>): void {
    this.#sealingKey = this.#take(keyring, acceptableKeyIds);
  }

  #take(keyring: Keyring, acceptableKeyIds: Iterable<KeyId> | undefined): SealingKey {
    for (const { domainId, idKey } of keyring.domains) {
      const id = toHex(domainId);
      if (!this.#namers.has(id)) this.#namers.set(id, createRecordNamer(idKey));
    }
    for (const dataKey of keyring.dataKeys) this.#dataKeys.set(toHex(dataKey.keyId), dataKey.key);
    const newest = newestDataKey(keyring, acceptableKeyIds);
    if (newest === undefined) throw keyMissing('a data key that may seal');
    return { keyId: newest.keyId, key: newest.key };
  }

  /** Names contents in a domain. Throws AppError `key_missing` when the keyring lacks the domain. */
  namer(domainId: DomainId): RecordNamer {
    const namer = this.#namers.get(toHex(domainId));
    if (namer === undefined) throw keyMissing(`the keys of domain ${toHex(domainId)}`);
    return namer;
  }

  /** The data key of this id. Throws AppError `key_missing`. */
  dataKey(keyId: KeyId): Uint8Array {
    const key = this.#dataKeys.get(toHex(keyId));
    if (key === undefined) throw keyMissing(`data key ${toHex(keyId)}`);
    return key;
  }

  hasDomain(domainId: DomainId): boolean {
    return this.#namers.has(toHex(domainId));
  }
}

function keyMissing(what: string): AppError {
  return new AppError(`this site's keyring does not hold ${what}`, {
    code: 'key_missing',
    advice:
      'Connect to a full member of the realm so that the keyrings unite, or open the sealed keyring with a recovery kit.',
  });
}
