import { argon2 } from 'node:crypto';
import { promisify } from 'node:util';
import { assert, concatBytes, equalBytes, type Random, toHex } from '#runtime';
import { hkdfSha256, purposeLabel, sha256 } from './hashing.ts';
import type { KitId } from './ids.ts';
import { KeysError } from './keys-error.ts';
import { kitIdOf } from './kit-id.ts';
import { mlKemPublicOf, mlKemSeedBytes, x25519Bytes, x25519PublicOf } from './node-kem.ts';
import { type HandshakeKey, type SigningKey, signingKeyOf, signingSeedBytes } from './signing.ts';

export const kitSeedBytes = 32;

/** What the paper holds. */
export interface KitSeed {
  readonly seed: Uint8Array;
  readonly passphraseNeeded: boolean;
  /** Printed on a whole kit page only: tells a wrong passphrase at once. */
  readonly kitId?: KitId;
}

/** An opened kit. Keep it in memory only, and no longer than its work takes. */
export interface RecoveryKit {
  readonly kitId: KitId;
  readonly x25519: HandshakeKey;
  readonly mlKem: { readonly publicKey: Uint8Array; readonly seed: Uint8Array };
  /** For revocations, incarnations and a log's first entry. */
  readonly signing: SigningKey;
  /** 32 bytes that every peer keeps: a rebuilding site knocks under it. */
  readonly doorKey: Uint8Array;
}

/**
 * 64 MiB and 3 passes: RFC 9106's second recommendation, with one lane; 0.12 s. The seed alone has 256 bits: the
 * passphrase only has to hold back a finder of the paper.
 */
const argon2Cost = { memory: 64 * 1024, passes: 3, parallelism: 1, tagLength: 32 } as const;
const passphraseBytesMax = 1024;

const stretchAsync = promisify(argon2);

/** A new kit, to be printed and then forgotten. */
export function createKitSeed(random: Random, passphraseNeeded: boolean): KitSeed {
  return { seed: random.bytes(kitSeedBytes), passphraseNeeded };
}

/**
 * Derives a kit's keys. Throws KeysError: 'passphrase_needed', 'passphrase_not_needed', and 'passphrase_bad' for one that
 * is empty, above 1024 bytes or, where the kit's id is known, wrong. Without the id a wrong passphrase opens another
 * kit, which then fits no keyring.
 */
export async function openKit(kit: KitSeed, passphrase?: string): Promise<RecoveryKit> {
  assert(kit.seed.length === kitSeedBytes, 'a kit seed has 32 bytes');
  const opened = derive(concatBytes([kit.seed, await stretched(kit, passphrase)]));
  if (kit.kitId !== undefined && !equalBytes(kit.kitId, opened.kitId)) {
    if (kit.passphraseNeeded) throw badPassphrase('this is not the passphrase of this kit');
    const message = `the page says kit ${toHex(kit.kitId)}, but its secret is that of kit ${toHex(opened.kitId)}`;
    throw new KeysError('kit_unreadable', message, 'Compare the page with the paper: parts of two kits are mixed up.');
  }
  return opened;
}

/** What Argon2id makes of the passphrase; nothing for a kit without. */
async function stretched(kit: KitSeed, passphrase: string | undefined): Promise<Uint8Array> {
  if (!kit.passphraseNeeded) {
    if (passphrase === undefined) return new Uint8Array(0);
    const message = 'this kit has no passphrase';
    throw new KeysError(
      'passphrase_not_needed',
      message,
      'Leave the passphrase out, or take the kit that it belongs to.',
    );
  }
  if (passphrase === undefined) {
    throw new KeysError('passphrase_needed', 'this kit needs its passphrase', 'Give the passphrase, too.');
  }
  // One word typed on two keyboards may come composed or decomposed; NFKC makes it one.
  const message = Buffer.from(passphrase.normalize('NFKC'), 'utf8');
  if (message.length === 0) throw badPassphrase('a passphrase is not empty');
  if (message.length > passphraseBytesMax) throw badPassphrase(`a passphrase has at most ${passphraseBytesMax} bytes`);
  const nonce = sha256(purposeLabel('kit passphrase'), kit.seed).subarray(0, 16);
  return new Uint8Array(await stretchAsync('argon2id', { ...argon2Cost, message, nonce }));
}

function derive(secret: Uint8Array): RecoveryKit {
  const salt = purposeLabel('recovery kit');
  const part = (label: string, length: number) => hkdfSha256(secret, salt, Buffer.from(label, 'latin1'), length);
  const x25519Secret = part('x25519', x25519Bytes);
  const mlKemSeed = part('ml-kem-768', mlKemSeedBytes);
  const signing = signingKeyOf(part('ed25519', signingSeedBytes));
  const x25519Public = x25519PublicOf(x25519Secret);
  const mlKemPublic = mlKemPublicOf(mlKemSeed);
  return {
    kitId: kitIdOf({ x25519Public, mlKemPublic, signingPublic: signing.publicKey }),
    x25519: { publicKey: x25519Public, secretKey: x25519Secret },
    mlKem: { publicKey: mlKemPublic, seed: mlKemSeed },
    signing,
    doorKey: part('door', 32),
  };
}

function badPassphrase(message: string): KeysError {
  return new KeysError(
    'passphrase_bad',
    message,
    'Type the passphrase again; mind capital letters and the keyboard layout.',
  );
}
