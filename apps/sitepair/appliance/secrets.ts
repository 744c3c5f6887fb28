import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  decodeIdentity,
  decodeKeyring,
  encodeIdentity,
  encodeKeyring,
  type Keyring,
  type KeyringKit,
  kitIdsOfSealedKeyring,
  type SiteIdentity,
  sealKeyring,
} from '#keys';
import { concatBytes, type Random, toHex, writeFileDurably } from '#runtime';
import type { StatePaths } from './state-folder.ts';

/** What an appliance needs to work without anybody's kit: readable by its own user only. */
export class Secrets {
  readonly #paths: StatePaths;
  readonly #random: Random;
  #sealedTo: string | undefined;

  constructor(paths: StatePaths, random: Random) {
    this.#paths = paths;
    this.#random = random;
  }

  readIdentity(): SiteIdentity {
    return decodeIdentity(readFileSync(join(this.#paths.secret, 'identity')));
  }

  writeIdentity(identity: SiteIdentity): void {
    writeFileDurably(join(this.#paths.secret, 'identity'), encodeIdentity(identity));
  }

  readKeyring(): Keyring {
    return decodeKeyring(readFileSync(join(this.#paths.secret, 'keyring')));
  }

  /**
   * Keeps a new version of the keyring. The copy sealed to the kits goes beside the data first: nothing may ever be sealed
   * under a key that only this machine's secret folder holds.
   */
  writeKeyring(keyring: Keyring, isFor?: (kit: KeyringKit) => boolean): void {
    const sealed = sealKeyring(keyring, this.#random, isFor);
    writeFileDurably(this.#paths.sealedKeyring, sealed);
    writeFileDurably(join(this.#paths.secret, 'keyring'), encodeKeyring(keyring));
    this.#sealedTo = kitsOf(sealed);
  }

  /** The ids of the kits that open the copy beside the data, by ascending id; empty when there is none. */
  sealedTo(): string {
    if (!existsSync(this.#paths.sealedKeyring)) return '';
    this.#sealedTo ??= kitsOf(readFileSync(this.#paths.sealedKeyring));
    return this.#sealedTo;
  }

  /** The kit that opens this site's doors at its peers; undefined for a site that was made without one. */
  readDoor(): DoorKit | undefined {
    const file = join(this.#paths.secret, 'door');
    if (!existsSync(file)) return undefined;
    const bytes = new Uint8Array(readFileSync(file));
    return { doorKey: bytes.slice(0, doorKeyBytes), kitId: bytes.slice(doorKeyBytes) };
  }

  /** Key and kit change in one step: whoever knocks with the one is looked up by the other. */
  writeDoor({ doorKey, kitId }: DoorKit): void {
    writeFileDurably(join(this.#paths.secret, 'door'), concatBytes([doorKey, kitId]));
  }
}

/** What this site's next incarnation will knock with. */
export interface DoorKit {
  readonly doorKey: Uint8Array;
  readonly kitId: Uint8Array;
}

const doorKeyBytes = 32;

function kitsOf(sealed: Uint8Array): string {
  return kitIdsOfSealedKeyring(sealed).map(toHex).join();
}
