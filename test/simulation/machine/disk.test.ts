import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Disk, SimulatedFile, SimulatedFolder } from './disk.ts';
import { SeededRandom } from './random.ts';

function fileWith(...writes: readonly string[]): SimulatedFile {
  const file = new SimulatedFile();
  for (const text of writes) file.write(file.length, Buffer.from(text));
  return file;
}

test('what a sync covered survives every power cut; what it did not is kept, lost or torn', () => {
  const endings = new Set<string>();
  for (let seed = 0; seed < 200; seed++) {
    const file = fileWith('one', 'two');
    file.synced();
    file.write(6, Buffer.from('three'));
    file.cutPower(new SeededRandom(seed));
    const text = file.content().toString();
    assert.ok('onetwothree'.startsWith(text) && text.length >= 6, text);
    endings.add(text);
  }
  assert.ok(endings.has('onetwo') && endings.has('onetwothree') && endings.size > 3);
});

test('what a failed sync should have written reads well and is nowhere, also after the next sync', () => {
  const file = fileWith('one');
  file.synced();
  file.write(3, Buffer.from('two'));
  file.syncFailed();
  file.write(6, Buffer.from('six'));
  file.synced();
  assert.equal(file.content().toString(), 'onetwosix');
  file.cutPower(new SeededRandom(1));
  assert.equal(file.content().toString(), 'one\0\0\0six');
});

test('a new name that no sync of its folder covered may be lost, a renamed one has one of both names', () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 50; seed++) {
    const disk = new Disk(seed);
    disk.root.set('kept', fileWith('a'));
    disk.root.changes = [];
    disk.root.rename('kept', 'moved');
    disk.root.set('new', new SimulatedFolder());
    disk.cutPower(new SeededRandom(seed));
    const names = [...disk.root.entries.keys()].sort().join();
    seen.add(names);
  }
  assert.deepEqual([...seen].sort(), ['kept', 'moved', 'moved,new']);
});
