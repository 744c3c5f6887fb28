import assert from 'node:assert/strict';
import { sign } from '#keys';
import type { Channel } from '#link';
import { asId, type SiteId } from '#model';
import { AppError, fromHex, systemRandom, toHex } from '#runtime';
import { codecOf } from '#wire';
import type { Attack, Cast } from './attack.ts';
import { run, until, writeTree } from './hostile-world.ts';
import { bytesOf, decode, encode, type Fields, refusalOf } from './liar.ts';
import { withFlatMemory } from './raw-attacks.ts';

const signedCodec = codecOf<Fields>('catalog.proto', 'sitepair.catalog.v1.SignedBatch');
const batchCodec = codecOf<Fields>('catalog.proto', 'sitepair.catalog.v1.Batch');
const someBytes = (length: number) => systemRandom.bytes(length);

/** The batch that mallory's log would go on with, of any fields, signed by mallory. */
function batchOf({ mallory }: Cast, change: Fields = {}): Uint8Array {
  const { identity, catalog } = mallory.site.appliance;
  const head = catalog.heads().find(({ siteId }) => toHex(siteId) === toHex(identity.siteId));
  assert.ok(head);
  const batch = batchCodec.encode({
    siteId: identity.siteId,
    incarnationId: head.incarnationId,
    incarnationNumber: 1,
    seq: head.seq + 1,
    previousHash: head.hash,
    headsSeen: [],
    allHeads: false,
    wallSeconds: 1,
    wallNanos: 0,
    bodies: [],
    ...change,
  });
  return signedCodec.encode({ batch, signature: sign(identity.key, 'catalog batch', batch) });
}

/** Sends batches and waits until north says that it has worked them in. */
async function giveBatches(cast: Cast, signed: readonly Uint8Array[]): Promise<void> {
  const channel = await cast.mallory.open('catalog');
  await channel.send(encode('catalog', { batches: { signed, last: true } }));
  for (;;) {
    const message = decode('catalog', (await channel.receive()) ?? new Uint8Array(0));
    if (((message.heads as Fields | undefined)?.batchesReceived ?? 0) !== 0) break;
  }
  await channel[Symbol.asyncDispose]();
}

/** A batch that north refuses: its digest stays, and its list of problems says for what. */
function refused(name: string, reason: string, make: (cast: Cast) => Uint8Array | readonly Uint8Array[]): Attack {
  return {
    name: `catalog: ${name}`,
    attack: async (cast) => {
      const { catalog } = cast.north.appliance;
      const before = toHex(catalog.digest());
      await giveBatches(cast, [make(cast)].flat());
      assert.equal(toHex(catalog.digest()), before);
      assert.ok(catalog.problems().some((problem) => problem.kind === 'refused' && problem.reason === reason));
    },
  };
}

function malformed(
  name: string,
  told: string | readonly string[],
  say: (channel: Channel, cast: Cast) => Promise<void>,
): Attack {
  return {
    name: `catalog: ${name}`,
    told,
    attack: async (cast) => {
      const channel = await cast.mallory.open('catalog');
      await say(channel, cast);
      assert.ok([told].flat().includes((await refusalOf(channel)).code));
    },
  };
}

const south = ({ south: site }: Cast) => site.appliance.identity.siteId;

export const lyingCatalog: readonly Attack[] = [
  refused('a gap', 'gap', (cast) => batchOf(cast, { seq: 1_000_000 })),
  refused('a batch of seq 2^53 - 1', 'gap', (cast) => batchOf(cast, { seq: Number.MAX_SAFE_INTEGER })),
  refused('a batch in the name of another site', 'gap', (cast) => batchOf(cast, { siteId: south(cast) })),
  refused('a batch in the log of another site, signed by mallory', 'bad_signature', (cast) => {
    const head = cast.north.appliance.catalog.heads().find(({ siteId }) => toHex(siteId) === toHex(south(cast)));
    assert.ok(head);
    const { siteId, incarnationId, seq, hash } = head;
    return batchOf(cast, { siteId, incarnationId, seq: seq + 1, previousHash: hash });
  }),
  refused('a batch of a site that nobody knows', 'unknown_site', (cast) => batchOf(cast, { siteId: someBytes(16) })),
  refused('a batch of another incarnation number', 'malformed', (cast) => batchOf(cast, { incarnationNumber: 9 })),
  refused('bytes that are no batch', 'malformed', () => someBytes(300)),
  refused('a batch of 600 kB', 'malformed', () => new Uint8Array(600_000)),
  refused('a flipped signature', 'bad_signature', (cast) => {
    const signed = batchOf(cast).slice();
    signed[signed.length - 1] = (signed.at(-1) ?? 0) ^ 1;
    return signed;
  }),
  malformed('bytes that are no message', ['malformed_message', 'catalog_malformed'], (channel) =>
    channel.send(Buffer.from('ffffff', 'hex')),
  ),
  malformed('a message without content', 'catalog_malformed', (channel) => channel.send(new Uint8Array(0))),
  malformed('a message of 1 MiB and one byte', 'catalog_malformed', (channel) =>
    channel.send(new Uint8Array(1_048_577)),
  ),
  malformed('a digest of 5 bytes', 'catalog_malformed', (channel) =>
    channel.send(encode('catalog', { heads: { version: 1, digest: someBytes(5), chains: [] } })),
  ),
  malformed('8193 chains', 'catalog_malformed', (channel) =>
    channel.send(
      encode('catalog', {
        heads: {
          version: 1,
          digest: someBytes(32),
          chains: Array.from({ length: 8193 }, () => ({ siteId: someBytes(16), incarnationId: someBytes(16) })),
        },
      }),
    ),
  ),
  {
    name: 'catalog: heads that say it has 2^53 batches of everybody',
    attack: async (cast) => {
      const channel = await cast.mallory.open('catalog');
      const chains = cast.north.appliance.catalog.heads().map(({ siteId, incarnationId }) => ({
        siteId,
        incarnationId,
        tips: [{ seq: Number.MAX_SAFE_INTEGER, hash: someBytes(32) }],
      }));
      await channel.send(
        encode('catalog', { heads: { version: 1, digest: someBytes(32), chains, batchesReceived: 0 } }),
      );
      assert.ok(
        bytesOf(decode('catalog', (await channel.receive()) ?? new Uint8Array(0)), 'heads', 'digest').length === 32,
      );
      await channel[Symbol.asyncDispose]();
    },
  },
  {
    name: 'catalog: endless heads, answers unread',
    attack: (cast) =>
      withFlatMemory(100e6, async () => {
        const channel = await (await cast.mallory.link()).open('catalog', 'control', { creditBytes: 65_536 });
        for (let version = 1; version < 3000; version++) {
          const sent = channel.send(encode('catalog', { heads: { version, digest: someBytes(32), chains: [] } }));
          sent.catch(() => undefined);
          if (version % 200 === 0) await Promise.race([sent, new Promise((resolve) => setTimeout(resolve, 20))]);
        }
        await channel[Symbol.asyncDispose]();
      }),
  },
];

/** What mallory's log may say for good, and what it must not bring about. */
export const poisonedCatalog: readonly Attack[] = [
  {
    name: "catalog: mallory's log names the snapshots of others as its own, in datasets and domains that are not",
    attack: async (cast) => {
      const { root, north, south: other, mallory } = cast;
      const { catalog } = mallory.site.appliance;
      await other.appliance.links.drop(north.appliance.identity.siteId, paused());
      const tree = writeTree(`${root}/poisoned`, 'to be poisoned');
      const { id, name } = await north.backUp(tree, 'poisoned');
      const moment = { seconds: 1, nanos: 0 };
      const snapshotId = asId('SnapshotId', fromHex(id));
      await catalog.append([
        {
          ...{
            kind: 'snapshotMade',
            snapshotId,
            rootId: snapshotId,
            lockSeconds: 0,
            started: moment,
            finished: moment,
          },
          datasetId: asId('DatasetId', someBytes(16)),
          domainId: asId('DomainId', someBytes(8)),
          totals: { files: 0, directories: 0, others: 0, contentBytes: 0, changedWhileRead: 0, unreadable: 0 },
          host: 'mallory',
        },
      ]);
      await mallory.converge();
      other.appliance.links.keep(north.appliance.identity.siteId);
      await north.appliance.operations.replicate({ peer: 'south' }, run());
      await until(() => north.copiesOf(id).includes('south'), `the copy of ${name} at south`);
      await other.restore(name, `${root}/unpoisoned-${other.name}`);
      await north.restore(name, `${root}/unpoisoned-${north.name}`);
    },
  },
  {
    name: 'catalog: two batches of one seq are kept as evidence and told, and no other log suffers',
    attack: async (cast) => {
      const rivals = [batchOf(cast, { wallSeconds: 5 }), batchOf(cast, { wallSeconds: 2 ** 52 })];
      await giveBatches(cast, rivals);
      const { appliance } = cast.north;
      const forked = appliance.catalog.problems().filter((problem) => problem.kind === 'forked');
      assert.deepEqual(
        forked.map(({ siteId }) => toHex(siteId as SiteId)),
        [toHex(cast.mallory.site.appliance.identity.siteId)],
      );
      assert.ok(appliance.operations.status().attention.some((sentence) => /forked/.test(sentence)));
    },
  },
];

function paused(): AppError {
  return new AppError('paused', { code: 'link_stopped', retryable: true, advice: 'Wait.' });
}
