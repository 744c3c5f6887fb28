import { createRecordNamer, type Keyring, newestDataKey, type RecordNamer } from '#keys';
import type { DomainId, KeyId } from '#model';
import { AppError, toHex } from '#runtime';

/** A data key that may seal now. */
export interface SealingKey {
  readonly keyId: KeyId;
  readonly key: Uint8Array;
}

/** The keys of a keyring, ready for bulk use: names by domain, data keys by id. Make a new one when the keyring changes. */
export class KeyBook {
  readonly sealingKey: SealingKey;
  readonly #namers = new Map<string, RecordNamer>();
  readonly #dataKeys = new Map<string, Uint8Array>();

  /** `acceptableKeyIds`: the data keys that every member holds; the newest of them seals. */
  constructor(keyring: Keyring, acceptableKeyIds?: Iterable<KeyId>) {
    for (const domain of keyring.domains) this.#namers.set(toHex(domain.domainId), createRecordNamer(domain.idKey));
    for (const dataKey of keyring.dataKeys) this.#dataKeys.set(toHex(dataKey.keyId), dataKey.key);
    const newest = newestDataKey(keyring, acceptableKeyIds);
    if (newest === undefined) throw keyMissing('a data key that may seal');
    this.sealingKey = { keyId: newest.keyId, key: newest.key };
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
