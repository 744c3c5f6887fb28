import assert from 'node:assert/strict';
import type { Channel } from '#link';
import { systemRandom, systemTimers } from '#runtime';
import type { Attack, Cast } from './attack.ts';
import { until } from './hostile-world.ts';
import { decode, encode, type Fields, type Lie } from './liar.ts';

const someBytes = (length: number) => systemRandom.bytes(length);

/** What a lying receiver works with on the channel that north has opened. */
class Told {
  readonly channel: Channel;

  constructor(channel: Channel) {
    this.channel = channel;
  }

  async hear(): Promise<Fields> {
    return decode('replicateRequest', (await this.channel.receive()) ?? new Uint8Array(0));
  }

  say(reply: Fields): Promise<void> {
    return this.channel.send(encode('replicateReply', reply));
  }

  grant(change: Fields = {}): Promise<void> {
    const granted = { sessionId: someBytes(16), baseSnapshotId: new Uint8Array(0), windowBytes: 1_000_000, ...change };
    return this.say({ granted });
  }

  /** Takes the offer, grants it, and hears the first batch of ids. */
  async begun(change: Fields = {}): Promise<{ readonly batch: number; readonly count: number }> {
    await this.hear();
    await this.grant(change);
    const { batch, counts } = (await this.hear()).ids as { batch: number; counts: number[] };
    return { batch, count: counts.reduce((sum, count) => sum + count, 0) };
  }

  /** Wants everything. */
  want({ batch, count }: { readonly batch: number; readonly count: number }): Promise<void> {
    return this.say({ wanted: { batch, wanted: Buffer.alloc(Math.ceil(count / 8), 255) } });
  }
}

/** North replicates to mallory, who lies in this way; it tries again when the link is dialled anew. */
function receiving(
  name: string,
  told: string | readonly string[] | undefined,
  lie: (told: Told, cast: Cast) => Promise<void>,
  onRecords: Lie = async (channel) => {
    while ((await channel.receive()) !== undefined);
  },
): Attack {
  return {
    name: `to a receiver: ${name}`,
    ...(told === undefined ? {} : { told }),
    attack: async (cast) => {
      const { mallory } = cast;
      let lied = 0;
      mallory.lies.set('records', onRecords);
      mallory.lies.set('replicate', async (channel) => {
        lied += 1;
        await lie(new Told(channel), cast);
        while ((await channel.receive()) !== undefined);
      });
      await mallory.hangUp();
      await mallory.link();
      await until(() => lied > 0, 'north to offer something');
      if (told === undefined) await systemTimers.sleep(150);
      else {
        const { north } = cast;
        await until(
          () => north.warningsSince(0).some((line) => [told].flat().includes(line.code ?? '')),
          `a line: ${name}`,
        );
      }
      mallory.lies.clear();
    },
  };
}

const unexpected = ['replication_unexpected_answer', 'protocol_violation'];

export const lyingReceiver: readonly Attack[] = [
  receiving('it says that it holds the snapshot', undefined, async (told) => {
    await told.hear();
    await told.say({ alreadyHeld: {} });
  }),
  receiving('it says that all is proved before anything came', unexpected, async (told) => {
    await told.hear();
    await told.say({ proved: {} });
  }),
  receiving('it says that all is proved while ids are offered', unexpected, async (told) => {
    await told.begun();
    await told.say({ proved: {} });
  }),
  receiving('it says that all is proved once it has everything, and its log does not', undefined, async (told) => {
    await told.hear();
    await told.grant();
    for (let request = await told.hear(); !request.done; request = await told.hear()) {
      const { batch, counts } = (request.ids ?? { batch: 0, counts: [] }) as { batch: number; counts: number[] };
      if (request.ids) await told.say({ wanted: { batch, wanted: Buffer.alloc(Math.ceil(counts.length / 8) + 512) } });
    }
    await told.say({ proved: {} });
  }),
  receiving('it acknowledges what was never sent', unexpected, async (told) => {
    await told.begun();
    await told.say({ acknowledged: { belowSequence: 1e9 } });
  }),
  receiving('it acknowledges 2^53 records', unexpected, async (told) => {
    await told.begun();
    await told.say({ acknowledged: { belowSequence: Number.MAX_SAFE_INTEGER } });
  }),
  receiving('it wants a batch that was not offered', unexpected, async (told) => {
    await told.begun();
    await told.say({ wanted: { batch: 4_000_000, wanted: Buffer.alloc(1, 255) } });
  }),
  receiving('it answers a batch twice', unexpected, async (told) => {
    const batch = await told.begun();
    await told.want(batch);
    await told.want(batch);
  }),
  receiving('it answers with more bits than ids', unexpected, async (told) => {
    const { batch } = await told.begun();
    await told.say({ wanted: { batch, wanted: Buffer.alloc(4000, 255) } });
  }),
  receiving('it answers with no bits at all', unexpected, async (told) => {
    const { batch } = await told.begun();
    await told.say({ wanted: { batch, wanted: new Uint8Array(0) } });
  }),
  receiving('it lacks something before the end of sending', unexpected, async (told) => {
    await told.begun();
    await told.say({ stillMissing: { ids: someBytes(20) } });
  }),
  receiving(
    'it lacks for ever what is not of the snapshot',
    ['replication_receiver_keeps_lacking', ...unexpected],
    async (told) => {
      await told.hear();
      await told.grant();
      for (;;) {
        const request = await told.hear();
        const { batch, counts } = (request.ids ?? { batch: 0, counts: [] }) as { batch: number; counts: number[] };
        const count = counts.reduce((sum, one) => sum + one, 0);
        if (request.ids) await told.say({ wanted: { batch, wanted: Buffer.alloc(Math.ceil(count / 8)) } });
        else if (request.done) await told.say({ stillMissing: { ids: someBytes(40) } });
      }
    },
  ),
  receiving('it lacks ids of 19 bytes', ['malformed_id', 'malformed_message', ...unexpected], async (told) => {
    await told.hear();
    await told.grant();
    for (;;) {
      const request = await told.hear();
      const { batch, counts } = (request.ids ?? { batch: 0, counts: [] }) as { batch: number; counts: number[] };
      const count = counts.reduce((sum, one) => sum + one, 0);
      if (request.ids) await told.say({ wanted: { batch, wanted: Buffer.alloc(Math.ceil(count / 8)) } });
      else if (request.done) await told.say({ stillMissing: { ids: someBytes(19) } });
    }
  }),
  receiving('a base that was not offered', unexpected, async (told) => {
    await told.hear();
    await told.grant({ baseSnapshotId: someBytes(20) });
  }),
  receiving('a base of 7 bytes', ['malformed_id', ...unexpected], async (told) => {
    await told.hear();
    await told.grant({ baseSnapshotId: someBytes(7) });
  }),
  receiving('a grant within a grant', unexpected, async (told) => {
    await told.begun();
    await told.grant();
  }),
  receiving('an answer without content', unexpected, async (told) => {
    await told.hear();
    await told.say({});
  }),
  receiving('bytes that are no message', 'malformed_message', async (told) => {
    await told.hear();
    await told.channel.send(Buffer.from('ffffff', 'hex'));
  }),
  receiving('a window of nothing', undefined, async (told) => {
    await told.want(await told.begun({ windowBytes: 0 }));
  }),
  receiving('a window of 2^53 bytes, and nothing is acknowledged', undefined, async (told) => {
    await told.want(await told.begun({ windowBytes: Number.MAX_SAFE_INTEGER }));
  }),
  receiving('it ends the channel in the middle', undefined, async (told) => {
    await told.begun();
    await told.channel.end();
  }),
];

/** Where a receiver falls silent: north ends each of these sessions, and has said to nobody that mallory has a copy. */
const silences: Readonly<Record<string, (told: Told) => Promise<unknown>>> = {
  'before it answers the offer': (told) => told.hear(),
  'after it granted': (told) => told.hear().then(() => told.grant()),
  'after it wanted everything, acknowledging nothing': async (told) => told.want(await told.begun()),
};

export const silentReceiver: readonly Attack[] = Object.entries(silences).map(([name, silence]) => ({
  name: `a receiver falls silent ${name}`,
  attack: async ({ mallory }) => {
    let sessions = 0;
    const ended = Promise.withResolvers<string>();
    mallory.lies.set('replicate', async (channel) => {
      sessions += 1;
      await silence(new Told(channel));
      try {
        while ((await channel.receive()) !== undefined);
      } catch (error) {
        ended.resolve((error as { code: string }).code);
      }
    });
    await mallory.hangUp();
    await mallory.link();
    assert.ok(['session_stalled', 'session_cut'].includes(await ended.promise));
    assert.ok(sessions > 0);
    mallory.lies.clear();
  },
}));
