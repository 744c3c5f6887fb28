import assert from 'node:assert/strict';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { systemRandom, systemTimers } from '#runtime';
import type { Attack, Cast } from './attack.ts';
import { until } from './hostile-world.ts';
import { encode } from './liar.ts';
import { dataFrame, dataSecret, frameTypes, openFrame, RawPeer, rawFrame, uint32 } from './raw-peer.ts';

const { data, more, credit, end, abort, ping, pong, goodbye } = frameTypes;
const kib64 = 65_536;

/** Frames that LINK.md section 5 does not allow: each ends the link with a goodbye that says so. */
const violations: Readonly<Record<string, readonly Buffer[]>> = {
  'a frame of no known type': [rawFrame(99, 0)],
  'a frame of four bytes': [Buffer.alloc(4, 1)],
  'an empty frame': [Buffer.alloc(0)],
  'a channel opened under a number of the other end': [openFrame(2, 'fetch')],
  'a channel opened twice': [openFrame(1, 'fetch'), openFrame(1, 'fetch')],
  'a channel opened under a smaller number than before': [openFrame(9, 'fetch'), openFrame(7, 'fetch')],
  'a service with a name of 65 bytes': [openFrame(1, 'f'.repeat(65))],
  'a service that climbs out': [openFrame(1, '../fetch')],
  'a frame that belongs to the connection on a channel': [rawFrame(ping, 3, Buffer.alloc(8))],
  'a message on channel 0': [rawFrame(data, 0, uint32(1), Buffer.alloc(1))],
  'data for a channel that never was': [dataFrame(11, 1, Buffer.alloc(1))],
  'data for a channel that the other end has not opened': [dataFrame(2_000_000, 1, Buffer.alloc(1))],
  'a message of 8 MiB and one byte': [openFrame(1, 'fetch'), dataFrame(1, 8_388_609, Buffer.alloc(1))],
  'a message of 4 GiB': [openFrame(1, 'fetch'), dataFrame(1, 2 ** 32 - 1, Buffer.alloc(1))],
  'a fragment longer than its message': [openFrame(1, 'fetch'), dataFrame(1, 1, Buffer.alloc(2))],
  'a rest longer than its message': [
    openFrame(1, 'fetch'),
    dataFrame(1, 3, Buffer.alloc(2)),
    rawFrame(more, 1, uint32(0)),
  ],
  'an empty rest': [openFrame(1, 'fetch'), dataFrame(1, 3, Buffer.alloc(2)), rawFrame(more, 1)],
  'a rest without a beginning': [openFrame(1, 'fetch'), rawFrame(more, 1, Buffer.alloc(1))],
  'a message that begins inside another': [
    openFrame(1, 'fetch'),
    dataFrame(1, 3, Buffer.alloc(2)),
    dataFrame(1, 1, Buffer.alloc(1)),
  ],
  'an end inside a message': [openFrame(1, 'fetch'), dataFrame(1, 3, Buffer.alloc(2)), rawFrame(end, 1)],
  'an end of some length': [openFrame(1, 'fetch'), rawFrame(end, 1, Buffer.alloc(1))],
  'credit without a number': [openFrame(1, 'fetch'), rawFrame(credit, 1)],
  'an abort that does not parse': [openFrame(1, 'catalog'), rawFrame(abort, 1, Buffer.from('ff', 'hex'))],
  'an abort of 4 KiB and one byte': [openFrame(1, 'catalog'), rawFrame(abort, 1, Buffer.alloc(4097))],
  'a ping of 7 bytes': [rawFrame(ping, 0, Buffer.alloc(7))],
  'a pong of 9 bytes': [rawFrame(pong, 0, Buffer.alloc(9))],
  'a goodbye that does not parse': [rawFrame(goodbye, 0, Buffer.from('ffff', 'hex'))],
};

async function credits({ mallory }: Cast): Promise<void> {
  const { control } = await RawPeer.link(mallory.raw);
  control.send(openFrame(1, 'catalog'));
  await control.pour(Array.from({ length: 600 }, () => rawFrame(credit, 1, uint32(2 ** 32 - 1))));
  assert.equal((await control.goodbye())?.code, 'protocol_violation');
}

/** Asks for an answer that it gives no credit for, so that nothing more is read, and goes on sending. */
async function overrun({ mallory, wanted }: Cast): Promise<void> {
  const { data: peer } = await RawPeer.link(mallory.raw);
  const request = encode('fetchRequest', { domainId: wanted.domainId, ids: systemRandom.bytes(4096 * 20) });
  peer.send(openFrame(1, 'fetch'));
  peer.send(dataFrame(1, request.length, request.subarray(0, 60_000)));
  peer.send(rawFrame(more, 1, request.subarray(60_000)));
  await peer.pour(repeated(90, () => dataFrame(1, 60_000, Buffer.alloc(60_000))));
  assert.equal((await peer.goodbye())?.code, 'protocol_violation');
}

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** Bytes that this process holds in buffers and heap, after what is free was given back. */
function heldBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** A flood must leave the one that is flooded, and this process with him, as large as it was. */
export async function withFlatMemory(growthMax: number, flood: () => Promise<void>): Promise<void> {
  const before = heldBytes();
  await flood();
  await systemTimers.sleep(20);
  const growth = heldBytes() - before;
  assert.ok(growth < growthMax, `memory grew by ${Math.round(growth / 1e6)} MB`);
}

function repeated(count: number, frame: (index: number) => Buffer): Iterable<Buffer> {
  return (function* () {
    for (let i = 0; i < count; i++) yield frame(i);
  })();
}

const floods: readonly Attack[] = [
  {
    name: 'a flood of pings to somebody who is not read from',
    attack: ({ mallory }) =>
      withFlatMemory(60e6, async () => {
        const { control } = await RawPeer.link(mallory.raw);
        control.deaf();
        await control.pour(repeated(100_000, (i) => rawFrame(ping, 0, uint32(0), uint32(i))));
        control.end();
      }),
  },
  {
    name: 'thousands of channels to a service that nobody serves, unread',
    attack: ({ mallory }) =>
      withFlatMemory(60e6, async () => {
        const { control } = await RawPeer.link(mallory.raw);
        control.deaf();
        await control.pour(repeated(50_000, (i) => openFrame(2 * i + 1, 'no-such-service')));
        control.end();
      }),
  },
  {
    name: 'thousands of channels that say nothing',
    attack: async ({ mallory }) => {
      const { control } = await RawPeer.link(mallory.raw);
      await control.pour(repeated(3000, (i) => openFrame(2 * i + 1, 'replicate')));
      const aborts = () => control.frames.filter((frame) => frame[0] === abort).length;
      await until(() => aborts() >= 3000 - 128, 'what is too much to be refused');
      assert.ok(aborts() >= 3000 - 128 && aborts() < 3000);
      control.end();
    },
  },
  {
    name: 'a hundred messages of 8 MiB that are announced and never sent',
    attack: ({ mallory }) =>
      withFlatMemory(200e6, async () => {
        const { control } = await RawPeer.link(mallory.raw);
        await control.pour(
          repeated(200, (i) =>
            i % 2 === 0 ? openFrame(i + 1, 'fetch') : dataFrame(i, 8 * 1024 * 1024, Buffer.alloc(1)),
          ),
        );
        await systemTimers.sleep(50);
        control.end();
      }),
  },
];

/** Where somebody who may come in stops talking; each is ended by time alone, and keeps nobody else out. */
const stalls: readonly { readonly name: string; readonly stall: (cast: Cast) => Promise<RawPeer> }[] = [
  { name: 'after the first message', stall: ({ mallory }) => RawPeer.knock(mallory.raw) },
  {
    name: 'after the answer, without a confirm',
    stall: async ({ mallory }) => {
      const peer = await RawPeer.knock(mallory.raw);
      await peer.answered();
      return peer;
    },
  },
  { name: 'after the confirm, without a data connection', stall: ({ mallory }) => RawPeer.dial(mallory.raw) },
];

export const rawAttacks: readonly Attack[] = [
  ...Object.entries(violations).flatMap(([name, frames]) =>
    (['control', 'data'] as const).map((which) => ({
      name: `${name}, on the ${which} connection`,
      told: 'protocol_violation',
      attack: async ({ mallory }: Cast) => {
        const link = await RawPeer.link(mallory.raw);
        for (const frame of frames) link[which].send(frame);
        const [control, data] = await Promise.all([link.control.goodbye(), link.data.goodbye()]);
        assert.deepEqual([control?.code, data?.code], ['protocol_violation', 'protocol_violation']);
      },
    })),
  ),
  { name: 'more than the credit', told: 'protocol_violation', attack: overrun },
  { name: 'more credit than a counter holds', told: 'protocol_violation', attack: credits },
  {
    name: 'text instead of bytes',
    attack: async ({ mallory }) => {
      const { control } = await RawPeer.link(mallory.raw);
      control.webSocket.send('hello');
      await control.closed;
    },
  },
  {
    name: 'a WebSocket message of 64 KiB',
    attack: async ({ mallory }) => {
      const { control } = await RawPeer.link(mallory.raw);
      control.webSocket.send(Buffer.alloc(kib64));
      await control.closed;
    },
  },
  {
    name: 'a sealed frame sent twice',
    attack: async ({ mallory }) => {
      const { control } = await RawPeer.link(mallory.raw);
      control.webSocket.send(Buffer.alloc(21, 3));
      await control.closed;
    },
  },
  {
    name: 'a seventeenth data connection',
    attack: async ({ mallory }) => {
      const { control, data: first } = await RawPeer.link(mallory.raw);
      const psk = dataSecret(mallory.raw.psk, control.initiator.hash);
      const others = [];
      for (let i = 0; i < 16; i++) others.push(await RawPeer.dial({ ...mallory.raw, psk }, 2));
      await others.at(-1)?.closed;
      assert.ok(first.webSocket.readyState === first.webSocket.OPEN);
      control.end();
      await Promise.all(others.map((peer) => peer.closed));
    },
  },
  ...stalls.map(({ name, stall }) => ({
    name: `a handshake stalls ${name}`,
    attack: async (cast: Cast) => {
      const peer = await stall(cast);
      await peer.closed;
    },
  })),
  ...floods,
];
