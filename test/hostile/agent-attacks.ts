import assert from 'node:assert/strict';
import type { Channel, Link } from '#link';
import { Compression } from '#records';
import { type AppError, concatBytes, fromHex, isAppError, systemRandom } from '#runtime';
import { encodeFrame, encodeNode, sha256 } from '#wire';
import type { Cast } from './attack.ts';
import { bytesOf, decode, encode, type Fields, type MessageName } from './liar.ts';

const someBytes = (length: number) => systemRandom.bytes(length);

/** One exchange of an agent, message by message. */
class Talk {
  readonly #channel: Channel;
  readonly #asks: MessageName;
  readonly #answers: MessageName;

  private constructor(channel: Channel, asks: MessageName, answers: MessageName) {
    this.#channel = channel;
    this.#asks = asks;
    this.#answers = answers;
  }

  static async open(link: Link, service: 'upload' | 'read'): Promise<Talk> {
    const channel = await link.open(service, 'bulk');
    return new Talk(channel, `${service}Request`, `${service}Reply`);
  }

  say(fields: Fields): Promise<void> {
    return this.#channel.send(encode(this.#asks, fields));
  }

  async hear(): Promise<Fields> {
    return decode(this.#answers, (await this.#channel.receive()) ?? new Uint8Array(0));
  }

  /** Says something and hears by what code it is refused. */
  async refusal(...all: readonly Fields[]): Promise<AppError> {
    try {
      for (const fields of all) await this.say(fields);
      for (;;) {
        const bytes = await this.#channel.receive();
        assert.ok(bytes !== undefined, 'it ended as if all were well');
      }
    } catch (error) {
      const cause = isAppError(error, 'channel_closed') ? error.cause : error;
      if (isAppError(cause)) return cause;
      throw error;
    }
  }
}

const begin = (datasetName: string): Fields => ({ begin: { datasetName, host: 'eve', paths: [Buffer.from('/x')] } });

async function upload(link: Link, dataset = 'eves'): Promise<Talk> {
  const talk = await Talk.open(link, 'upload');
  await talk.say(begin(dataset));
  assert.ok((await talk.hear()).began);
  return talk;
}

function leaf(
  sequence: number,
  contents: readonly Uint8Array[],
  hashes = contents.map((content) => sha256(content)),
): Fields {
  return {
    leaf: { sequence, hashes: concatBytes(hashes), compression: Compression.stored, body: encodeFrame([...contents]) },
  };
}

/** What eve knows of alice's: her snapshot, her manifest's hash, a chunk's content and hash. */
export interface Booty {
  readonly snapshotId: string;
  readonly dataset: string;
  readonly chunk: Uint8Array;
}

export interface AgentAttack {
  readonly name: string;
  readonly attack: (link: Link, booty: Booty, cast: Cast) => Promise<void>;
}

function refusedBegin(name: string, code: string, dataset: (booty: Booty) => string): AgentAttack {
  return {
    name: `a dataset called ${name}`,
    attack: async (link, booty) => {
      const talk = await Talk.open(link, 'upload');
      assert.equal((await talk.refusal(begin(dataset(booty)))).code, code);
    },
  };
}

function refusedUpload(
  name: string,
  code: string | readonly string[],
  requests: (booty: Booty) => readonly Fields[],
): AgentAttack {
  return {
    name,
    attack: async (link, booty) => {
      const refusal = await (await upload(link)).refusal(...requests(booty));
      assert.ok([code].flat().includes(refusal.code), `${name}: ${refusal.code}`);
    },
  };
}

/** The same words for what is not there and for what is another's. */
async function readRefusal(link: Link, snapshotId: Uint8Array): Promise<string> {
  const { code, message, advice } = await (await Talk.open(link, 'read')).refusal({
    open: { snapshotId, fromSite: new Uint8Array(0) },
  });
  return JSON.stringify({ code, message, advice });
}

const node = (payload: Uint8Array, sequence = 0): Fields => ({
  node: { sequence, hash: sha256(payload), compression: Compression.stored, body: payload },
});

export const agentAttacks: readonly AgentAttack[] = [
  ...['pair', 'catalog', 'replicate', 'records', 'fetch'].map((service) => ({
    name: `the service ${service}`,
    attack: async (link: Link) => {
      const channel = await link.open(service, 'control');
      await assert.rejects(channel.receive(), (error) => isAppError(error, 'agent_not_allowed'));
    },
  })),
  {
    name: "a read of another's snapshot says what it says of one that is not there",
    attack: async (link, { snapshotId }, { offered }) => {
      const nowhere = await readRefusal(link, someBytes(20));
      assert.match(nowhere, /snapshot_unknown/);
      assert.equal(await readRefusal(link, fromHex(snapshotId)), nowhere);
      assert.equal(await readRefusal(link, offered.snapshotId), nowhere);
    },
  },
  {
    name: "a have of another's contents, pending or durable, wants them all",
    attack: async (link, { chunk }) => {
      const talk = await upload(link);
      await talk.say({
        have: { batch: 1, leafHashes: concatBytes([sha256(chunk), someBytes(32)]), nodeHashes: someBytes(32) },
      });
      assert.equal(bytesOf(await talk.hear(), 'have', 'wanted')[0], 0b111);
    },
  },
  refusedUpload(
    "a snapshot that names another's content without having sent it",
    'snapshot_incomplete',
    ({ chunk }) => {
      const payload = encodeNode({
        type: 'contentList',
        contentList: { extents: [{ chunkHash: sha256(chunk), length: chunk.length }], parts: [] },
      });
      return [node(payload), { commit: { manifestHash: sha256(payload), records: 1 } }];
    },
  ),
  refusedBegin("as another's", 'dataset_taken', ({ dataset }) => dataset),
  refusedBegin("as the site's own", 'dataset_taken', () => 'papers'),
  ...['../alice', 'a/b', '', '.', '..', 'x'.repeat(65), 'a\0b', 'ä', 'a b'].map((name) =>
    refusedBegin(JSON.stringify(name).slice(0, 20), 'bad_name', () => name),
  ),
  refusedUpload('a chunk that is not what its hash names', 'protocol_violation', () => [
    leaf(0, [someBytes(9)], [someBytes(32)]),
  ]),
  refusedUpload('a frame of 5000 chunks', ['protocol_violation', 'malformed_message', 'record_damaged'], () => [
    leaf(
      0,
      Array.from({ length: 5000 }, (_, i) => Buffer.from(`${i}`)),
    ),
  ]),
  refusedUpload('a frame without a chunk', 'protocol_violation', () => [leaf(0, [])]),
  refusedUpload(
    'more hashes than chunks',
    ['protocol_violation', 'malformed_message', 'record_damaged', 'malformed_frame'],
    () => [leaf(0, [someBytes(5)], [someBytes(32), someBytes(32)])],
  ),
  refusedUpload(
    'a compression that is none',
    ['protocol_violation', 'malformed_message', 'record_damaged', 'version_too_new'],
    () => [{ leaf: { sequence: 0, hashes: someBytes(32), compression: 77, body: someBytes(50) } }],
  ),
  refusedUpload('a node that is not what its hash names', 'protocol_violation', () => [
    { node: { sequence: 0, hash: someBytes(32), compression: Compression.stored, body: someBytes(50) } },
  ]),
  refusedUpload('a node that is no node', 'malformed_message', () => [node(Buffer.from('ffffff', 'hex'))]),
  refusedUpload('a sequence that leaps', 'protocol_violation', () => [leaf(7, [someBytes(9)])]),
  refusedUpload('a sequence of 2^53', 'protocol_violation', () => [leaf(Number.MAX_SAFE_INTEGER, [someBytes(9)])]),
  refusedUpload('a commit of 10^9 records', 'protocol_violation', () => [
    { commit: { manifestHash: someBytes(32), records: 1e9 } },
  ]),
  refusedUpload('a commit of a manifest that never came', 'protocol_violation', () => [
    { commit: { manifestHash: someBytes(32), records: 0 } },
  ]),
  refusedUpload('a second beginning', 'protocol_violation', () => [begin('eves')]),
  refusedUpload('a have of 4097 hashes', 'protocol_violation', () => [
    { have: { batch: 0, leafHashes: someBytes(32 * 4097), nodeHashes: new Uint8Array(0) } },
  ]),
  refusedUpload('a have of half a hash', 'malformed_id', () => [
    { have: { batch: 0, leafHashes: someBytes(16), nodeHashes: new Uint8Array(0) } },
  ]),
  refusedUpload('a snapshot that is no manifest', 'protocol_violation', () => {
    const payload = encodeNode({ type: 'contentList', contentList: { extents: [], parts: [] } });
    return [node(payload), { commit: { manifestHash: sha256(payload), records: 1 } }];
  }),
  {
    name: 'a list of paths of 100 kB',
    attack: async (link) => {
      const talk = await Talk.open(link, 'upload');
      const paths = Array.from({ length: 100 }, () => Buffer.alloc(1000, 97));
      assert.equal((await talk.refusal({ begin: { datasetName: 'eves', host: 'eve', paths } })).code, 'paths_too_long');
    },
  },
];
