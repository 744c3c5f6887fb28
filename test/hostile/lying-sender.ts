import assert from 'node:assert/strict';
import { createKeyring, withNewDataKey, withNewDomain, xaesOpen, xaesSealInto } from '#keys';
import type { Channel } from '#link';
import { asId, type ContentHash } from '#model';
import { Compression, KeyBook, sealLeaf } from '#records';
import { type AppError, compareBytes, concatBytes, isAppError, systemRandom, systemTimers } from '#runtime';
import { encodeFrame, finishRecord, type RecordView, recordLength, sha256, writeRecordHeader } from '#wire';
import type { Attack, Cast, OfferedFields } from './attack.ts';
import { bytesOf, decode, encode, type Fields, type Liar, refusalOf } from './liar.ts';
import { withFlatMemory } from './raw-attacks.ts';

/** A replication that the liar begins as an honest sender would, to lie in it later. */
export class LyingSession {
  readonly channel: Channel;
  readonly records: Channel;
  /** Resolves with the typed error by which the receiver ends it. */
  readonly refused: Promise<AppError>;
  readonly #replies: Fields[] = [];
  #heard = Promise.withResolvers<void>();

  private constructor(channel: Channel, records: Channel, listens: boolean) {
    this.channel = channel;
    this.records = records;
    this.refused = listens ? this.#listen() : new Promise(() => undefined);
    this.refused.catch(() => undefined);
  }

  /** With `deaf`, answers are not read, and the receiver is given no more credit for them than it must have. */
  static async begin(
    liar: Liar,
    offered: OfferedFields,
    how: 'listening' | 'deaf' = 'listening',
  ): Promise<LyingSession> {
    const channel = await (await liar.link()).open('replicate', 'control', { creditBytes: 65_536 });
    await channel.send(encode('replicateRequest', { offer: { ...offered } }));
    const reply = decode('replicateReply', (await channel.receive()) ?? new Uint8Array(0));
    const sessionId = bytesOf(reply, 'granted', 'sessionId');
    assert.equal(sessionId.length, 16, 'an honest offer is granted');
    const records = await liar.open('records');
    await records.send(sessionId);
    return new LyingSession(channel, records, how === 'listening');
  }

  async say(request: Fields): Promise<void> {
    await this.channel.send(encode('replicateRequest', request));
  }

  /** The next reply; rejects with the refusal when there is none any more. */
  async hear(): Promise<Fields> {
    for (;;) {
      const reply = this.#replies.shift();
      if (reply !== undefined) return reply;
      const ended = await Promise.race([this.refused, this.#heard.promise]);
      if (ended !== undefined) throw ended;
    }
  }

  async #listen(): Promise<AppError> {
    try {
      for (let bytes = await this.channel.receive(); bytes !== undefined; bytes = await this.channel.receive()) {
        this.#replies.push(decode('replicateReply', bytes));
        this.#heard.resolve();
        this.#heard = Promise.withResolvers();
      }
    } catch (error) {
      if (isAppError(error)) return error;
      throw error;
    }
    throw new Error('the session ended as if all were well');
  }

  /** Offers ids and is told that all of them are wanted. */
  async ask(ids: readonly Uint8Array[], batch = 0): Promise<void> {
    await this.say({ ids: { batch, counts: ids.map(() => 1), ids: concatBytes(ids) } });
    await this.hear();
  }

  async give(sequence: number | bigint, record: Uint8Array): Promise<void> {
    const head = Buffer.alloc(8);
    head.writeBigUInt64LE(BigInt(sequence));
    await this.records.send(Buffer.concat([head, record]));
  }
}

/** Begins, lies, and hears the refusal. */
function inSession(
  name: string,
  told: string | readonly string[],
  lie: (session: LyingSession, cast: Cast) => Promise<void>,
): Attack {
  return {
    name,
    told,
    attack: async (cast) => {
      const session = await LyingSession.begin(cast.mallory, cast.offered);
      // The refusal may come in the middle of the lie.
      await lie(session, cast).catch((error) => assert.ok(isAppError(error), String(error)));
      const { code } = await session.refused;
      assert.ok([told].flat().includes(code), `${name}: refused as ${code}`);
    },
  };
}

function honestRoot({ mallory, offered }: Cast): Promise<RecordView> {
  const { store } = mallory.site.appliance;
  return store.read(asId('DomainId', offered.domainId), asId('RecordId', offered.snapshotId)).then((record) => {
    assert.ok(record !== undefined);
    return record;
  });
}

function contextOf({ mallory, offered }: Cast) {
  return { keys: mallory.site.appliance.keys.book, domainId: asId('DomainId', offered.domainId), random: systemRandom };
}

const frameOf = (content: Uint8Array) => ({ compression: Compression.stored, body: encodeFrame([content]) });
const hashOf = (bytes: Uint8Array) => asId('ContentHash', sha256(bytes)) as ContentHash;
const someBytes = (length: number) => systemRandom.bytes(length);
const someIds = (count: number) => Array.from({ length: count }, () => someBytes(20));

/** A leaf of mallory's own making, of any content under the name of any other. */
function leafUnder(cast: Cast, named: Uint8Array, content: Uint8Array): RecordView {
  return sealLeaf(contextOf(cast), [hashOf(named)], frameOf(content));
}

/** The same content under the same name, sealed anew by a member with its keys, beside other references. */
function resealed({ mallory }: Cast, record: RecordView, references: readonly Uint8Array[]): Uint8Array {
  const key = mallory.site.appliance.keys.book.dataKey(record.keyId);
  const inner = xaesOpen(key, record.nonce, record.sealed, record.headerPart);
  const sorted = references.map((id) => asId('RecordId', id)).sort(compareBytes);
  const bytes = Buffer.alloc(recordLength(record.ids.length, sorted.length, record.sealed.length));
  const headerEnd = writeRecordHeader(bytes, { ...record, references: sorted }, record.sealed.length);
  xaesSealInto(key, record.nonce, inner, bytes.subarray(0, headerEnd), bytes, headerEnd);
  finishRecord(bytes);
  return bytes;
}

async function giveWanted(session: LyingSession, record: RecordView, sequence: number | bigint = 0): Promise<void> {
  await session.ask(record.ids);
  await session.give(sequence, record.bytes);
}

/** A keyring with the realm's domain and a data key that nobody else has. */
function foreignContext({ offered }: Cast, own: Cast['mallory']) {
  const by = { random: systemRandom, siteId: own.site.appliance.identity.siteId, createdSeconds: 1 };
  const foreign = withNewDataKey(withNewDomain(createKeyring(systemRandom), by).keyring, by).keyring;
  const { domains } = own.site.appliance.keys.keyring;
  return {
    keys: new KeyBook({ ...foreign, domains }),
    domainId: asId('DomainId', offered.domainId),
    random: systemRandom,
  };
}

const records: readonly Attack[] = [
  inSession('a record that was never asked for', 'protocol_violation', async (session, cast) => {
    const content = someBytes(9);
    await session.give(0, leafUnder(cast, content, content).bytes);
  }),
  inSession('another content under a wanted id', 'record_damaged', (session, cast) =>
    giveWanted(session, leafUnder(cast, someBytes(100), someBytes(100))),
  ),
  inSession('a wanted id written over the header of another record', 'record_damaged', async (session, cast) => {
    const honest = leafUnder(cast, Buffer.from('one'), Buffer.from('one'));
    const [wanted = someBytes(20)] = someIds(1);
    const bytes = Buffer.from(honest.bytes);
    bytes.set(wanted, bytes.indexOf(honest.ids[0] ?? someBytes(20)));
    finishRecord(bytes);
    await session.ask([wanted]);
    await session.give(0, bytes);
  }),
  inSession('a node whose references are not those of its payload', 'record_damaged', async (session, cast) => {
    const root = await honestRoot(cast);
    await session.ask(root.ids);
    await session.give(0, resealed(cast, root, someIds(2)));
  }),
  inSession('a leaf in the place of a node', ['record_damaged', 'protocol_violation'], async (session, cast) => {
    const root = await honestRoot(cast);
    const content = someBytes(9);
    const leaf = leafUnder(cast, content, content);
    await session.ask(root.ids);
    await session.give(0, leaf.bytes);
    await session.give(1, leaf.bytes);
  }),
  inSession('a record of another domain', 'protocol_violation', async (session, cast) => {
    const by = { random: systemRandom, siteId: cast.mallory.site.appliance.identity.siteId, createdSeconds: 1 };
    const { keyring, domain } = withNewDomain(cast.mallory.site.appliance.keys.keyring, by);
    const content = someBytes(50);
    const context = { keys: new KeyBook(keyring), domainId: domain.domainId, random: systemRandom };
    await giveWanted(session, sealLeaf(context, [hashOf(content)], frameOf(content)));
  }),
  inSession('a record sealed under a key that the realm does not have', 'key_missing', (session, cast) => {
    const content = someBytes(50);
    return giveWanted(session, sealLeaf(foreignContext(cast, cast.mallory), [hashOf(content)], frameOf(content)));
  }),
  inSession('a record with a flipped bit', 'record_damaged', async (session, cast) => {
    const record = await honestRoot(cast);
    const bytes = Buffer.from(record.bytes);
    bytes[bytes.length - 40] = (bytes[bytes.length - 40] ?? 0) ^ 4;
    await session.ask(record.ids);
    await session.give(0, bytes);
  }),
  inSession('half a record', ['record_damaged', 'protocol_violation'], async (session, cast) => {
    const record = await honestRoot(cast);
    await session.ask(record.ids);
    await session.give(0, record.bytes.subarray(0, record.bytes.length / 2));
  }),
  inSession('a record without a byte', ['record_damaged', 'protocol_violation'], (session) =>
    session.give(0, new Uint8Array(0)),
  ),
  inSession('a message too short for a number', 'protocol_violation', (session) =>
    session.records.send(new Uint8Array(3)),
  ),
  inSession('a record of 8 MiB', ['protocol_violation', 'record_damaged'], (session) =>
    session.records.send(new Uint8Array(8 * 1024 * 1024)),
  ),
  inSession('a sequence number of 2^64 - 1', 'protocol_violation', async (session, cast) =>
    session.give(2n ** 64n - 1n, (await honestRoot(cast)).bytes),
  ),
  inSession('a sequence number used twice', 'protocol_violation', async (session, cast) => {
    const record = await honestRoot(cast);
    await session.ask([...record.ids, ...someIds(3)]);
    await session.give(0, record.bytes);
    await session.give(0, record.bytes);
  }),
  inSession('one record under ever new numbers', 'protocol_violation', async (session, cast) => {
    const record = await honestRoot(cast);
    await session.ask(record.ids);
    for (let i = 0; i < 5; i++) await session.give(i, record.bytes);
  }),
];

const requests: readonly Attack[] = [
  inSession('counts of 10^9', 'protocol_violation', (session) =>
    session.say({ ids: { batch: 0, counts: [1e9], ids: concatBytes(someIds(3)) } }),
  ),
  inSession('counts that overflow into the right sum', 'protocol_violation', (session) =>
    session.say({ ids: { batch: 0, counts: [2 ** 32 - 1, 4], ids: concatBytes(someIds(3)) } }),
  ),
  inSession('4097 ids in one batch', 'protocol_violation', (session) =>
    session.say({ ids: { batch: 0, counts: [4097], ids: concatBytes(someIds(4097)) } }),
  ),
  inSession('a batch of no ids', 'protocol_violation', (session) =>
    session.say({ ids: { batch: 0, counts: [], ids: new Uint8Array(0) } }),
  ),
  inSession('ids of 19 bytes', ['malformed_message', 'protocol_violation', 'malformed_id'], (session) =>
    session.say({ ids: { batch: 0, counts: [1], ids: someBytes(19) } }),
  ),
  inSession('an offer within an offer', 'protocol_violation', (session, { offered }) =>
    session.say({ offer: { ...offered } }),
  ),
  inSession('a message without content', 'protocol_violation', (session) => session.say({})),
  inSession('bytes that are no message', 'malformed_message', (session) =>
    session.channel.send(Buffer.from('ffffff', 'hex')),
  ),
  inSession('10^9 records said to be sent', 'protocol_violation', (session) => session.say({ done: { records: 1e9 } })),
  inSession(
    'the end of sending, again and again, with nothing sent',
    ['protocol_violation', 'closure_incomplete'],
    async (session) => {
      for (let i = 0; i < 12; i++) {
        await session.say({ done: { records: 0 } });
        await systemTimers.sleep(10);
      }
    },
  ),
  inSession('ids after the end of sending', 'protocol_violation', async (session, cast) => {
    const [root] = (await honestRoot(cast)).ids;
    assert.ok(root);
    await session.say({ done: { records: 0 } });
    for (let i = 0; i < 20; i++) await session.say({ ids: { batch: i, counts: [1], ids: root } });
    for (let i = 0; i < 20; i++) await session.say({ done: { records: 0 } });
  }),
];

/** Begins with one message and hears why not. */
function firstWord(
  name: string,
  told: string | readonly string[],
  request: (cast: Cast) => Fields,
  logged = true,
): Attack {
  return {
    name,
    ...(logged ? { told } : {}),
    attack: async (cast) => {
      const channel = await cast.mallory.open('replicate');
      await channel.send(encode('replicateRequest', request(cast)));
      const { code } = await refusalOf(channel);
      assert.ok([told].flat().includes(code), `${name}: refused as ${code}`);
    },
  };
}

const offers: readonly Attack[] = [
  firstWord('no offer first', 'protocol_violation', () => ({ done: { records: 0 } })),
  firstWord(
    'a snapshot that no log names',
    'snapshot_unknown',
    ({ offered }) => ({ offer: { ...offered, snapshotId: someBytes(20) } }),
    false,
  ),
  firstWord(
    'a snapshot as another dataset',
    'snapshot_unknown',
    ({ offered }) => ({ offer: { ...offered, datasetId: someBytes(16) } }),
    false,
  ),
  firstWord(
    'a snapshot in another domain',
    'snapshot_unknown',
    ({ offered }) => ({ offer: { ...offered, domainId: someBytes(offered.domainId.length) } }),
    false,
  ),
  firstWord('an offer of 65 bases', 'protocol_violation', ({ offered }) => ({
    offer: { ...offered, baseCandidates: someIds(65) },
  })),
  firstWord('a base of 3 bytes', ['malformed_message', 'malformed_id'], ({ offered }) => ({
    offer: { ...offered, baseCandidates: [someBytes(3)] },
  })),
  {
    name: 'bases that the receiver does not hold',
    attack: async ({ mallory, offered }) => {
      const channel = await mallory.open('replicate');
      await channel.send(
        encode('replicateRequest', { offer: { ...offered, baseCandidates: [offered.snapshotId, ...someIds(63)] } }),
      );
      const reply = decode('replicateReply', (await channel.receive()) ?? new Uint8Array(0));
      assert.equal(bytesOf(reply, 'granted', 'baseSnapshotId').length, 0);
      await channel[Symbol.asyncDispose]();
    },
  },
  {
    name: 'the same snapshot in two sessions',
    attack: async ({ mallory, offered }) => {
      const first = await LyingSession.begin(mallory, offered);
      const second = await mallory.open('replicate');
      await second.send(encode('replicateRequest', { offer: { ...offered } }));
      const refusal = await refusalOf(second);
      assert.deepEqual([refusal.code, refusal.retryable], ['already_receiving', true]);
      await first.channel[Symbol.asyncDispose]();
    },
  },
  {
    name: 'records for a session that is not there',
    attack: async ({ mallory }) => {
      const channel = await mallory.open('records');
      await channel.send(someBytes(16));
      assert.equal((await refusalOf(channel)).code, 'session_cut');
    },
  },
  {
    name: 'records for a session of 3 bytes',
    told: ['malformed_message', 'malformed_id'],
    attack: async ({ mallory }) => {
      const channel = await mallory.open('records');
      await channel.send(someBytes(3));
      await refusalOf(channel);
    },
  },
  {
    name: 'a commit of a snapshot whose closure was never sent',
    attack: async (cast) => {
      const session = await LyingSession.begin(cast.mallory, cast.offered);
      await session.say({ done: { records: 0 } });
      const reply = await session.hear();
      assert.equal(reply.proved, null);
      assert.ok(bytesOf(reply, 'stillMissing', 'ids').length >= 20);
      await session.channel[Symbol.asyncDispose]();
    },
  },
];

const floods: readonly Attack[] = [
  {
    name: 'endless ids, with every answer unread',
    attack: (cast) =>
      withFlatMemory(150e6, async () => {
        const session = await LyingSession.begin(cast.mallory, cast.offered, 'deaf');
        const ids = concatBytes(someIds(4));
        for (let batch = 0; batch < 30_000; batch++) {
          try {
            await session.say({ ids: { batch, counts: [4], ids } });
          } catch {
            break;
          }
        }
        await session.channel[Symbol.asyncDispose]();
      }),
  },
];

export const lyingSender: readonly Attack[] = [...records, ...requests, ...offers, ...floods];
