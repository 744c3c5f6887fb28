import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { toHex } from '#runtime';
import { toContentHash } from './ids.ts';
import { contentHash, createRecordNamer, recordId } from './naming.ts';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

test('a content hash is SHA-256', () => {
  const ofAbc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
  assert.equal(toHex(contentHash(Buffer.from('abc'))), ofAbc);
});

test('an id is the first 20 bytes of HMAC-SHA-256 over kind and hash', () => {
  fc.assert(
    fc.property(bytes(32), bytes(32), (idKey, hashBytes) => {
      for (const [kind, byte] of [
        ['leaf', '01'],
        ['node', '02'],
      ] as const) {
        const mac = createHmac('sha256', idKey).update(byte, 'hex').update(hashBytes).digest('hex');
        assert.equal(toHex(recordId(idKey, kind, toContentHash(hashBytes))), mac.slice(0, 40));
      }
    }),
  );
});

test('a namer gives the same ids as naming one by one, alone and in batches', () => {
  fc.assert(
    fc.property(bytes(32), fc.array(bytes(32)), (idKey, hashes) => {
      const namer = createRecordNamer(idKey);
      const contentHashes = hashes.map((one) => toContentHash(one));
      for (const kind of ['leaf', 'node'] as const) {
        const expected = contentHashes.map((one) => recordId(idKey, kind, one));
        assert.deepEqual(namer.nameAll(kind, contentHashes), expected);
        assert.deepEqual(
          contentHashes.map((one) => namer.name(kind, one)),
          expected,
        );
      }
    }),
  );
});

test('a leaf never has the name of a node with the same hash, nor of the same leaf in another domain', () => {
  const hash = contentHash(createHash('sha256').update('x').digest());
  const names = [1, 2].flatMap((fill) => {
    const namer = createRecordNamer(new Uint8Array(32).fill(fill));
    return [toHex(namer.name('leaf', hash)), toHex(namer.name('node', hash))];
  });
  assert.equal(new Set(names).size, 4);
});

test('ids given out keep their bytes when the namer names on', () => {
  const namer = createRecordNamer(new Uint8Array(32));
  const first = namer.name('leaf', contentHash(Buffer.from('1')));
  const before = toHex(first);
  namer.name('leaf', contentHash(Buffer.from('2')));
  assert.equal(toHex(first), before);
});
