import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isAppError } from '#runtime';
import {
  commonVersion,
  firstHeader,
  isFrom,
  openRefusal,
  parseFirstMessage,
  sealFirstMessage,
  sealRefusal,
} from './first-message.ts';
import { decodeError, decodeHello, encodeError, encodeHello, type Hello } from './link-messages.ts';
import { decodeFrame } from './mux-frames.ts';
import { ReplayGuard } from './replay-guard.ts';

const psk = new Uint8Array(32).fill(9);
const first = sealFirstMessage(firstHeader('door', { min: 1, max: 2 }, psk, 'agent'), psk, new Uint8Array(48));

test('a first message says what it is for, and any changed byte makes it nobody’s', () => {
  const parsed = parseFirstMessage(first);
  assert.ok(parsed);
  assert.deepEqual([parsed.entry, parsed.purpose, parsed.versions], ['door', 'agent', { min: 1, max: 2 }]);
  assert.ok(isFrom(parsed, psk));
  for (let index = 0; index < first.length; index += 1) {
    const changed = new Uint8Array(first);
    changed[index] = changed[index]! ^ 0x10;
    const other = parseFirstMessage(changed);
    assert.ok(other === undefined || !isFrom(other, psk));
  }
});

test('a refusal counts only from who knows the psk, and only for the message that it answers', () => {
  const parsed = parseFirstMessage(first);
  assert.ok(parsed);
  const refusal = sealRefusal(parsed, { min: 3, max: 4 }, psk);
  assert.equal(refusal.length, 20);
  assert.deepEqual(openRefusal(refusal, first, psk), { min: 3, max: 4 });
  const other = sealFirstMessage(
    firstHeader('door', { min: 1, max: 2 }, psk, 'agent'),
    psk,
    new Uint8Array(48).fill(1),
  );
  assert.equal(openRefusal(refusal, other, psk), undefined);
  assert.equal(openRefusal(sealRefusal(parsed, { min: 3, max: 4 }, new Uint8Array(32)), first, psk), undefined);
});

test('the newest version that both speak is chosen', () => {
  assert.equal(commonVersion({ min: 1, max: 3 }, { min: 2, max: 5 }), 3);
  assert.equal(commonVersion({ min: 1, max: 1 }, { min: 1, max: 1 }), 1);
  assert.equal(commonVersion({ min: 1, max: 1 }, { min: 2, max: 5 }), undefined);
});

test('random bytes are refused by every parser, with a typed error or undefined', () => {
  const typed = (run: () => unknown) => {
    try {
      run();
    } catch (error) {
      assert(isAppError(error));
    }
  };
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      parseFirstMessage(bytes);
      typed(() => decodeFrame(bytes));
      typed(() => decodeError(bytes));
      typed(() => decodeHello(bytes));
      const padded = new Uint8Array(192);
      padded.set(bytes.subarray(0, 150), 2);
      padded[1] = Math.min(bytes.length, 150);
      typed(() => decodeHello(padded));
    }),
  );
});

test('a hello and an error survive the way, and what is too long is cut', () => {
  const hello: Hello = {
    siteId: new Uint8Array(16).fill(1),
    incarnation: 7,
    instance: new Uint8Array(8).fill(2),
    software: '10.20.30-rc.1+build.1234567890',
    clockSeconds: 4_000_000_000,
    versionMin: 1,
    versionMax: 255,
    version: 200,
    dataConnections: 16,
  };
  assert.deepEqual(decodeHello(encodeHello(hello)), hello);
  const error = decodeError(encodeError(new TypeError('secret')));
  assert.equal(error.code, 'internal');
});

test('the replay guard forgets the oldest only', () => {
  const guard = new ReplayGuard();
  const mac = (index: number) => Buffer.from(String(index));
  assert.ok(guard.isNew(mac(0)));
  assert.ok(!guard.isNew(mac(0)));
  for (let index = 1; index <= 4096; index += 1) guard.isNew(mac(index));
  assert.ok(!guard.isNew(mac(4096)));
  assert.ok(guard.isNew(mac(0)));
});
