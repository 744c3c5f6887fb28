import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAppError } from '#runtime';
import type { Volumes } from './volumes.ts';

const bytes = (text: string) => new Uint8Array(Buffer.from(text));
const text = (content: Uint8Array) => Buffer.from(content).toString();
const isGone = (error: unknown) => isAppError(error, 'volume_gone');

/** What every adapter of Volumes must keep. `open` gives empty volumes of their own a call. */
export function volumesConformance(name: string, open: () => Promise<Volumes>): void {
  test(`${name}: what was appended is read back from any offset, and a read behind the end is short`, async () => {
    const volumes = await open();
    const file = await volumes.create('000000/a.open');
    await file.append([bytes('hello '), bytes(''), bytes('wor')]);
    await file.append([bytes('ld')]);
    await file.datasync();
    assert.equal(file.length, 11);
    assert.equal(text(await volumes.readAt('000000/a.open', 6, 5)), 'world');
    assert.equal(text(await volumes.readAt('000000/a.open', 9, 100)), 'ld');
    assert.equal((await volumes.readAt('000000/a.open', 50, 4)).length, 0);
    await file.close();
    await volumes.close();
  });

  test(`${name}: many parts go in one append`, async () => {
    const volumes = await open();
    const file = await volumes.create('000000/many');
    await file.append(Array.from({ length: 3000 }, (_, i) => bytes(String(i % 10))));
    assert.equal(file.length, 3000);
    assert.equal(text(await volumes.readAt('000000/many', 2990, 20)), '0123456789');
    await file.close();
    await volumes.close();
  });

  test(`${name}: a renamed file has its new name only, also for who read it under the old one`, async () => {
    const volumes = await open();
    const file = await volumes.create('000001/a.open');
    await file.append([bytes('abc')]);
    await volumes.readAt('000001/a.open', 0, 1);
    await file.close();
    await volumes.rename('000001/a.open', '000001/a.pack');
    assert.equal(text(await volumes.readAt('000001/a.pack', 1, 1)), 'b');
    await assert.rejects(volumes.readAt('000001/a.open', 0, 1), isGone);
    assert.deepEqual(await volumes.list(), [{ name: '000001/a.pack', bytes: 3 }]);
    await volumes.close();
  });

  test(`${name}: a name is created once, and removed once`, async () => {
    const volumes = await open();
    await (await volumes.create('000000/a')).close();
    await assert.rejects(volumes.create('000000/a'), (error) => isAppError(error));
    await volumes.remove('000000/a');
    await assert.rejects(volumes.remove('000000/a'), isGone);
    await assert.rejects(volumes.readAt('000000/a', 0, 1), isGone);
    await (await volumes.create('000000/a')).close();
    await volumes.close();
  });

  test(`${name}: a reopened file is cut and grows on`, async () => {
    const volumes = await open();
    const file = await volumes.create('000000/a');
    await file.append([bytes('keep this, not that')]);
    await file.close();
    const again = await volumes.reopen('000000/a', 9);
    await again.append([bytes(' too')]);
    await again.datasync();
    await again.close();
    assert.equal(text(await volumes.readAt('000000/a', 0, 100)), 'keep this too');
    await volumes.close();
  });

  test(`${name}: a small file is there as a whole or not at all`, async () => {
    const volumes = await open();
    assert.equal(await volumes.readSmall('store.json'), undefined);
    await volumes.writeSmall('store.json', bytes('{}'));
    await volumes.writeSmall('store.json', bytes('{"a":1}'));
    assert.equal(text((await volumes.readSmall('store.json')) ?? bytes('')), '{"a":1}');
    assert.deepEqual(await volumes.list(), [{ name: 'store.json', bytes: 7 }]);
    await volumes.close();
  });

  test(`${name}: more files are read than may be open at a time`, async () => {
    const volumes = await open();
    const names = Array.from({ length: 300 }, (_, i) => `000000/${i}`);
    for (const file of names) {
      const growing = await volumes.create(file);
      await growing.append([bytes(file)]);
      await growing.close();
    }
    const read = await Promise.all([...names, ...names].map((file) => volumes.readAt(file, 0, 100)));
    assert.deepEqual(read.map(text), [...names, ...names]);
    assert.ok((await volumes.freeBytes()) > 0);
    await volumes.close();
  });
}
