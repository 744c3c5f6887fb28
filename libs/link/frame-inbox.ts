import type { FrameReceiver } from './frame-conduit.ts';

/** Keeps the frames that arrive while nobody is attached, in order and within a limit. */
export class FrameInbox {
  #receiver: FrameReceiver | undefined;
  #backlog: Uint8Array[] = [];
  #backlogBytes = 0;
  #delivering = false;

  get attached(): boolean {
    return this.#receiver !== undefined;
  }

  /** What waits for a receiver; each frame counts 64 bytes more, since empty ones take memory too. */
  get backlogBytes(): number {
    return this.#backlogBytes;
  }

  attach(receiver: FrameReceiver | undefined): void {
    this.#receiver = receiver;
    this.#deliver();
  }

  accept(frame: Uint8Array): void {
    this.#backlog.push(frame);
    this.#backlogBytes += frame.length + 64;
    this.#deliver();
  }

  drained(): void {
    this.#receiver?.drain();
  }

  clear(): void {
    this.#backlog = [];
    this.#backlogBytes = 0;
  }

  #deliver(): void {
    // A receiver may detach, or attach another one, while it takes a frame: the order holds all the same.
    if (this.#delivering) return;
    this.#delivering = true;
    while (this.#receiver !== undefined) {
      const frame = this.#backlog.shift();
      if (frame === undefined) break;
      this.#backlogBytes -= frame.length + 64;
      this.#receiver.frame(frame);
    }
    this.#delivering = false;
  }
}
