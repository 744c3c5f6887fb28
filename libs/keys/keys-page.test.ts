import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { toHex } from '#runtime';
import { realmFingerprint, siteFingerprint } from './fingerprint.ts';
import { encodeIdentity } from './identity.ts';
import { toDataKeyId, toRealmId, toSiteId } from './ids.ts';
import { keyringLimits, normalKeyring } from './keyring.ts';
import { keyringHash } from './keyring-codec.ts';
import { kitCode } from './kit-code.ts';
import { kitWords } from './kit-words.ts';
import { contentHash, recordId } from './naming.ts';
import { padmeLength } from './padme.ts';
import { hintMac, pairHint, pairSecret, sixWords } from './pairing.ts';
import { openKit } from './recovery-kit.ts';
import { handshakeKeyOf, sign, signingKeyOf } from './signing.ts';

const page = readFileSync(new URL('../../proto/KEYS.md', import.meta.url), 'utf8').replaceAll(/\s+/g, ' ');
const up = new Uint8Array(32).map((_, i) => i);
const abc = new Uint8Array(Buffer.from('abc'));
const says = (...answers: readonly string[]) => {
  for (const answer of answers) assert.ok(page.includes(answer), `KEYS.md does not say ${answer}`);
};

test('KEYS.md has the right known answers for names and padding', () => {
  says(toHex(recordId(up, 'leaf', contentHash(abc))), toHex(recordId(up, 'node', contentHash(abc))));
  for (const length of [9, 100, 1000, 65_537, 1_000_000]) says(`${length} -> ${padmeLength(length)}`);
});

test('KEYS.md has the right known answers for signatures and identities', () => {
  const key = signingKeyOf(up);
  const handshake = handshakeKeyOf(key);
  says(toHex(key.publicKey), toHex(sign(key, 'log batch', abc)), siteFingerprint(key.publicKey));
  says(toHex(handshake.secretKey), toHex(handshake.publicKey));
  says(toHex(encodeIdentity({ siteId: toSiteId(up.slice(0, 16)), key }).slice(-18)));
  assert.notEqual(realmFingerprint(toRealmId(up.slice(0, 16))), siteFingerprint(key.publicKey));
});

test('KEYS.md has the right known answers for pairing', () => {
  says(toHex(pairHint(up)), toHex(hintMac(up, abc)), toHex(pairSecret(up, up)), sixWords(up).join(' '));
});

test('KEYS.md has the right known answer and limits for the keyring', () => {
  const id = up.slice(0, 16);
  const dataKey = {
    keyId: toDataKeyId(up.slice(0, 8)),
    key: up,
    createdSeconds: 1_700_000_000,
    bySiteId: toSiteId(id),
  };
  const lists = { formerRealmIds: [], domains: [], dataKeys: [dataKey], kits: [], kitVoids: [] };
  says(toHex(keyringHash(normalKeyring({ realmId: toRealmId(id), ...lists }))));
  says(`former_realm_ids | ${keyringLimits.formerRealmIds} |`, `domains | ${keyringLimits.domains} |`);
  says(`data_keys | ${keyringLimits.dataKeys} |`, `kits | ${keyringLimits.kits} |`);
  says(`kit_voids | ${keyringLimits.kitVoids} |`);
});

test('KEYS.md has the right known answers for kits', async () => {
  for (const passphrase of [undefined, 'correct horse']) {
    const kit = { seed: up, passphraseNeeded: passphrase !== undefined };
    const opened = await openKit(kit, passphrase);
    says(toHex(opened.kitId), toHex(opened.doorKey), kitCode(kit), `last word \`${kitWords(kit).at(-1)}\``);
  }
});
