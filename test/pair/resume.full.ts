import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createReadStream, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemTimers } from '#runtime';
import { MeteredLine } from '../../apps/sitepair/demo/metered-line.ts';
import { seededFractions } from '../kit/kill-trial.ts';
import { writeSeededFile } from '../kit/seeded-file.ts';
import { pairThroughLine, TestSite, testFolder, untilHeldBy } from '../kit/test-site.ts';

const fileBytes = 2_000_000_000;
const kills = 5;

// PROTOCOL.md section 4: "at most `window_bytes` are unacknowledged, but one record always may be". A receiver grants 32 MiB;
// no record of this file is larger than that.
const windowBytes = 32 * 1024 * 1024;
// LINK.md sections 1, 3 and 5: a WebSocket message of 65,535 bytes at most carries a frame head of 5 to 9 bytes, Noise's 16,
// and a WebSocket header of 8 (masked) in front: 33 in 65,535. A record brings 8 more of sequence number, of some 400,000.
const framingShare = 0.0006;
// Section 4: each session offers ids of 20 bytes each, and their counts; of a file of chunks of 384 KiB on average, 128 KiB
// at least. And a session's handshakes, catalog and heartbeats.
const sessionBytes = (20 + 2) * Math.ceil(fileBytes / (128 * 1024)) + 128 * 1024;

function packBytes(site: TestSite): number {
  const packs = readdirSync(join(site.state, 'packs'), { recursive: true, withFileTypes: true });
  return packs
    .filter(({ name }) => /\.(pack|open)$/.test(name))
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const part of createReadStream(path, { highWaterMark: 4 * 1024 * 1024 })) hash.update(part);
  return hash.digest('hex');
}

/** Lets a part of the file cross, kills the receiver there, and starts it again; returns what it kept. */
async function killAfter(line: MeteredLine, receiver: TestSite, port: number, moreBytes: number): Promise<number> {
  const at = line.bytes + moreBytes;
  while (line.bytes < at) await systemTimers.sleep(5);
  await receiver.kill();
  const kept = packBytes(receiver);
  await receiver.serve(port);
  return kept;
}

test('a file of 2 GB whose receiver is killed five times crosses the line once, but for the unacknowledged windows', async (t) => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  const fraction = seededFractions(seed);
  using root = testFolder('resume');
  await using north = await TestSite.init(root.path, 'north');
  await using south = await TestSite.init(root.path, 'south');
  const southAddress = await south.serve();
  const port = Number(southAddress.split(':').at(-1));
  await north.serveUnreachable();
  await using line = await MeteredLine.open(southAddress);
  await pairThroughLine(south, north, line.address);

  const file = join(root.path, 'film.raw');
  writeSeededFile(file, fileBytes, seed);
  const before = { line: line.bytes, south: packBytes(south) };
  await north.ok('backup', file, '--dataset', 'film');
  const recordsBytes = packBytes(north);
  const replicated = north.run('replicate');

  const share = fileBytes / (kills + 1);
  const told: string[] = [`seed ${seed}`];
  for (let kill = 1; kill <= kills; kill++) {
    const kept = (await killAfter(line, south, port, share * (0.5 + 0.5 * fraction()))) - before.south;
    const crossed = line.bytes - before.line;
    told.push(`kill ${kill}: ${crossed} had crossed, ${kept} were kept, ${crossed - kept} are lost so far`);
    const lostMax = kill * (windowBytes + sessionBytes) + framingShare * crossed;
    assert.ok(crossed - kept <= lostMax, `more than the unacknowledged window was lost\n${told.join('\n')}`);
  }
  const { code, stdout, stderr } = await replicated;
  assert.equal(code, 0, `${told.join('\n')}\n${stdout}${stderr}${north.log()}`);
  const crossed = line.bytes - before.line;
  const crossedMax =
    recordsBytes * (1 + framingShare) + kills * windowBytes * (1 + framingShare) + (kills + 1) * sessionBytes;
  told.push(`${recordsBytes} in packs, ${crossed} crossed, ${Math.floor(crossedMax)} may`);
  t.diagnostic(told.join('; '));
  assert.ok(crossed >= recordsBytes * 0.99, `the line has missed something\n${told.join('\n')}`);
  assert.ok(crossed <= crossedMax, `acknowledged records were sent again\n${told.join('\n')}`);

  await untilHeldBy(south, 2);
  await north.stop();
  rmSync(north.state, { recursive: true });
  const target = join(root.path, 'restored');
  await south.ok('restore', 'north/film@latest', '--to', target);
  assert.equal(await digestOf(join(target, file)), await digestOf(file));
});
