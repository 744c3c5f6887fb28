import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GatedConnection, LinkShaper, TrafficClass } from '#shaper';
import { memoryPair } from './memory-conduit.ts';
import { muxPair } from './testing/mux-pair.ts';
import { SimulatedTime, settle } from './testing/simulated-time.ts';

const bytes = (length: number, seed = 1) => new Uint8Array(length).fill(seed);

/** A limit that lets through what the test says. */
class TestLimit implements LinkShaper {
  readonly open = new Set<TrafficClass>();
  quantumBytes = 2000;
  readonly admitted: [TrafficClass, number][] = [];
  spentBytes = 0;
  readonly #connections = new Set<GatedConnection>();

  gate(connection: GatedConnection) {
    this.#connections.add(connection);
    const limit = this;
    return {
      admit: (trafficClass: TrafficClass, bytes: number) => {
        const admitted = limit.open.has(trafficClass);
        if (admitted) limit.admitted.push([trafficClass, bytes]);
        return admitted;
      },
      get quantumBytes() {
        return limit.quantumBytes;
      },
      spent: (bytes: number) => {
        limit.spentBytes += bytes;
      },
      close: () => void limit.#connections.delete(connection),
    };
  }

  letThrough(trafficClass: TrafficClass): void {
    this.open.add(trafficClass);
    for (const connection of this.#connections) connection.opened();
  }

  get connections(): number {
    return this.#connections.size;
  }
}

test('a class that is held back holds no other, nor what belongs to no message', async () => {
  const limit = new TestLimit();
  const { left, right } = muxPair(memoryPair(), { shaper: limit });
  right.serve('sink', async (channel) => {
    while ((await channel.receive()) !== undefined);
  });
  const seed = left.open('sink', { trafficClass: 'seed' });
  const restore = left.open('sink', { trafficClass: 'restore' });
  const gone: string[] = [];
  void seed.send(bytes(5000)).then(() => gone.push('seed'));
  void restore.send(bytes(5000)).then(() => gone.push('restore'));
  await settle();
  assert.deepEqual([gone, right.channelCount, seed.heldBack], [[], 2, true]);
  assert.ok(limit.spentBytes > 0, 'opening is counted');
  limit.letThrough('restore');
  await settle();
  assert.deepEqual([gone, seed.heldBack, restore.heldBack], [['restore'], true, false]);
  assert.ok(limit.admitted.every(([trafficClass, size]) => trafficClass === 'restore' && size <= 2000));
  seed.trafficClass = 'restore';
  await settle();
  assert.deepEqual(gone, ['restore', 'seed']);
  await left.close();
  await settle();
  assert.equal(limit.connections, 0, 'gates are given back');
});

test('who waits at the other end hears that it is the limit that holds a channel back', async () => {
  const time = new SimulatedTime();
  const limit = new TestLimit();
  const pair = memoryPair();
  const common = { clock: time, timers: time, heartbeat: { intervalMs: 5000, deadAfterMs: 15_000 } };
  const { left } = muxPair({ left: pair.left, right: memoryPair().right }, { ...common, shaper: limit });
  const { right } = muxPair({ left: memoryPair().left, right: pair.right }, common);
  let notes = () => 0;
  right.serve('sink', async (channel) => {
    notes = () => channel.heldNotes;
    while ((await channel.receive()) !== undefined);
  });
  const channel = left.open('sink');
  void channel.send(bytes(10));
  await time.advance(20_000);
  const held = notes();
  assert.ok(held >= 2, `${held} notes`);
  limit.letThrough('backup');
  await time.advance(20_000);
  assert.equal(notes(), held);
});

test('without a limit the least urgent class still has its turns', async () => {
  const { left, right } = muxPair(memoryPair({ queueBytesMax: 70_000 }));
  right.serve('sink', async (channel) => {
    while ((await channel.receive()) !== undefined);
  });
  const pour = async (trafficClass: TrafficClass) => {
    const channel = left.open('sink', { trafficClass });
    for (let index = 0; index < 100; index += 1) await channel.send(bytes(60_000));
  };
  const order: string[] = [];
  const one = async (trafficClass: TrafficClass) => {
    const channel = left.open('sink', { trafficClass });
    for (let index = 0; index < 3; index += 1) await channel.send(bytes(60_000));
    order.push(trafficClass);
  };
  await Promise.all([pour('restore').then(() => order.push('all of restore')), one('seed')]);
  assert.deepEqual(order, ['seed', 'all of restore']);
});
