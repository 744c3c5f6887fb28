import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  decodeIdentity,
  decodeKeyring,
  encodeIdentity,
  encodeKeyring,
  endorseKit,
  handshakeKeyOf,
  openKit,
  openSealedKeyring,
  parseKit,
  sealKeyring,
  uniteKeyrings,
  withKit,
  writeKitText,
} from '#keys';
import { equalBytes, systemClock } from '#runtime';
import { AgentFile } from '../../../apps/sitepair/appliance/agent-file.ts';
import { checkAgentIntroduction, signAgentIntroduction } from '../../../apps/sitepair/appliance/agent-introduction.ts';
import { queryRequestCodec, readPage } from '../../../apps/sitepair/appliance/agent-query.ts';
import {
  checkIntroduction,
  type Introduction,
  signIntroduction,
} from '../../../apps/sitepair/appliance/introduction.ts';
import { decodeInvitation, encodeInvitation } from '../../../apps/sitepair/appliance/invitation-code.ts';
import { Invitations } from '../../../apps/sitepair/appliance/invitations.ts';
import { KnownLosses } from '../../../apps/sitepair/appliance/known-losses.ts';
import { PeerFile } from '../../../apps/sitepair/appliance/peers.ts';
import { readSiteFile, statePaths } from '../../../apps/sitepair/appliance/state-folder.ts';
import { readServeSettings } from '../../../apps/sitepair/serve-settings.ts';
import { SeededRandom } from '../seeded-random.ts';
import { bytesTarget, type Target } from '../target.ts';
import type { World } from '../world.ts';

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();
const label = (purpose: string) => Buffer.from(`sitepair ${purpose} v1\0`, 'latin1');
const sha = (...parts: readonly Uint8Array[]) => hash('sha256', Buffer.concat(parts), 'buffer');

/** Keys, kits and what people carry from one machine to another. */
export async function secretTargets(world: World): Promise<Target<Uint8Array>[]> {
  const { identity } = world;
  const random = new SeededRandom('secrets', 1);
  const seed = { seed: random.bytes(32), passphraseNeeded: false };
  const kit = await openKit(seed);
  const keyring = withKit(world.keyring, endorseKit(kit, identity, 1_700_000_000));
  const encoded = encodeKeyring(keyring);
  const sealed = sealKeyring(keyring, random);
  const page = await writeKitText(seed, {
    siteName: 'north',
    realmFingerprint: 'abcd',
    createdSeconds: 1_700_000_000,
    opened: kit,
  });
  return [
    bytesTarget({
      name: 'keyring',
      share: 2,
      protobuf: true,
      seeds: [encoded, encodeKeyring(world.keyring)],
      mend: (bytes) => checked('keyring', bytes),
      run(bytes) {
        const decoded = decodeKeyring(bytes);
        assert.ok(equalBytes(encodeKeyring(decoded), bytes), 'a keyring has more than one encoding');
        encodeKeyring(uniteKeyrings(decoded, keyring));
      },
      allocatedMax: (bytes) => 2_000_000 + 64 * bytes.length,
    }),
    bytesTarget({
      name: 'identity',
      protobuf: true,
      seeds: [encodeIdentity(identity)],
      mend: (bytes) => checked('identity file', bytes),
      run(bytes) {
        assert.ok(equalBytes(encodeIdentity(decodeIdentity(bytes)), bytes));
      },
    }),
    bytesTarget({
      name: 'keyring, sealed',
      share: 0.7,
      seeds: [sealed],
      mend: (bytes) => {
        if (bytes.length < 40) return bytes;
        const body = bytes.subarray(0, bytes.length - 32);
        return new Uint8Array(Buffer.concat([body, sha(body)]));
      },
      run: (bytes) => void openSealedKeyring(bytes, kit),
      allocatedMax: (bytes) => 2_000_000 + 64 * bytes.length,
    }),
    bytesTarget({
      name: 'kit page',
      share: 0.7,
      seeds: [
        Buffer.from(page),
        Buffer.from(page.slice(page.indexOf('WORDS'))),
        Buffer.from(page.slice(page.indexOf('CODE'))),
      ],
      run: (bytes) => {
        assert.deepEqual(parseKit(text(bytes)).seed, seed.seed, 'another kit was read than was written');
      },
      allocatedMax: (bytes) => 262_144 + 64 * bytes.length,
    }),
    bytesTarget({
      name: 'invitation code',
      protobuf: true,
      seeds: [
        { purpose: 1, role: 1 },
        { purpose: 2, role: 0 },
      ].map((what) => invitationMessage({ ...what, random })),
      run(message) {
        const code = `sp1-${Buffer.concat([message, sha(message).subarray(0, 4)]).toString('base64url')}`;
        const fields = decodeInvitation(code);
        assert.deepEqual({ ...decodeInvitation(encodeInvitation(fields)) }, { ...fields });
      },
    }),
    bytesTarget({
      name: 'text of an invitation',
      seeds: [Buffer.from(`sp1-${invitationMessage({ purpose: 1, role: 1, random }).toString()}`)],
      run: (bytes) => void decodeInvitation(text(bytes)),
    }),
    ...introductionTargets(world),
  ];
}

/** What is said behind a door, and by agents. */
function introductionTargets({ identity, keyring }: World): Target<Uint8Array>[] {
  const handshakeHash = new Uint8Array(32).fill(5);
  const { publicKey } = handshakeKeyOf(identity.key);
  const introduction: Introduction = {
    siteId: identity.siteId,
    name: 'north',
    realmId: keyring.realmId,
    identityKey: identity.key.publicKey,
    addresses: ['north.example:7400'],
    fullMembers: 1,
    softwareVersion: '0.1.0',
    doorKey: new Uint8Array(32).fill(1),
    incarnationId: new Uint8Array(16).fill(2),
    incarnationNumber: 1,
    kitId: new Uint8Array(8).fill(3),
    kitPublicKey: new Uint8Array(32).fill(4),
  };
  return [
    bytesTarget({
      name: 'introduction',
      protobuf: true,
      seeds: [signIntroduction(identity, handshakeHash, introduction)],
      run: (bytes) => void checkIntroduction(bytes, handshakeHash, publicKey),
    }),
    bytesTarget({
      name: 'introduction of an agent',
      protobuf: true,
      seeds: [signAgentIntroduction(identity, handshakeHash, '0.1.0')],
      run: (bytes) => void checkAgentIntroduction(bytes, handshakeHash, publicKey),
    }),
    bytesTarget({
      name: 'query of an agent',
      protobuf: true,
      seeds: [queryRequestCodec.encode({ snapshot: { reference: 'north/data@latest' } })],
      run: (bytes) => void queryRequestCodec.decode(bytes),
      allocatedMax: (bytes) => 65_536 + 64 * bytes.length,
    }),
    bytesTarget({
      name: 'page of rows',
      protobuf: true,
      seeds: [
        Buffer.from('0a210a046461746112056e6f7274681a04616161612001', 'hex'),
        Buffer.from('12060a0461626364', 'hex'),
      ],
      run: (bytes) => void readPage(bytes),
      allocatedMax: (bytes) => 65_536 + 64 * bytes.length,
    }),
  ];
}

/** Files that people edit, or that a disk may change: read by the functions that read them at a start. */
export function fileTargets(): Target<Uint8Array>[] {
  const folder = mkdtempSync(join(tmpdir(), 'sitepair-fuzz-files-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const paths = { ...statePaths(folder), secret: folder };
  const hex = (length: number) => '0f'.repeat(length);
  const peer = {
    ...{ siteId: hex(16), name: 'south', role: 'full', ownRole: 'full', identityKey: hex(32), secret: hex(32) },
    ...{ addresses: ['a:1'], addressesAreSet: false, words: [], confirmedHere: true, confirmedThere: true },
    ...{ weInvited: true, joined: true, doorKey: '', realmId: hex(16), kitId: hex(8), kitPublicKey: hex(32) },
    removed: false,
  };
  const agent = {
    agentId: hex(16),
    name: 'laptop',
    identityKey: hex(32),
    secret: hex(32),
    enrolledSeconds: 1,
    revoked: false,
  };
  const invitation = { secret: hex(32), role: 'full', expiresSeconds: 4e9 };
  const files: readonly (readonly [name: string, content: unknown, read: () => unknown])[] = [
    ['peers.json', { format: 1, peers: [peer] }, () => new PeerFile(paths).all().map(({ siteId }) => siteId.length)],
    ['agents.json', { format: 1, agents: [agent] }, () => new AgentFile(paths).live()],
    [
      'invitations.json',
      { format: 1, invitations: [invitation] },
      () => new Invitations(paths, systemClock, new SeededRandom('x', 1)).current(),
    ],
    ['losses.json', { format: 1, reasons: ['pack 1 lost records'] }, () => new KnownLosses(folder).reasons.at(0)],
    ['site.json', { format: 1, name: 'north', address: 'here' }, () => readSiteFile(folder)],
  ];
  const toml = 'listen = "0.0.0.0:7400"\n# comment\nlog_level = "info"\n';
  return [
    ...files.map(([name, content, read]) =>
      bytesTarget({
        name: `file ${name}`,
        share: 0.2,
        seeds: [Buffer.from(JSON.stringify(content))],
        run(bytes) {
          writeFileSync(join(folder, name), bytes);
          read();
        },
        allocatedMax: (bytes) => 262_144 + 16 * bytes.length,
      }),
    ),
    bytesTarget({
      name: 'file config.toml',
      share: 0.2,
      seeds: [Buffer.from(toml), Buffer.from(`${toml}[a]\nb = [1, [2, {c = 3}]]\nd = 1979-05-27T07:32:00Z\n"""`)],
      run(bytes) {
        writeFileSync(join(folder, 'config.toml'), bytes);
        readServeSettings(join(folder, 'config.toml'), undefined);
      },
      allocatedMax: (bytes) => 262_144 + 16 * bytes.length,
    }),
  ];
}

function checked(purpose: string, bytes: Uint8Array): Uint8Array {
  if (bytes.length < 18) return bytes;
  const body = bytes.subarray(0, bytes.length - 18);
  return new Uint8Array(Buffer.concat([body, Buffer.of(0x7a, 16), sha(label(purpose), body).subarray(0, 16)]));
}

function invitationMessage(of: {
  readonly purpose: number;
  readonly role: number;
  readonly random: SeededRandom;
}): Buffer {
  const { purpose, role, random } = of;
  const fields = {
    addresses: ['north.example:7400'],
    inviterFingerprint: random.bytes(16),
    secret: random.bytes(32),
    role,
    expiresSeconds: 1_800_000_000,
    purpose,
  };
  const bytes = Buffer.from(encodeInvitation(fields).slice(4), 'base64url');
  return bytes.subarray(0, bytes.length - 4);
}
