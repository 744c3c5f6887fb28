import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TrafficClass } from './gate.ts';
import { noLimit, type ShapedLink } from './shaped-link.ts';
import { Shaper } from './shaper.ts';
import { runScenario } from './testing/scenario.ts';
import { SimulatedProcess } from './testing/simulated-process.ts';
import { SimulatedSocket } from './testing/simulated-socket.ts';

const fast = { lineBytesPerSecond: 250_000_000, lossRatio: 0, headerRatio: 1500 / 1448, tells: true };
const megabit = 125_000;

function site() {
  const process = new SimulatedProcess();
  const shaper = new Shaper(process, process);
  const sockets: SimulatedSocket[] = [];
  return {
    process,
    shaper,
    link: (name: number, bytesPerSecond = Number.POSITIVE_INFINITY): ShapedLink => {
      const link = shaper.link(new Uint8Array(16).fill(name));
      link.setLimit('rules', { bytesPerSecond, why: 'default' });
      return link;
    },
    socket: (link: ShapedLink, ...classes: TrafficClass[]): SimulatedSocket => {
      const socket = new SimulatedSocket(link, fast);
      sockets.push(socket);
      socket.want(classes);
      return socket;
    },
    run: (ms: number): void => {
      for (let at = 0; at < ms; at += 1) {
        process.step();
        for (const socket of sockets) {
          socket.transmit();
          socket.drained();
        }
      }
    },
  };
}

function near(actual: number, expected: number, ratio: number): void {
  assert.ok(Math.abs(actual - expected) <= ratio * expected, `${actual} is not within ${ratio} of ${expected}`);
}

test('in random scenarios a limit is a limit: never above, never below with a backlog, no bursts, changes at once', () => {
  for (let seed = 0; seed < 120; seed += 1) {
    const breach = runScenario(seed, 1500);
    assert.equal(breach, undefined, `scenario ${seed}: ${breach}`);
  }
});

// What was asked for under the old limit was more than the uplink ever let through at once under the new one, and while it
// saved up for that the link forgot, and the other way round: nothing went any more.
test('what was asked for before a limit fell does not hold up everything after it', () => {
  assert.equal(runScenario(4405, 4000), undefined);
});

test('without limits everything goes at once, nothing ticks, and the kernel may send as it likes', () => {
  const { shaper, link, socket, run } = site();
  const one = socket(link(1), 'backup');
  run(1000);
  assert.ok(one.wireBytes > 100_000_000);
  assert.equal(shaper.isTicking, false);
  assert.equal(one.paceBytesPerSecond, Number.POSITIVE_INFINITY);
  assert.equal(shaper.readings().links[0]!.classes.backup.heldMs.link, 0);
});

test('an urgent class goes before all others, and leaves each that waits its minimum share', () => {
  const { link, socket, run } = site();
  const one = link(1, 8 * megabit);
  socket(one, 'restore');
  socket(one, 'backup');
  socket(one, 'seed');
  run(10_000);
  const { restore, backup, seed } = one.reading().classes;
  const all = restore.wireBytes + backup.wireBytes + seed.wireBytes;
  near(restore.wireBytes, 0.96 * all, 0.01);
  near(backup.wireBytes, 0.02 * all, 0.1);
  near(seed.wireBytes, 0.02 * all, 0.1);
});

test('a class that only another link has does not starve at a full uplink', () => {
  const { shaper, link, socket, run } = site();
  shaper.setUplinkLimit({ bytesPerSecond: 8 * megabit, why: 'default' });
  socket(link(1), 'restore');
  const heal = socket(link(2), 'heal');
  run(10_000);
  near(heal.wireBytes, 0.02 * 10_000_000, 0.1);
});

test('what a class leaves the others use', () => {
  const { link, socket, run } = site();
  const one = link(1, 8 * megabit);
  const restore = socket(one, 'restore');
  const seed = socket(one, 'seed');
  run(1000);
  restore.want([]);
  const before = seed.wireBytes;
  run(1000);
  near(seed.wireBytes - before, megabit * 8, 0.02);
});

test('connections of one class share a link evenly, and links of one class the uplink, whatever their number', () => {
  const { shaper, link, socket, run } = site();
  shaper.setUplinkLimit({ bytesPerSecond: 20 * megabit, why: 'default' });
  const [one, other, small] = [link(1), link(2), link(3, 2 * megabit)];
  const many = [1, 2, 3].map(() => socket(one, 'backup'));
  const single = socket(other, 'backup');
  const limited = socket(small, 'backup');
  run(8000);
  near(limited.wireBytes, 8 * 2 * megabit, 0.03);
  near(single.wireBytes, 8 * 9 * megabit, 0.03);
  for (const each of many) near(each.wireBytes, 8 * 3 * megabit, 0.03);
});

test('a limit holds within 200 ms of its change, for those who wait already as well, and pause holds all', () => {
  const { link, socket, run, shaper } = site();
  const one = link(1, megabit / 10);
  const sender = socket(one, 'backup');
  run(1000);
  one.setLimit('rules', { bytesPerSecond: 80 * megabit, why: 'override' });
  run(200);
  const before = sender.wireBytes;
  run(1000);
  near(sender.wireBytes - before, 80 * megabit, 0.02);
  one.setLimit('rules', { bytesPerSecond: 0, why: 'pause' });
  run(200);
  const held = sender.wireBytes;
  run(5000);
  assert.equal(sender.wireBytes, held);
  assert.equal(shaper.isTicking, false);
  one.setLimit('rules', noLimit);
  run(100);
  assert.ok(sender.wireBytes > held + 1_000_000);
});

test('the lowest of several limits is in force, and the reading says whose it is and how long it held what back', () => {
  const { link, socket, run, shaper } = site();
  const one = link(1, 8 * megabit);
  one.setLimit('peer', { bytesPerSecond: 2 * megabit, why: 'peer' });
  socket(one, 'heal');
  run(2000);
  const [reading] = shaper.readings().links;
  assert.deepEqual(reading!.limit, { bytesPerSecond: 2 * megabit, why: 'peer' });
  assert.equal(reading!.classes.heal.waiting, true);
  near(reading!.classes.heal.heldMs.link, 2000, 0.05);
  assert.equal(reading!.classes.heal.heldMs.uplink, 0);
  near(reading!.wireBytes, 2 * 2 * megabit, 0.03);
  near(reading!.classes.heal.admittedBytes, (reading!.wireBytes * 1448) / 1500, 0.02);
});

test('heartbeats are counted, and never wait; small messages pass a pause', () => {
  const { link, socket, run, shaper } = site();
  const one = link(1, 0);
  const sender = socket(one, 'backup');
  sender.heartbeat(60);
  run(10);
  assert.ok(sender.wireBytes >= 60);
  assert.equal(shaper.readings().links[0]!.protocol.admittedBytes, 60);
  assert.ok(shaper.readings().links[0]!.protocol.wireBytes >= 60);
  assert.equal(sender.gate.admit('backup', 100), false);
  assert.equal(sender.gate.admit('catalog', 100), true);
});

test('a turn that nobody takes is given to others', () => {
  const { link, socket, run } = site();
  const one = link(1, 8 * megabit);
  const gone = one.gate({ wire: () => undefined, pace: () => undefined, opened: () => undefined });
  assert.equal(gone.admit('restore', 60_000), false);
  const sender = socket(one, 'backup');
  run(3000);
  near(sender.wireBytes, 3 * 8 * megabit, 0.04);
});

test('a connection that goes takes its wishes with it', () => {
  const { link, socket, run, shaper } = site();
  const one = link(1, megabit);
  const sender = socket(one, 'backup');
  run(100);
  sender.gate.close();
  run(200);
  assert.equal(shaper.isTicking, false);
  assert.equal(sender.gate.admit('backup', 1000), false);
  assert.equal(shaper.readings().links[0]!.connections, 0);
});

test('what is asked for at once is 5 ms of the limit in force, at least a packet', () => {
  const { link, socket, shaper } = site();
  const one = link(1, 20 * megabit);
  const { gate } = socket(one);
  assert.equal(gate.quantumBytes, 12_500);
  shaper.setUplinkLimit({ bytesPerSecond: megabit, why: 'default' });
  assert.equal(gate.quantumBytes, 1400);
  shaper.setUplinkLimit(noLimit);
  one.setLimit('rules', noLimit);
  assert.equal(gate.quantumBytes, Number.POSITIVE_INFINITY);
});
