import { sha256 } from './hashing.ts';
import { type KitId, kitIdBytes, toKitId } from './ids.ts';

/** The three public keys of a recovery kit. */
export interface KitPublicHalves {
  readonly x25519Public: Uint8Array;
  readonly mlKemPublic: Uint8Array;
  readonly signingPublic: Uint8Array;
}

/** Their sizes in bytes (RFC 7748, FIPS 203 for ML-KEM-768, RFC 8032). */
export const kitPublicSizes = { x25519: 32, mlKem: 1184, ed25519: 32 } as const;

/** The first 8 bytes of SHA-256(X25519 ‖ ML-KEM-768 ‖ Ed25519 public key). */
export function kitIdOf(halves: KitPublicHalves): KitId {
  const hash = sha256(halves.x25519Public, halves.mlKemPublic, halves.signingPublic);
  return toKitId(hash.slice(0, kitIdBytes));
}
