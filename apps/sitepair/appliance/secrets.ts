import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  decodeIdentity,
  decodeKeyring,
  encodeIdentity,
  encodeKeyring,
  type Keyring,
  type SiteIdentity,
  sealKeyring,
} from '#keys';
import { type Random, writeFileDurably } from '#runtime';
import type { StatePaths } from './state-folder.ts';

/** What an appliance needs to work without anybody's kit: readable by its own user only. */
export class Secrets {
  readonly #paths: StatePaths;
  readonly #random: Random;

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
  writeKeyring(keyring: Keyring): void {
    writeFileDurably(this.#paths.sealedKeyring, sealKeyring(keyring, this.#random));
    writeFileDurably(join(this.#paths.secret, 'keyring'), encodeKeyring(keyring));
  }

  /** The key under which this site's next incarnation will knock at its peers. */
  readDoorKey(): Uint8Array | undefined {
    const file = join(this.#paths.secret, 'door');
    return existsSync(file) ? new Uint8Array(readFileSync(file)) : undefined;
  }

  writeDoorKey(doorKey: Uint8Array): void {
    writeFileDurably(join(this.#paths.secret, 'door'), doorKey);
  }
}
