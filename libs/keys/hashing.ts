import { createHash, createHmac, hkdfSync } from 'node:crypto';
import { assert } from '#runtime';

/** SHA-256 of the parts, one after the other: 32 bytes. */
export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

/** HMAC-SHA-256 of the parts, one after the other: 32 bytes. */
export function hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const mac = createHmac('sha256', key);
  for (const part of parts) mac.update(part);
  return new Uint8Array(mac.digest());
}

/** HKDF-SHA256 (RFC 5869) of `secret` to `length` bytes; Node takes at most 1024 bytes of info. */
export function hkdfSha256(secret: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, salt, info, length));
}

/** Keeps uses of one key apart: the bytes of "sitepair PURPOSE v1" and a zero byte, before whatever is hashed or signed. */
export function purposeLabel(purpose: string): Uint8Array {
  assert(/^[a-z0-9][a-z0-9 -]{0,47}$/.test(purpose), `a purpose is short and plain: ${purpose}`);
  return new Uint8Array(Buffer.from(`sitepair ${purpose} v1\0`, 'latin1'));
}
