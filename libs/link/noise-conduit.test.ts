import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryPair } from './memory-conduit.ts';
import { NoiseConduit } from './noise-conduit.ts';
import { NoiseHandshake } from './noise-handshake.ts';
import { settle } from './testing/simulated-time.ts';
import { generateKeyPair } from './x25519.ts';

function sessions() {
  const [us, them] = [generateKeyPair(), generateKeyPair()];
  const common = { pattern: 'XXpsk0' as const, prologue: new Uint8Array(0), psk: new Uint8Array(32) };
  const initiator = NoiseHandshake.initiator({ ...common, staticKeyPair: us });
  const responder = NoiseHandshake.responder({ ...common, staticKeyPair: them });
  responder.readMessage(initiator.writeMessage(new Uint8Array(0)));
  initiator.readMessage(responder.writeMessage(new Uint8Array(0)));
  responder.readMessage(initiator.writeMessage(new Uint8Array(0)));
  return [initiator.split(), responder.split()] as const;
}

function sealedPair(options: { messageBytesMax?: number; rekeyAfterMessages?: number } = {}) {
  const [ours, theirs] = sessions();
  const line = memoryPair({ frameBytesMax: 65_535 });
  return {
    line,
    left: new NoiseConduit(line.left, ours, options),
    right: new NoiseConduit(line.right, theirs, options),
  };
}

test('frames pass sealed, both ways, across many changes of the key', async () => {
  const { left, right } = sealedPair({ rekeyAfterMessages: 3 });
  const heard: string[] = [];
  left.attach({ frame: (bytes) => heard.push(`left ${Buffer.from(bytes)}`), drain: () => undefined });
  right.attach({ frame: (bytes) => heard.push(`right ${Buffer.from(bytes)}`), drain: () => undefined });
  for (let index = 0; index < 20; index += 1) left.send([Buffer.from('to '), Buffer.from(String(index))]);
  right.send([Buffer.from('back')]);
  await settle();
  assert.deepEqual(heard.slice(0, 2), ['right to 0', 'right to 1']);
  assert.equal(heard.length, 21);
  assert.equal(heard.at(-1), 'left back');
});

test('the largest frame of each size of message fits exactly', async () => {
  for (const messageBytesMax of [undefined, 16_384]) {
    const { left, right, line } = sealedPair(messageBytesMax === undefined ? {} : { messageBytesMax });
    assert.equal(left.frameBytesMax, (messageBytesMax ?? 65_535) - 16);
    const length = await new Promise<number>((resolve) => {
      right.attach({ frame: (bytes) => resolve(bytes.length), drain: () => undefined });
      left.send([new Uint8Array(left.frameBytesMax)]);
    });
    assert.equal(length, left.frameBytesMax);
    assert.equal(line.left.bytesSent, length + 16);
  }
});

test('a forged frame cuts the conduit, and nothing after it is delivered', async () => {
  const { left, right, line } = sealedPair();
  const heard: Uint8Array[] = [];
  right.attach({ frame: (bytes) => heard.push(bytes), drain: () => undefined });
  left.send([Buffer.from('good')]);
  line.left.send([Buffer.alloc(30)]);
  left.send([Buffer.from('after')]);
  assert.match(await right.closed, /does not open/);
  await settle();
  assert.equal(heard.length, 1);
});
