import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { isAppError, toHex } from '#runtime';
import { decodeFrame, encodeFrame, scanFrames } from './log-frame.ts';
import { agree, allViews, converge, dataset, pair, snapshot, TestSite } from './testing/test-site.ts';

const mail = dataset('mail');

function logOf(site: TestSite, of = site): string {
  const folder = join(site.folder, 'logs', toHex(of.siteId));
  const name = readdirSync(folder).find((file) => file.endsWith('.log'));
  return join(folder, name ?? 'none');
}

function flip(path: string, at: number): void {
  writeFileSync(
    path,
    readFileSync(path).map((byte, i) => (i === at ? byte ^ 0x10 : byte)),
  );
}

async function siteWithLog(t: { after(run: () => Promise<unknown>): void }): Promise<TestSite> {
  const a = await new TestSite('a').init();
  t.after(() => a.remove());
  await a.catalog.append([mail]);
  for (let i = 1; i <= 3; i++) await a.catalog.append([snapshot(mail, `${i}`, i)]);
  return a;
}

function labels(site: TestSite, of = site): unknown[] {
  const page = site.catalog.views.snapshots({ siteId: of.siteId, datasetId: mail.datasetId, oldestFirst: true });
  return page.snapshots.map((view) => view.started?.seconds);
}

async function* blocksOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function partsOf(bytes: Uint8Array, blockBytes: number): Promise<string[]> {
  async function* blocks() {
    for (let at = 0; at < bytes.length; at += blockBytes) yield bytes.subarray(at, at + blockBytes);
  }
  const parts: string[] = [];
  for await (const part of scanFrames(blocks())) {
    parts.push(
      part.signedBytes === undefined ? `bad ${part.offset}+${part.length}` : `good ${part.signedBytes.length}`,
    );
  }
  return parts;
}

test('a scan yields every frame that is whole, however the file is cut into blocks', async () => {
  const frames = [10, 2000, 1].map((length) => encodeFrame(new Uint8Array(length).fill(length)));
  const noise = new Uint8Array(Buffer.from('noise \xa7SPB\r\n between', 'latin1'));
  const file = new Uint8Array(Buffer.concat([frames[0]!, noise, frames[1]!, frames[2]!, frames[1]!.subarray(0, 500)]));
  const expected = ['good 10', `bad 38+${noise.length}`, 'good 2000', 'good 1', `bad ${file.length - 500}+500`];
  for (const blockBytes of [1, 7, 64, 5000, 1_000_000]) assert.deepEqual(await partsOf(file, blockBytes), expected);
});

test('any flipped bit of a frame makes it no frame', () => {
  const frame = encodeFrame(new Uint8Array(20).fill(7));
  assert.ok(decodeFrame(frame) !== undefined);
  for (let bit = 0; bit < frame.length * 8; bit++) {
    const bad = new Uint8Array(frame);
    bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.equal(decodeFrame(bad), undefined);
  }
});

test('a batch torn at any byte before it was acknowledged is cut off, and the log goes on', async (t) => {
  const a = await siteWithLog(t);
  const path = logOf(a);
  await a.close();
  const before = { log: readFileSync(path), views: join(a.folder, 'views') };
  await a.open();
  await a.catalog.append([snapshot(mail, '4', 4)]);
  await a.close();
  const whole = readFileSync(path);
  // Without views nobody knows what was acknowledged: the shortest form of a crash before the acknowledgement.
  const step = 37;
  for (let length = before.log.length; length < whole.length; length += length < before.log.length + 20 ? 1 : step) {
    writeFileSync(path, whole.subarray(0, length));
    rmSync(before.views, { recursive: true, force: true });
    await a.open();
    assert.deepEqual(labels(a), [1, 2, 3]);
    assert.equal(statSync(path).size, before.log.length);
    const cut = a.catalog.problems().find((problem) => problem.kind === 'tail_cut');
    assert.equal(cut?.kind === 'tail_cut' ? cut.bytes : 0, length - before.log.length);
    await a.close();
  }
  await a.open();
  await a.catalog.append([snapshot(mail, '5', 5)]);
  await a.restart();
  assert.deepEqual(labels(a), [1, 2, 3, 5]);
});

test('a log that has lost something acknowledged is not written to: the site says so, and a peer heals it', async (t) => {
  const a = await siteWithLog(t);
  const b = await new TestSite('b').init();
  t.after(() => b.remove());
  await pair(a, b);
  await converge(a, b);
  const views = allViews(b);
  const path = logOf(a);
  const good = readFileSync(path);
  for (const damage of ['first', 'middle', 'last', 'cut', 'gone'] as const) {
    await a.close();
    const place = { first: 30, middle: good.length >> 1, last: good.length - 30, cut: 0, gone: 0 }[damage];
    if (damage === 'gone') rmSync(path);
    else if (damage === 'cut') truncateSync(path, good.length - 1);
    else
      writeFileSync(
        path,
        good.map((byte, i) => (i === place ? byte ^ 0x10 : byte)),
      );
    await a.open();
    assert.ok(
      a.catalog.problems().some((problem) => problem.kind === 'log_damaged'),
      damage,
    );
    await assert.rejects(a.catalog.append([mail]), (error) => isAppError(error));
    await a.restart();
    await assert.rejects(a.catalog.append([mail]), (error) => isAppError(error));
    await converge(a, b);
    assert.ok(agree(a, b));
    assert.equal(allViews(a), views);
    assert.ok(
      a.catalog.problems().every((problem) => problem.kind !== 'log_damaged'),
      damage,
    );
    assert.deepEqual((await a.catalog.verifyLogs()).faults, []);
  }
  await a.catalog.append([snapshot(mail, '9', 9)]);
  assert.ok(labels(a).includes(9));
});

test('batches behind a flipped bit that nobody else has count again once a peer has given back the one it hit', async (t) => {
  const a = await siteWithLog(t);
  const b = await new TestSite('b').init();
  t.after(() => b.remove());
  await pair(a, b);
  await a.catalog.append([snapshot(mail, '4', 4)]);
  await converge(a, b);
  for (let i = 5; i <= 7; i++) await a.catalog.append([snapshot(mail, `${i}`, i)]);
  const path = logOf(a);
  const good = readFileSync(path);
  const frames = await Array.fromAsync(scanFrames(blocksOf(good)));
  await a.close();
  flip(path, (frames.at(-4)?.offset ?? 0) + 50);
  await a.open();
  assert.deepEqual(labels(a), [1, 2, 3]);
  // A restart in between changes nothing.
  await a.restart();
  await converge(a, b);
  assert.deepEqual(labels(a), [1, 2, 3, 4, 5, 6, 7]);
  assert.ok(a.catalog.problems().every((problem) => problem.kind !== 'log_damaged'));
  assert.deepEqual((await a.catalog.verifyLogs()).faults, []);
  await converge(a, b);
  assert.deepEqual(labels(b, a), [1, 2, 3, 4, 5, 6, 7]);
  await a.restart();
  await a.catalog.append([snapshot(mail, '8', 8)]);
  assert.ok(labels(a).includes(8));
});

test('any flipped byte of a log is found: by opening it, and by verifying it while it is open', async (t) => {
  const a = await siteWithLog(t);
  const path = logOf(a);
  const good = readFileSync(path);
  for (let at = 0; at < good.length; at += 13) {
    writeFileSync(
      path,
      good.map((byte, i) => (i === at ? byte ^ 0x01 : byte)),
    );
    const { faults } = await a.catalog.verifyLogs();
    assert.ok(faults.length > 0, `byte ${at}`);
  }
  writeFileSync(path, good);
  assert.deepEqual((await a.catalog.verifyLogs()).faults, []);
  for (let at = 5; at < good.length; at += 211) {
    await a.close();
    for (const file of readdirSync(join(path, '..'))) rmSync(join(path, '..', file));
    writeFileSync(path, good);
    rmSync(join(a.folder, 'views'), { recursive: true });
    await a.open();
    await a.close();
    writeFileSync(
      path,
      good.map((byte, i) => (i === at ? byte ^ 0x80 : byte)),
    );
    await a.open();
    assert.ok(
      a.catalog.problems().some((problem) => problem.kind === 'log_damaged'),
      `byte ${at}`,
    );
  }
});

test('views of another version or boot, or that are not what was closed, are made anew', async (t) => {
  const a = await siteWithLog(t);
  const before = allViews(a);
  const folder = join(a.folder, 'views');
  const spoil: (() => void)[] = [
    () => writeFileSync(join(folder, 'stamp.json'), '{"version":0}'),
    () => writeFileSync(join(folder, 'stamp.json'), '{"version":1,"boot":"another","unclean":false}'),
    () => writeFileSync(join(folder, 'stamp.json'), 'torn'),
    () => truncateSync(join(folder, 'views.lmdb'), 8192),
    () => flip(join(folder, 'views.lmdb'), 12_345),
    () => rmSync(join(folder, 'stamp.json')),
    () => rmSync(join(folder, 'views.lmdb')),
    () => writeFileSync(join(folder, 'views.lmdb'), 'no database'),
    () => rmSync(folder, { recursive: true }),
  ];
  for (const [i, run] of spoil.entries()) {
    await a.close();
    run();
    await a.open();
    assert.equal(allViews(a), before, `way ${i}`);
    assert.deepEqual(a.catalog.problems(), []);
  }
});

test('views survive the end of a process that could not close them, once', async (t) => {
  const a = await siteWithLog(t);
  const before = allViews(a);
  const stamp = join(a.folder, 'views', 'stamp.json');
  const open = readFileSync(stamp);
  for (const expected of [true, false]) {
    await a.close();
    writeFileSync(stamp, open);
    await a.open();
    assert.equal(allViews(a), before);
    assert.equal(JSON.parse(readFileSync(stamp, 'utf8')).unclean, expected);
    open.set(readFileSync(stamp).subarray(0, open.length));
  }
});

test('a forged batch that a damaged log makes look like a frame is not believed', async (t) => {
  const a = await siteWithLog(t);
  await a.catalog.append([snapshot(mail, '4', 4)]);
  const path = logOf(a);
  await a.close();
  const good = readFileSync(path);
  let last = new Uint8Array(0);
  for await (const part of scanFrames(
    (async function* () {
      yield good;
    })(),
  ))
    last = new Uint8Array(part.signedBytes ?? last);
  // One bit of its signature, under a checksum that fits.
  last[last.length - 1] = (last.at(-1) ?? 0) ^ 1;
  const forged = encodeFrame(last);
  writeFileSync(path, Buffer.concat([good.subarray(0, good.length - forged.length), new Uint8Array(5), forged]));
  await a.open();
  assert.deepEqual(labels(a), [1, 2, 3]);
});

test('what a disk refuses is not acknowledged, and the catalog goes on by itself when the disk does', async (t) => {
  const a = await siteWithLog(t);
  const path = logOf(a);
  const good = readFileSync(path);
  rmSync(path);
  symlinkSync('/dev/full', path);
  const digest = a.catalog.digest();
  const refused = (error: unknown) => isAppError(error, 'catalog_write_failed') && error.retryable;
  for (const [text, at] of [['4', 4] as const, ['5', 5] as const]) {
    await assert.rejects(a.catalog.append([snapshot(mail, text, at)]), refused);
    assert.ok(a.catalog.problems().some(({ kind }) => kind === 'not_writable'));
  }
  rmSync(path);
  // Half of a batch that nobody was told of lies there, too.
  writeFileSync(path, Buffer.concat([good, new Uint8Array(77).fill(3)]));
  assert.deepEqual(a.catalog.digest(), digest);
  await a.catalog.append([snapshot(mail, '6', 6)]);
  assert.deepEqual(a.catalog.problems(), []);
  assert.deepEqual(labels(a), [1, 2, 3, 6]);
  await a.restart();
  assert.deepEqual(a.catalog.problems(), []);
  assert.deepEqual(labels(a), [1, 2, 3, 6]);
});

test('a disk that comes back with less than the catalog has seen is not written to before a restart', async (t) => {
  const a = await siteWithLog(t);
  const path = logOf(a);
  const good = readFileSync(path);
  rmSync(path);
  symlinkSync('/dev/full', path);
  await assert.rejects(a.catalog.append([snapshot(mail, '4', 4)]), (error) => isAppError(error));
  rmSync(path);
  writeFileSync(path, good.subarray(0, good.length - 5));
  await assert.rejects(a.catalog.append([snapshot(mail, '5', 5)]), (error) => isAppError(error));
  assert.deepEqual(readFileSync(path), good.subarray(0, good.length - 5));
});

test('a log that the disk cannot read is told as that, and not taken for a damaged one', async (t) => {
  const a = await siteWithLog(t);
  const path = logOf(a);
  await a.close();
  const good = readFileSync(path);
  rmSync(path);
  // The kernel answers a read at its beginning with EIO.
  symlinkSync('/proc/self/mem', path);
  await assert.rejects(a.open(), (error) => isAppError(error, 'state_read_failed') && error.retryable);
  assert.deepEqual(
    readdirSync(dirname(path)).filter((name) => name.includes('damaged')),
    [],
  );
  rmSync(path);
  writeFileSync(path, good);
  await a.open();
  assert.deepEqual(labels(a), [1, 2, 3]);
});

test('an entry is not shown to anybody before it is on stable storage', async (t) => {
  const a = await siteWithLog(t);
  const before = a.catalog.digest();
  const log = readFileSync(logOf(a)).length;
  const sizes: number[] = [];
  a.catalog.onChange(() => sizes.push(readFileSync(logOf(a)).length));
  const appended = a.catalog.append([snapshot(mail, '4', 4)]);
  assert.deepEqual(a.catalog.digest(), before);
  await appended;
  assert.ok(sizes.length === 1 && (sizes[0] ?? 0) > log);
});
