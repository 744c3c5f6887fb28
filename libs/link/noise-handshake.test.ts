import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fromHex, isAppError, toHex } from '#runtime';
import type { NoiseCipher } from './noise-cipher.ts';
import { NoiseHandshake, type NoisePattern } from './noise-handshake.ts';
import { generateKeyPair, keyPairFromSecret, sharedSecret } from './x25519.ts';

interface Vector {
  readonly protocol_name: string;
  readonly init_prologue: string;
  readonly init_psks: readonly [string];
  readonly init_static: string;
  readonly init_ephemeral: string;
  readonly init_remote_static?: string;
  readonly resp_static: string;
  readonly resp_ephemeral: string;
  readonly messages: readonly { readonly payload: string; readonly ciphertext: string | null }[];
}

const published: { readonly vectors: readonly Vector[] } = JSON.parse(
  readFileSync(new URL('vectors/noise-vectors.json', import.meta.url), 'utf8'),
);

for (const vector of published.vectors) {
  test(`${vector.protocol_name} makes and reads the published bytes`, () => {
    const pattern = vector.protocol_name.split('_')[1] as NoisePattern;
    const common = { pattern, prologue: fromHex(vector.init_prologue), psk: fromHex(vector.init_psks[0]) };
    const initiator = NoiseHandshake.initiator({
      ...common,
      staticKeyPair: keyPairFromSecret(fromHex(vector.init_static)),
      ephemeralForTest: keyPairFromSecret(fromHex(vector.init_ephemeral)),
      ...(vector.init_remote_static === undefined ? {} : { remoteStatic: fromHex(vector.init_remote_static) }),
    });
    const responder = NoiseHandshake.responder({
      ...common,
      staticKeyPair: keyPairFromSecret(fromHex(vector.resp_static)),
      ephemeralForTest: keyPairFromSecret(fromHex(vector.resp_ephemeral)),
    });
    let ciphers: { up: [NoiseCipher, NoiseCipher]; down: [NoiseCipher, NoiseCipher] } | undefined;
    for (const [index, { payload, ciphertext }] of vector.messages.entries()) {
      const fromInitiator = index % 2 === 0;
      let message: Uint8Array;
      let read: Uint8Array;
      if (ciphers === undefined) {
        message = (fromInitiator ? initiator : responder).writeMessage(fromHex(payload));
        read = (fromInitiator ? responder : initiator).readMessage(message);
      } else {
        const [send, receive] = fromInitiator ? ciphers.up : ciphers.down;
        message = send.encrypt([fromHex(payload)]);
        read = receive.decrypt(message);
      }
      if (ciphertext !== null) assert.equal(toHex(message), ciphertext);
      assert.equal(toHex(read), payload);
      if (ciphers === undefined && initiator.finished) {
        const [left, right] = [initiator.split(), responder.split()];
        ciphers = { up: [left.send, right.receive], down: [right.send, left.receive] };
        assert.deepEqual(left.handshakeHash, right.handshakeHash);
      }
    }
    assert.ok(ciphers);
    assert.deepEqual(initiator.remoteStatic, keyPairFromSecret(fromHex(vector.resp_static)).publicKey);
    assert.deepEqual(responder.remoteStatic, keyPairFromSecret(fromHex(vector.init_static)).publicKey);
  });
}

function finishedPair() {
  const [us, them] = [generateKeyPair(), generateKeyPair()];
  const common = { pattern: 'IKpsk2' as const, prologue: new Uint8Array(3), psk: new Uint8Array(32).fill(7) };
  const initiator = NoiseHandshake.initiator({ ...common, staticKeyPair: us, remoteStatic: them.publicKey });
  const responder = NoiseHandshake.responder({ ...common, staticKeyPair: them });
  responder.readMessage(initiator.writeMessage(new Uint8Array(0)));
  initiator.readMessage(responder.writeMessage(new Uint8Array(0)));
  return [initiator.split(), responder.split()] as const;
}

test('both directions go on after a rekey, and a key from before it opens nothing', () => {
  const [left, right] = finishedPair();
  const hello = Buffer.from('hello');
  assert.deepEqual(right.receive.decrypt(left.send.encrypt([hello])), hello);
  left.send.rekey();
  right.receive.rekey();
  assert.deepEqual(right.receive.decrypt(left.send.encrypt([hello])), hello);
  left.send.rekey();
  const sealed = left.send.encrypt([hello]);
  assert.throws(
    () => right.receive.decrypt(sealed),
    (error) => isAppError(error, 'handshake_failed'),
  );
});

test('a transport message that is repeated, reordered or changed does not open', () => {
  const [left, right] = finishedPair();
  const [first, second] = [left.send.encrypt([Buffer.from('a')]), left.send.encrypt([Buffer.from('b')])];
  assert.throws(
    () => right.receive.decrypt(second),
    (error) => isAppError(error, 'handshake_failed'),
  );
  const [again] = finishedPair();
  assert.throws(() => right.receive.decrypt(again.send.encrypt([Buffer.from('a')])));
  assert.throws(() => right.receive.decrypt(first.subarray(1)));
  assert.throws(() => right.receive.decrypt(new Uint8Array(3)));
});

test('every single flipped bit in handshake message 1 is noticed', () => {
  const [us, them] = [generateKeyPair(), generateKeyPair()];
  const common = { pattern: 'IKpsk2' as const, prologue: new Uint8Array(3), psk: new Uint8Array(32).fill(7) };
  const initiator = NoiseHandshake.initiator({ ...common, staticKeyPair: us, remoteStatic: them.publicKey });
  const message = initiator.writeMessage(Buffer.from('who I am'));
  for (let index = 0; index < message.length; index += 1) {
    const changed = new Uint8Array(message);
    changed[index] = changed[index]! ^ (1 << (index % 8));
    // X25519 ignores the top bit of a public key, but the transcript hash does not.
    const responder = NoiseHandshake.responder({ ...common, staticKeyPair: them });
    assert.throws(
      () => responder.readMessage(changed),
      (error) => isAppError(error, 'handshake_failed'),
    );
  }
});

test('a public key of low order is refused', () => {
  const { secretKey } = generateKeyPair();
  assert.throws(
    () => sharedSecret(secretKey, new Uint8Array(32)),
    (error) => isAppError(error, 'handshake_failed'),
  );
});

test('another psk or another static key never gets through', () => {
  const [us, them, other] = [generateKeyPair(), generateKeyPair(), generateKeyPair()];
  const common = { pattern: 'IKpsk2' as const, prologue: new Uint8Array(3) };
  const psk = new Uint8Array(32).fill(1);
  const toOther = NoiseHandshake.initiator({ ...common, psk, staticKeyPair: us, remoteStatic: other.publicKey });
  const responder = NoiseHandshake.responder({ ...common, psk, staticKeyPair: them });
  assert.throws(() => responder.readMessage(toOther.writeMessage(new Uint8Array(0))));

  const initiator = NoiseHandshake.initiator({ ...common, psk, staticKeyPair: us, remoteStatic: them.publicKey });
  const wrongPsk = NoiseHandshake.responder({ ...common, psk: new Uint8Array(32).fill(2), staticKeyPair: them });
  wrongPsk.readMessage(initiator.writeMessage(new Uint8Array(0)));
  assert.throws(() => initiator.readMessage(wrongPsk.writeMessage(new Uint8Array(0))));
});
