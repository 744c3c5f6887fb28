import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { type ClientRequest, Agent as HttpAgent, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { handshakeKeyOf, hintMac, hintMacMatches, pairHint, type SiteIdentity } from '#keys';
import { type Door, dialDoor, dialLink, LinkServer, type LinkSettings, type PairSecret } from '#link';
import { AppError, equalBytes, fromHex, systemClock, type Timers } from '#runtime';
import { FakeSocket, webSocketFrame } from '../fake-socket.ts';
import { linkParties } from '../link-parties.ts';
import { mutateBytes } from '../mutate-bytes.ts';
import { SeededRandom } from '../seeded-random.ts';
import { bytesTarget, type Target } from '../target.ts';

// Captured from dialLink and dialDoor between the two parties of link-parties.ts.
const controlFirst = fromHex(
  '01010100c4b80d05c4c5236b416e2007f5d27b3270184aee9e30fa62561a60ce27b24db248834ce0b5a0128c89e54f3fd18ab620acbd561a6a944c0a7c4bf7f50d3f35560c001b4fda836fc246560ca0bb96141aa7978e17904e19215b317b9aebd3a6b38474be9958f9e53ab5b6b016db1753dc480f75da9f08aa0640c82f9c875cd68f5b2cb96bd83946e98f9d088ecd3421acc816de6a893bf34f8fd2bad004e33baf307b8eeb3c7c6c3f9e0602d41baffaa0187896c4880c5fd928b99f939db468f045f24b7180b5382799da4671023d63da47363d0a0e70b4a7a913d35527899d8609fd5671f5acf4b82aa1e2ec89eaebeb18c8a63e2520098f5a904f45d49e70dc24622002f984bc61c73dd2db044c547e0c6287079073c8bfa179171289378e8f9ec32bc3cf3faf94878dc84d3b35355ae0c777ab72ee26d9',
);
const doorFirst = fromHex(
  '03010101c4b80d05c4c5236b4a810e4dfca3ea3e63b97eb475db16a7a572de4f67ef5c7246fb77bffa4a32e30b44653d80ceb38b6319d13505c46d0f0acab74b55c04f08bf9bb92cb7ba5f32',
);

const headerBytes = 12;
const macEnd = 28;
// Nothing here waits for time: what would is ended by the test.
const noTimers: Timers = { after: () => ({ cancel: () => undefined }), sleep: () => new Promise(() => undefined) };
const { dialler, answerer, psk } = linkParties();

/** Who is not known yet, at the answering end; and what answers a dialling end. */
export function linkTargets(): Target<never>[] {
  const stranger: Target<Uint8Array> = {
    name: 'stranger',
    share: 2,
    isAsync: true,
    input(random, mutationsMax) {
      const first = random.chance(0.6) ? controlFirst : doorFirst;
      let message: Uint8Array = new Uint8Array(first);
      const mutations = Math.min(mutationsMax, random.below(3));
      for (let i = 0; i < mutations; i++) message = mutateBytes(message, random, [controlFirst, doorFirst]);
      if (random.chance(0.5)) message = withMac(message);
      const late = random.bytes(random.pick([0, 16, 17, 64, 256, 320, 4096, 5000]));
      let stream = Buffer.concat([webSocketFrame(message, true), webSocketFrame(late, true)]);
      if (mutationsMax > 1 && random.chance(0.3)) stream = Buffer.from(mutateBytes(stream, random, []));
      return new Uint8Array(stream);
    },
    run: meetStranger,
    // ws's own buffers, the answer's and the handshake's: a stranger's bytes are counted again.
    allocatedMax: (stream) => 65_536 + 16 * stream.length,
    show: (stream) => Buffer.from(stream).toString('hex'),
  };
  const answer = bytesTarget({
    name: 'answer to a dialling end',
    share: 0.2,
    isAsync: true,
    seeds: [208, 96 + 224, 20, 48].map((length) => new SeededRandom('answer', length).bytes(length)),
    run: meetAnswer,
    allocatedMax: () => 262_144,
  });
  return [stranger, answer] as Target<unknown>[] as Target<never>[];
}

function settingsOf({ siteId, key }: SiteIdentity): LinkSettings {
  const staticKeyPair = handshakeKeyOf(key);
  return {
    identity: () => ({ siteId, incarnation: 1, staticKeyPair }),
    instance: new Uint8Array(8),
    software: '0.1.0',
    clock: systemClock,
    timers: noTimers,
    random: new SeededRandom('settings', 1),
    heartbeat: { intervalMs: 5000, deadAfterMs: 15_000 },
    onHandlerError: (error) => {
      throw error;
    },
  };
}

function pairWith({ siteId, key }: SiteIdentity): PairSecret {
  return { peerSiteId: siteId, peerStaticPublic: handshakeKeyOf(key).publicKey, psk, role: 'full', addresses: [] };
}

const [answererSettings, diallerSettings] = [settingsOf(answerer), settingsOf(dialler)];
const [pairAtAnswerer, pairAtDialler] = [pairWith(dialler), pairWith(answerer)];
const door: Door = { psk, purpose: 'pairing' };

/** The MAC that somebody who knows the secret would make, whatever else is wrong. */
function withMac(message: Uint8Array): Uint8Array {
  if (message.length < macEnd) return message;
  const mended = new Uint8Array(message);
  const covered = Buffer.concat([mended.subarray(0, headerBytes), mended.subarray(macEnd)]);
  mended.set(hintMac(psk, covered), headerBytes);
  return mended;
}

/** True when the first WebSocket message in `stream` carries a right MAC: its sender is no stranger. */
function knowsSecret(stream: Uint8Array): boolean {
  return [controlFirst, doorFirst].some(({ length }) => {
    const head = length < 126 ? 6 : 8;
    const message = stream.subarray(head, head + length);
    if (message.length !== length) return false;
    const covered = Buffer.concat([message.subarray(0, headerBytes), message.subarray(macEnd)]);
    return hintMacMatches(psk, covered, message.subarray(headerBytes, macEnd));
  });
}

async function meetStranger(stream: Uint8Array): Promise<void> {
  const refused: AppError[] = [];
  const hint = pairHint(psk);
  const server = new LinkServer({
    settings: answererSettings,
    pairs: { byHint: (asked) => (equalBytes(asked, hint) ? pairAtAnswerer : undefined), byPeer: () => undefined },
    doors: { byHint: (asked) => (equalBytes(asked, hint) ? door : undefined) },
    onLink: () => assert.fail('a link came up without a confirmation'),
    onDoorOpened: () => assert.fail('a door opened without the third message'),
    onRefused: (reason) => refused.push(reason),
    limits: { perAddressMax: 1000, allMax: 1000, timeoutMs: 10_000, penaltyMs: 0 },
  });
  const socket = new FakeSocket();
  const headers = {
    upgrade: 'websocket',
    connection: 'Upgrade',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'sec-websocket-version': '13',
  };
  const request = { url: '/link/v1', method: 'GET', headers } as unknown as IncomingMessage;
  assert.ok(server.handleUpgrade(request, socket, Buffer.alloc(0)));
  socket.written.length = 0;
  socket.arrive(stream);
  for (let turn = 0; turn < 4; turn++) await new Promise(setImmediate);
  if (!knowsSecret(stream)) {
    const told = Buffer.concat(socket.written);
    // A frame that breaks RFC 6455 is answered by ws itself with a close frame of two bytes: nothing of ours.
    assert.ok(told.length === 0 || told[0] === 0x88, `a stranger was answered: ${told.toString('hex')}`);
  }
  socket.destroy();
  server.close();
  for (let turn = 0; turn < 2; turn++) await new Promise(setImmediate);
  const [reason] = refused;
  if (reason !== undefined) throw reason;
  if (!knowsSecret(stream)) throw new AppError('a stranger', { code: 'handshake_failed', advice: 'None.' });
}

/** An agent whose connections lead to one fake socket. */
class FakeAgent extends HttpAgent {
  readonly #socket: FakeSocket;

  constructor(socket: FakeSocket) {
    super();
    this.#socket = socket;
  }

  override createConnection(): Duplex {
    return this.#socket;
  }

  // The pool of node:http has no business with it.
  addRequest(request: ClientRequest): void {
    request.onSocket(this.#socket);
  }
}

async function meetAnswer(answer: Uint8Array): Promise<void> {
  const socket = new FakeSocket();
  let upgraded = false;
  socket.whenWritten((bytes) => {
    const key = /sec-websocket-key: (\S+)/i.exec(bytes.toString('latin1'))?.[1];
    if (key !== undefined && !upgraded) {
      upgraded = true;
      const accept = hash('sha1', `${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`, 'base64');
      const head = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`;
      socket.arrive(Buffer.from(head));
    } else if (upgraded) queueMicrotask(() => socket.arrive(webSocketFrame(answer, false)));
  });
  const settings = { ...diallerSettings, agent: new FakeAgent(socket) };
  try {
    if (answer.length % 2 === 0) await dialLink('127.0.0.1:1', pairAtDialler, settings, () => undefined);
    else (await dialDoor('127.0.0.1:1', door, settings)).mux.close();
  } finally {
    socket.destroy();
  }
}
