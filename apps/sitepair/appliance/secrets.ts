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
import {
  AppError,
  concatBytes,
  equalBytes,
  isAppError,
  type Random,
  readingState,
  systemCode,
  toHex,
  writeFileDurably,
} from '#runtime';
import { sha256 } from '#wire';
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
    return decodeIdentity(readSecret(join(this.#paths.secret, 'identity')));
  }

  writeIdentity(identity: SiteIdentity): void {
    writeFileDurably(join(this.#paths.secret, 'identity'), encodeIdentity(identity));
  }

  readKeyring(): Keyring {
    return decodeKeyring(readSecret(join(this.#paths.secret, 'keyring')));
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

  /** The keyring as it is sealed to the kits: what lies beside the data, and what blind peers keep. */
  readSealedKeyring(): Uint8Array {
    const file = this.#paths.sealedKeyring;
    return readingState(file, () => readFileSync(file));
  }

  /** The ids of the kits that open the copy beside the data, by ascending id; empty when there is none, or no good one. */
  sealedTo(): string {
    if (!existsSync(this.#paths.sealedKeyring)) return '';
    this.#sealedTo ??= kitsOfGood(this.readSealedKeyring());
    return this.#sealedTo;
  }

  /**
   * The kit that opens this site's doors at its peers; undefined for a site that was made without one, and when the file is
   * not what was written: no peer may be given a key that no kit has.
   */
  readDoor(): DoorKit | undefined {
    const file = join(this.#paths.secret, 'door');
    if (!existsSync(file)) return undefined;
    const bytes = new Uint8Array(readingState(file, () => readFileSync(file)));
    const whole = bytes.subarray(0, doorKeyBytes + kitIdBytes);
    // A file of an earlier version has no check.
    const isGood = equalBytes(bytes.subarray(whole.length), doorCheck(whole)) || bytes.length === whole.length;
    if (whole.length !== doorKeyBytes + kitIdBytes || !isGood) return undefined;
    return { doorKey: whole.slice(0, doorKeyBytes), kitId: whole.slice(doorKeyBytes) };
  }

  /** Key and kit change in one step: whoever knocks with the one is looked up by the other. */
  writeDoor({ doorKey, kitId }: DoorKit): void {
    const whole = concatBytes([doorKey, kitId]);
    writeFileDurably(join(this.#paths.secret, 'door'), concatBytes([whole, doorCheck(whole)]));
  }
}

/** What this site's next incarnation will knock with. */
export interface DoorKit {
  readonly doorKey: Uint8Array;
  readonly kitId: Uint8Array;
}

const doorKeyBytes = 32;
const kitIdBytes = 8;
const doorCheckBytes = 16;

function doorCheck(whole: Uint8Array): Uint8Array {
  return sha256(whole).subarray(0, doorCheckBytes);
}

function kitsOf(sealed: Uint8Array): string {
  return kitIdsOfSealedKeyring(sealed).map(toHex).join();
}

/** Without these files nothing starts; where they are gone, only the recovery kit brings them back. */
function readSecret(path: string): Uint8Array {
  try {
    return readingState(path, () => readFileSync(path));
  } catch (cause) {
    if (systemCode(cause) !== 'ENOENT') throw cause;
    throw new AppError(`${path} is gone`, {
      code: 'state_damaged',
      advice:
        'Restore this file from a copy of the state folder, or rebuild the site from a peer ("sitepair rebuild --help").',
      cause,
    });
  }
}

/** A copy that is damaged is sealed to nobody: whoever asks makes it anew, since the keyring itself is at hand. */
function kitsOfGood(sealed: Uint8Array): string {
  try {
    return kitsOf(sealed);
  } catch (error) {
    if (isAppError(error, 'keyring_damaged')) return '';
    throw error;
  }
}
