import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { asId } from '#model';
import { concatBytes, equalBytes, toHex } from '#runtime';
import type { BodySealer, KitSigner, Signer, Verify } from '../ports.ts';

const privatePrefix = Buffer.from('302e020100300506032b657004220420', 'hex');
const publicPrefix = Buffer.from('302a300506032b6570032100', 'hex');
const publicKeys = new Map<string, KeyObject>();

/** 32 bytes that follow from a text: keys of tests are the same in every run. */
export function seedOf(text: string): Uint8Array {
  return new Uint8Array(createHash('sha256').update(text).digest());
}

export function testSigner(name: string): Signer {
  const key = createPrivateKey({ key: Buffer.concat([privatePrefix, seedOf(name)]), format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  return {
    publicKey: new Uint8Array(spki.subarray(publicPrefix.length)),
    sign: (purpose, bytes) => new Uint8Array(sign(null, labelled(purpose, bytes), key)),
  };
}

export function testKit(name: string): KitSigner {
  return { ...testSigner(`kit ${name}`), kitId: seedOf(`kit id ${name}`).slice(0, 8) };
}

export const testVerify: Verify = (publicKey, purpose, bytes, signature) => {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  const hex = toHex(publicKey);
  let key = publicKeys.get(hex);
  if (key === undefined) {
    key = createPublicKey({ key: Buffer.concat([publicPrefix, publicKey]), format: 'der', type: 'spki' });
    publicKeys.set(hex, key);
  }
  return verify(null, labelled(purpose, bytes), key, signature);
};

/** Seals under the key of this name; nonces count up, so that runs repeat. */
export function testSealer(keyName: string): BodySealer {
  const keyId = asId('KeyId', seedOf(`id ${keyName}`).slice(0, 8));
  const key = seedOf(`key ${keyName}`);
  let count = 0;
  return {
    seal(plain, aad) {
      const nonce = Buffer.alloc(24);
      nonce.writeUInt32LE(count++, 0);
      nonce.set(createHash('sha256').update(aad).digest().subarray(0, 8), 4);
      const cipher = createCipheriv('aes-256-gcm', key, nonce.subarray(0, 12));
      cipher.setAAD(aad);
      const sealed = concatBytes([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
      return { keyId, nonce: new Uint8Array(nonce), sealed };
    },
    open(body, aad) {
      if (!equalBytes(body.keyId, keyId) || body.sealed.length < 16) return undefined;
      const decipher = createDecipheriv('aes-256-gcm', key, body.nonce.subarray(0, 12));
      decipher.setAAD(aad);
      decipher.setAuthTag(body.sealed.subarray(-16));
      const plain = decipher.update(body.sealed.subarray(0, -16));
      try {
        return concatBytes([plain, decipher.final()]);
      } catch {
        return undefined;
      }
    },
  };
}

/** A site that holds no keys. */
export const noKeys: BodySealer = { seal: () => undefined, open: () => undefined };

function labelled(purpose: string, bytes: Uint8Array): Uint8Array {
  return concatBytes([new Uint8Array(Buffer.from(`sitepair ${purpose} v1\0`, 'latin1')), bytes]);
}
