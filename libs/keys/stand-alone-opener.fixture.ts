import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  decapsulate,
  diffieHellman,
  hkdfSync,
  type KeyObject,
} from 'node:crypto';

// KEYS.md, written a second time with node:crypto alone and without a line of the library: what somebody would do who
// has that page, a sealed keyring and a kit's code, and nothing else of Sitepair.

const sha256 = (...parts: Uint8Array[]) => createHash('sha256').update(Buffer.concat(parts)).digest();
const label = (purpose: string) => Buffer.from(`sitepair ${purpose} v1\0`);

/** The seed in a code of 14 groups. */
export function seedOfCode(code: string): Uint8Array {
  const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
  const data = code.split('-').map((group) => group.slice(0, 4));
  let number = 0n;
  for (const character of data.join('')) number = number * 32n + BigInt(alphabet.indexOf(character));
  const bytes = Buffer.from(number.toString(16).padStart(70, '0'), 'hex');
  if (!sha256(label('recovery kit code'), bytes.subarray(0, 33)).subarray(0, 2).equals(bytes.subarray(33))) {
    throw new Error('the checksum of the code is wrong');
  }
  return bytes.subarray(1, 33);
}

/** The encoded keyring within a sealed one, for a kit without a passphrase. */
export function openWithNodeAlone(file: Buffer, seed: Uint8Array): Buffer {
  const part = (name: string, length: number) =>
    Buffer.from(hkdfSync('sha256', seed, label('recovery kit'), Buffer.from(name), length));
  const x25519 = fromPkcs8('302e020100300506032b656e04220420', part('x25519', 32));
  const mlKem = fromPkcs8('3054020100300b060960864801650304040204428040', part('ml-kem-768', 64));
  const ed25519 = fromPkcs8('302e020100300506032b657004220420', part('ed25519', 32));
  const publics = [x25519, mlKem, ed25519].map((key) => createPublicKey(key).export({ format: 'raw-public' }));
  const kitId = sha256(...publics).subarray(0, 8);

  if (!sha256(file.subarray(0, -32)).equals(file.subarray(-32))) throw new Error('the checksum of the file is wrong');
  const header = file.subarray(0, 88);
  const entryCount = file.readUInt16LE(58);
  for (let i = 0; i < entryCount; i++) {
    const entry = file.subarray(88 + 1200 * i, 88 + 1200 * (i + 1));
    if (!entry.subarray(0, 8).equals(kitId)) continue;
    const [ephemeral, ciphertext] = [entry.subarray(8, 40), entry.subarray(40, 1128)];
    const other = fromSpki('302a300506032b656e032100', ephemeral);
    const shared = Buffer.concat([
      diffieHellman({ privateKey: x25519, publicKey: other }),
      decapsulate(mlKem, ciphertext),
    ]);
    const wrapping = Buffer.from(
      hkdfSync('sha256', shared, label('keyring wrap'), sha256(ephemeral, ciphertext, ...publics), 32),
    );
    const contentKey = xaesOpen(wrapping, entry.subarray(1128, 1152), entry.subarray(1152), header);
    const body = xaesOpen(contentKey, file.subarray(60, 84), file.subarray(88 + 1200 * entryCount, -32), header);
    const encoded = body.subarray(4, 4 + body.readUInt32LE(0));
    if (!sha256(encoded).equals(file.subarray(26, 58))) throw new Error('the hash of the keyring is wrong');
    return encoded;
  }
  throw new Error('not sealed to this kit');
}

function xaesOpen(key: Uint8Array, nonce: Uint8Array, sealed: Buffer, associatedData: Uint8Array): Buffer {
  const aes = (block: Uint8Array) => createCipheriv('aes-256-ecb', key, null).setAutoPadding(false).update(block);
  const top = BigInt(`0x${aes(Buffer.alloc(16)).toString('hex')}`);
  const subkey = ((top << 1n) & (2n ** 128n - 1n)) ^ (top >> 127n === 1n ? 0x87n : 0n);
  const block = (counter: number) => {
    const plain = Buffer.concat([Buffer.from([0, counter, 0x58, 0]), nonce.subarray(0, 12)]);
    const masked = BigInt(`0x${plain.toString('hex')}`) ^ subkey;
    return aes(Buffer.from(masked.toString(16).padStart(32, '0'), 'hex'));
  };
  const gcm = createDecipheriv('aes-256-gcm', Buffer.concat([block(1), block(2)]), nonce.subarray(12));
  gcm.setAAD(associatedData).setAuthTag(sealed.subarray(-16));
  return Buffer.concat([gcm.update(sealed.subarray(0, -16)), gcm.final()]);
}

function fromPkcs8(prefix: string, secret: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([Buffer.from(prefix, 'hex'), secret]), format: 'der', type: 'pkcs8' });
}

function fromSpki(prefix: string, publicKey: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([Buffer.from(prefix, 'hex'), publicKey]), format: 'der', type: 'spki' });
}
