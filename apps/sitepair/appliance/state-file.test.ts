import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { AppError, isAppError } from '#runtime';
import { KnownLosses } from './known-losses.ts';
import { readStateFile, writeStateFile } from './state-file.ts';

function testFolder() {
  const path = mkdtempSync(join(tmpdir(), 'sitepair-state-file-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

const asRead = (path: string) => readStateFile(path, 'Advice.', (content) => content.names);

test('a changed byte, a cut and garbage are told as damage of that file, with advice; what was written is read', () => {
  using folder = testFolder();
  const path = join(folder.path, 'some.json');
  assert.equal(asRead(path), undefined);
  writeStateFile(path, { names: ['south', 'west'] });
  assert.deepEqual(asRead(path), ['south', 'west']);
  const whole = readFileSync(path);
  const damaged: Buffer[] = [
    Buffer.alloc(0),
    Buffer.from('null'),
    Buffer.from('{"format":1,"names":'),
    Buffer.alloc(90),
  ];
  for (let length = 0; length < whole.length - 2; length += 3) damaged.push(whole.subarray(0, length));
  const content = whole.indexOf('south');
  for (let bit = 0; bit < 8; bit++) {
    const flipped = Buffer.from(whole);
    flipped[content + 1] = (flipped[content + 1] ?? 0) ^ (1 << bit);
    damaged.push(flipped);
  }
  for (const bytes of damaged) {
    writeFileSync(path, bytes);
    assert.throws(
      () => asRead(path),
      (error) => error instanceof AppError && error.code === 'state_damaged' && error.message.includes(path),
      bytes.toString(),
    );
  }
});

test('a newer format is told as that; a file without check, of an earlier version, is read', () => {
  using folder = testFolder();
  const path = join(folder.path, 'some.json');
  writeFileSync(path, '{"format":2,"names":[]}');
  assert.throws(
    () => asRead(path),
    (error) => isAppError(error, 'state_too_new'),
  );
  writeFileSync(path, '{"format":1,"names":["south"]}');
  assert.deepEqual(asRead(path), ['south']);
});

test('a note of losses that cannot be read counts as a loss until a clean check clears it', () => {
  using folder = testFolder();
  const losses = new KnownLosses(folder.path);
  losses.note('pack 1 lost records');
  assert.deepEqual(new KnownLosses(folder.path).reasons, ['pack 1 lost records']);
  writeFileSync(join(folder.path, 'losses.json'), '{"format":1,"rea');
  const damaged = new KnownLosses(folder.path);
  assert.ok(damaged.any);
  damaged.clear();
  assert.ok(!new KnownLosses(folder.path).any);
});
