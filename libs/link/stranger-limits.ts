import type { Duplex } from 'node:stream';
import type { Timers } from '#runtime';
import { handshakeTimeoutMs } from './link-settings.ts';

export interface StrangerLimits {
  /** Connections from one address that have not said yet who they are. */
  readonly perAddressMax: number;
  readonly allMax: number;
  /** From accepting a connection to knowing who is there. */
  readonly timeoutMs: number;
}

/** A peer dials a control and a few data connections at once; a proxy in front makes all strangers one address. */
export const defaultStrangerLimits: StrangerLimits = { perAddressMax: 16, allMax: 128, timeoutMs: handshakeTimeoutMs };

/** Counts and times the connections of strangers: whoever is too many or too slow is cut off without a word. */
export class StrangerRoom {
  readonly #limits: StrangerLimits;
  readonly #timers: Timers;
  readonly #perAddress = new Map<string, number>();
  readonly #leaving = new Map<Duplex, () => void>();

  constructor(limits: StrangerLimits, timers: Timers) {
    this.#limits = limits;
    this.#timers = timers;
  }

  get count(): number {
    return this.#leaving.size;
  }

  /** False when `socket` was cut off because there are too many. Entering twice counts once. */
  enter(socket: Duplex, address: string): boolean {
    if (this.#leaving.has(socket)) return true;
    const sameAddress = this.#perAddress.get(address) ?? 0;
    if (this.#leaving.size >= this.#limits.allMax || sameAddress >= this.#limits.perAddressMax) {
      socket.destroy();
      return false;
    }
    this.#perAddress.set(address, sameAddress + 1);
    const deadline = this.#timers.after(this.#limits.timeoutMs, () => socket.destroy());
    const leave = () => {
      if (!this.#leaving.delete(socket)) return;
      deadline.cancel();
      socket.off('close', leave);
      const left = (this.#perAddress.get(address) ?? 1) - 1;
      if (left === 0) this.#perAddress.delete(address);
      else this.#perAddress.set(address, left);
    };
    this.#leaving.set(socket, leave);
    socket.on('close', leave);
    return true;
  }

  /** The socket's other end is known now. */
  leave(socket: Duplex): void {
    this.#leaving.get(socket)?.();
  }

  /** Cuts off everybody, at shutdown. */
  clear(): void {
    for (const socket of this.#leaving.keys()) socket.destroy();
  }
}
