import type { AppError } from '#runtime';
import { assert, equalBytes } from '#runtime';
import {
  commonVersion,
  type DoorPurpose,
  type Entry,
  type FirstMessage,
  firstHeader,
  firstPrologue,
  openRefusal,
  sealFirstMessage,
  type VersionRange,
  versionError,
} from './first-message.ts';
import type { FrameConduit } from './frame-conduit.ts';
import { handshakeFailed } from './link-errors.ts';
import { decodeHello, encodeHello, type Hello } from './link-messages.ts';
import { NoiseConduit } from './noise-conduit.ts';
import { NoiseHandshake, type NoiseSession } from './noise-handshake.ts';
import type { KeyPair } from './x25519.ts';

/** A conduit to somebody unknown: small frames only, until trust() says that he is known. */
export interface StrangerConduit extends FrameConduit {
  trust(): void;
}

/** What a handshake proved: who is there, and a conduit that nobody else can read or write. */
export interface Greeting {
  readonly session: NoiseSession;
  readonly conduit: FrameConduit;
  readonly remoteStatic: Uint8Array;
  readonly hello: Hello;
  readonly version: number;
}

export interface GreetingOptions {
  readonly psk: Uint8Array;
  readonly staticKeyPair: KeyPair;
  readonly versions: VersionRange;
  /** Of this end; the versions are filled in. */
  readonly hello: Omit<Hello, 'version' | 'versionMin' | 'versionMax'>;
  readonly messageBytesMax?: number;
}

export interface CallOptions extends GreetingOptions {
  readonly entry: Entry;
  /** Of the peer: needed for control and data. */
  readonly remoteStatic?: Uint8Array;
  readonly purpose?: DoorPurpose;
}

/**
 * The dialling end's handshake. Rejects with `handshake_failed`, or with `version_too_old` or `version_too_new` when the other end
 * said so and proved that it may. Whoever calls bounds the time by destroying the conduit.
 */
export async function call(conduit: StrangerConduit, options: CallOptions): Promise<Greeting> {
  const { entry, versions, psk } = options;
  const header = firstHeader(entry, versions, psk, options.purpose);
  const noise = NoiseHandshake.initiator({
    pattern: entry === 'door' ? 'XXpsk0' : 'IKpsk2',
    prologue: firstPrologue(header),
    staticKeyPair: options.staticKeyPair,
    psk,
    ...(options.remoteStatic === undefined ? {} : { remoteStatic: options.remoteStatic }),
  });
  const ownHello = encodeHello(ourHello(options, 0));
  const first = sealFirstMessage(header, psk, noise.writeMessage(entry === 'door' ? new Uint8Array(0) : ownHello));
  conduit.send([first]);

  const hello = await receiveFrame(conduit, (frame) => {
    const theirs = openRefusal(frame, first, psk);
    if (theirs !== undefined && commonVersion(versions, theirs) === undefined) throw versionError(versions, theirs);
    const answer = decodeHello(noise.readMessage(frame));
    if (answer.version !== commonVersion(versions, { min: answer.versionMin, max: answer.versionMax })) {
      throw handshakeFailed('the other end chose a version that both do not speak');
    }
    conduit.trust();
    return answer;
  });
  if (entry === 'door') conduit.send([noise.writeMessage(ownHello)]);
  const greeting = greet(conduit, noise, hello, hello.version, options);
  // A replayed first message gets as far as an answer. Only this shows the other end that it talks to somebody who is there.
  if (entry !== 'door') greeting.conduit.send([new Uint8Array(0)]);
  return greeting;
}

/** The answering end's handshake, after `first` was found to be from somebody who knows the psk and a version was chosen. */
export async function answer(
  conduit: StrangerConduit,
  first: FirstMessage,
  version: number,
  options: GreetingOptions & { readonly remoteStatic?: Uint8Array },
): Promise<Greeting> {
  const isDoor = first.entry === 'door';
  const noise = NoiseHandshake.responder({
    pattern: isDoor ? 'XXpsk0' : 'IKpsk2',
    prologue: firstPrologue(first.header),
    staticKeyPair: options.staticKeyPair,
    psk: options.psk,
  });
  const firstPayload = noise.readMessage(first.noiseMessage);
  if (!isDoor && !equalBytes(noise.remoteStatic ?? firstPayload, options.remoteStatic ?? firstPayload)) {
    throw handshakeFailed("the other end has another key than the pair's");
  }
  const earlyHello = isDoor ? undefined : decodeHello(firstPayload);
  conduit.send([noise.writeMessage(encodeHello(ourHello(options, version)))]);
  if (earlyHello === undefined) {
    const hello = await receiveFrame(conduit, (frame) => {
      const late = decodeHello(noise.readMessage(frame));
      conduit.trust();
      return late;
    });
    return greet(conduit, noise, hello, version, options);
  }
  const greeting = greet(conduit, noise, earlyHello, version, options);
  await receiveFrame(greeting.conduit, (frame) => {
    if (frame.length !== 0) throw handshakeFailed('the other end did not confirm');
    conduit.trust();
  });
  return greeting;
}

/** The next frame, taken synchronously by `take`; after it nobody is attached. Rejects when the conduit closes first. */
export function receiveFrame<T>(conduit: FrameConduit, take: (frame: Uint8Array) => T): Promise<T> {
  return new Promise((resolve, reject) => {
    conduit.attach({
      frame(bytes) {
        conduit.attach(undefined);
        try {
          resolve(take(bytes));
        } catch (error) {
          reject(error);
        }
      },
      drain: () => undefined,
    });
    void conduit.closed.then((why) => reject(endedEarly(why)));
  });
}

function endedEarly(why: string): AppError {
  return handshakeFailed(`the connection ended during the handshake: ${why}`);
}

function ourHello(options: GreetingOptions, version: number): Hello {
  return { ...options.hello, version, versionMin: options.versions.min, versionMax: options.versions.max };
}

function greet(
  conduit: FrameConduit,
  noise: NoiseHandshake,
  hello: Hello,
  version: number,
  { messageBytesMax }: GreetingOptions,
): Greeting {
  const { remoteStatic } = noise;
  assert(remoteStatic !== undefined, 'a finished handshake knows the other static key');
  const session = noise.split();
  const sealed = new NoiseConduit(conduit, session, messageBytesMax === undefined ? {} : { messageBytesMax });
  return { session, conduit: sealed, remoteStatic, hello, version };
}
