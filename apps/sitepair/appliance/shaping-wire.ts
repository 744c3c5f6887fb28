import type { Channel, Link } from '#link';
import { AppError } from '#runtime';
import type { LimitInForce } from '#shaper';
import { codecOf } from '#wire';

/** proto/shaping.proto. */
export const limitsService = 'limits';

interface ReceiveLimit {
  readonly limit?: 'bytesPerSecond' | 'unlimited';
  readonly bytesPerSecond: number;
}

const receiveLimit = codecOf<ReceiveLimit & { readonly unlimited: boolean }>(
  'shaping.proto',
  'sitepair.shaping.v1.ReceiveLimit',
);
const limitTaken = codecOf<object>('shaping.proto', 'sitepair.shaping.v1.LimitTaken');

/** Tells a peer what this site takes in over a link: one channel as long as the link lives, one limit after the other. */
export class LimitTeller {
  readonly #link: Link;
  #channel: Promise<Channel> | undefined;
  #told: number | undefined;
  #queue: Promise<void> = Promise.resolve();

  constructor(link: Link) {
    this.#link = link;
  }

  /** What the peer has taken last, Infinity before it was told anything. */
  get toldBytesPerSecond(): number {
    return this.#told ?? Number.POSITIVE_INFINITY;
  }

  /** Resolves once the peer keeps to it. Rejects with what ended the link, or with what the peer has against it. */
  tell(bytesPerSecond: number): Promise<void> {
    const told = this.#queue.then(() => this.#tellNow(Math.floor(bytesPerSecond)));
    this.#queue = told.catch(() => undefined);
    return told;
  }

  /** The next limit goes over a new channel: the peer has refused this one, for now. */
  forget(): void {
    // One that the link did not open is none to let go of.
    this.#channel?.then((channel) => channel[Symbol.asyncDispose]()).catch(() => undefined);
    this.#channel = undefined;
    this.#told = undefined;
  }

  async #tellNow(bytesPerSecond: number): Promise<void> {
    if (bytesPerSecond === this.#told) return;
    this.#channel ??= this.#link.open(limitsService, 'control');
    const channel = await this.#channel;
    const isUnlimited = bytesPerSecond === Number.POSITIVE_INFINITY;
    await channel.send(receiveLimit.encode(isUnlimited ? { unlimited: true } : { bytesPerSecond }));
    const answer = await channel.receive();
    if (answer === undefined) throw notTaken();
    limitTaken.decode(answer);
    this.#told = bytesPerSecond;
  }
}

/** Serves the other end: takes what the peer says that it takes in, as long as the channel lives. */
export async function takeLimits(channel: Channel, take: (limit: LimitInForce) => void): Promise<void> {
  for (let message = await channel.receive(); message !== undefined; message = await channel.receive()) {
    const { limit, bytesPerSecond } = receiveLimit.decode(message);
    const isLimited = limit === 'bytesPerSecond';
    take({ bytesPerSecond: isLimited ? bytesPerSecond : Number.POSITIVE_INFINITY, why: isLimited ? 'peer' : 'none' });
    await channel.send(limitTaken.encode({}));
  }
}

function notTaken(): AppError {
  return new AppError('the peer did not take the limit', {
    code: 'limit_not_taken',
    retryable: true,
    advice: 'It is told again when the link is up again; check that both sites run the same version.',
  });
}
