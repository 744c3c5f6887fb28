import { type AppError, isAppError } from '#runtime';
import { protocolViolation, sendFailure, sessionCut } from './errors.ts';
import type { MessageChannel } from './ports.ts';
import { sequenceOf } from './wire-message.ts';

interface Waiting {
  readonly sequence: number;
  readonly message: Uint8Array;
  readonly handedOver: () => void;
}

interface Lane {
  readonly channel: MessageChannel;
  /** On their way and not acknowledged, by the number that they begin with. */
  readonly underway: Map<number, Waiting>;
  lost: boolean;
}

/** After these the session goes on without the lane: what was under way there goes over the others. */
const passing: ReadonlySet<string> = new Set(['connection_lost', 'session_cut', 'too_many_channels']);

export interface RecordLanesOptions {
  /** First message of each lane. */
  readonly sessionId: Uint8Array;
  /** More lanes may come: then the loss of the last one is waited out. */
  readonly othersMayCome: boolean;
  readonly onFailure: (error: unknown) => void;
}

/**
 * Spreads the messages of one session over channels on several connections: each takes the next one when it has credit for
 * it. What a lost one had not delivered goes again over the others, or over the next that comes. So messages are kept until
 * they are acknowledged: as many bytes as the receiver's window, no more.
 */
export class RecordLanes {
  readonly #options: RecordLanesOptions;
  readonly #lanes = new Set<Lane>();
  readonly #waiting: Waiting[] = [];
  #wake: (() => void)[] = [];
  #pastSent = 0;
  #pastReceived = 0;
  #acknowledgedBelow = 0;
  #over = false;
  /** Something was sent a second time, because a lane was lost. */
  hasSentAgain = false;

  constructor(options: RecordLanesOptions) {
    this.#options = options;
  }

  /** Payload that the lines have taken, of lanes that are gone as well. */
  get bytesSent(): number {
    return [...this.#lanes].reduce((sum, { channel }) => sum + (channel.bytesSent ?? 0), this.#pastSent);
  }

  get bytesReceived(): number {
    return [...this.#lanes].reduce((sum, { channel }) => sum + (channel.bytesReceived ?? 0), this.#pastReceived);
  }

  /** Nothing but this end's limit keeps a lane from sending. */
  get heldBack(): boolean {
    return [...this.#lanes].some(({ channel }) => channel.heldBack === true);
  }

  add(channel: MessageChannel): void {
    if (this.#over) {
      channel.abort(sessionCut());
      return;
    }
    const lane: Lane = { channel, underway: new Map(), lost: false };
    this.#lanes.add(lane);
    this.#carry(lane).catch((error) => this.#lose(lane, error));
    this.#watch(lane).catch((error) => this.#lose(lane, error));
  }

  /** Resolves when a lane has taken the message; never, when the session ends before. */
  send(message: Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ sequence: sequenceOf(message), message, handedOver: resolve });
      this.#wake.shift()?.();
    });
  }

  /** Messages that begin below this number will not be sent again. */
  acknowledged(belowSequence: number): void {
    this.#acknowledgedBelow = belowSequence;
    for (const { underway } of this.#lanes)
      for (const sequence of underway.keys()) {
        // About in order: what a lower number follows is let go a little later.
        if (sequence >= belowSequence) break;
        underway.delete(sequence);
      }
  }

  /** The receiver has this message, and cannot use it: it is not sent again. */
  forget(sequence: number): void {
    for (const { underway } of this.#lanes) underway.delete(sequence);
  }

  /** Everything was acknowledged: ends all lanes politely. */
  async end(): Promise<void> {
    this.#stop();
    await Promise.allSettled([...this.#lanes].map(({ channel }) => channel.end()));
  }

  abort(error: AppError): void {
    this.#stop();
    for (const { channel } of this.#lanes) channel.abort(error);
  }

  async #carry(lane: Lane): Promise<void> {
    await lane.channel.send(this.#options.sessionId);
    for (;;) {
      const next = await this.#next(lane);
      if (next === undefined) return;
      lane.underway.set(next.sequence, next);
      await lane.channel.send(next.message);
      next.handedOver();
    }
  }

  /** A lane that is lost while it has nothing to send is noticed here. The receiver ends one with its session only. */
  async #watch(lane: Lane): Promise<void> {
    if ((await lane.channel.receive()) !== undefined) throw protocolViolation('it speaks where it only listens');
  }

  /** Undefined when this lane is to take no more. */
  async #next(lane: Lane): Promise<Waiting | undefined> {
    for (;;) {
      if (this.#over) return undefined;
      if (lane.lost) {
        // It was woken for a message that another lane has to take now.
        if (this.#waiting.length > 0) this.#wake.shift()?.();
        return undefined;
      }
      const next = this.#waiting.shift();
      if (next !== undefined && next.sequence >= this.#acknowledgedBelow) return next;
      next?.handedOver();
      if (next === undefined) await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  #lose(lane: Lane, failure: unknown): void {
    if (this.#over || lane.lost) return;
    const error = sendFailure(failure);
    lane.lost = true;
    lane.channel.abort(sessionCut());
    this.#lanes.delete(lane);
    this.#pastSent += lane.channel.bytesSent ?? 0;
    this.#pastReceived += lane.channel.bytesReceived ?? 0;
    const isPassing = isAppError(error) && passing.has(error.code);
    const mayWait = this.#lanes.size > 0 || (this.#options.othersMayCome && isAppError(error, 'connection_lost'));
    if (!isPassing || !mayWait) {
      this.#options.onFailure(error);
      return;
    }
    const again = [...lane.underway.values()].filter(({ sequence }) => sequence >= this.#acknowledgedBelow);
    if (again.length > 0) this.hasSentAgain = true;
    this.#waiting.unshift(...again);
    this.#wakeAll();
  }

  #stop(): void {
    this.#over = true;
    this.#waiting.length = 0;
    this.#wakeAll();
  }

  #wakeAll(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}
