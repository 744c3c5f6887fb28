import { isIPv6 } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Timer, Timers } from '#runtime';
import { handshakeTimeoutMs } from './link-settings.ts';

export interface StrangerLimits {
  /** Connections from one address (of IPv6: one /64) that have not said yet who they are; one more is cut off. */
  readonly perAddressMax: number;
  /** Of all such connections: one more cuts off the oldest, so that whoever fills the room cannot lock a peer out. */
  readonly allMax: number;
  /** From accepting a connection to knowing who is there. */
  readonly timeoutMs: number;
  /** How long one that ended unknown still counts for its address: together with the first limit, a rate. */
  readonly penaltyMs: number;
}

/** A peer dials a control and a few data connections at once; a proxy in front makes all strangers one address. */
export const defaultStrangerLimits: StrangerLimits = {
  perAddressMax: 16,
  allMax: 128,
  timeoutMs: handshakeTimeoutMs,
  penaltyMs: 1000,
};

/**
 * What an address counts as: of IPv6 its /64, since one machine has all of such a network to dial from; an IPv4 address in
 * IPv6 clothes as what it is.
 */
export function countedAs(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined || !isIPv6(address)) return mapped ?? address;
  const [before = '', after] = (address.split('%')[0] ?? '').toLowerCase().split('::');
  const head = before === '' ? [] : before.split(':');
  const tail = after === undefined || after === '' ? [] : after.split(':');
  const zeros = after === undefined ? 0 : Math.max(0, 8 - head.length - tail.length);
  const groups = [...head, ...Array.from({ length: zeros }, () => '0'), ...tail];
  return `${groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`;
}

/** Counts and times the connections of strangers: whoever is too many or too slow is cut off without a word. */
export class StrangerRoom {
  readonly #limits: StrangerLimits;
  readonly #timers: Timers;
  readonly #perAddress = new Map<string, number>();
  /** In the order of coming, with what each has to do when it leaves. */
  readonly #leaving = new Map<Duplex, (isKnown: boolean) => void>();
  readonly #penalties = new Set<Timer>();

  constructor(limits: StrangerLimits, timers: Timers) {
    this.#limits = limits;
    this.#timers = timers;
  }

  get count(): number {
    return this.#leaving.size;
  }

  /** False when `socket` was cut off because its address has too many. Entering twice counts once. */
  enter(socket: Duplex, remoteAddress: string): boolean {
    if (this.#leaving.has(socket)) return true;
    const address = countedAs(remoteAddress);
    const sameAddress = this.#perAddress.get(address) ?? 0;
    if (sameAddress >= this.#limits.perAddressMax) {
      socket.destroy();
      return false;
    }
    const [oldest] = this.#leaving.keys();
    if (oldest !== undefined && this.#leaving.size >= this.#limits.allMax) {
      this.#leaving.get(oldest)?.(false);
      oldest.destroy();
    }
    this.#perAddress.set(address, sameAddress + 1);
    const deadline = this.#timers.after(this.#limits.timeoutMs, () => socket.destroy());
    const onClose = () => this.#leaving.get(socket)?.(false);
    socket.on('close', onClose);
    this.#leaving.set(socket, (isKnown) => {
      this.#leaving.delete(socket);
      deadline.cancel();
      socket.off('close', onClose);
      if (isKnown || this.#limits.penaltyMs === 0) this.#release(address);
      else this.#punish(address);
    });
    return true;
  }

  /** The socket's other end is known now. */
  leave(socket: Duplex): void {
    this.#leaving.get(socket)?.(true);
  }

  /** Cuts off and forgets everybody, at shutdown. */
  clear(): void {
    for (const [socket, leave] of this.#leaving) {
      leave(true);
      socket.destroy();
    }
    for (const penalty of this.#penalties) penalty.cancel();
    this.#penalties.clear();
  }

  #punish(address: string): void {
    const penalty = this.#timers.after(this.#limits.penaltyMs, () => {
      this.#penalties.delete(penalty);
      this.#release(address);
    });
    this.#penalties.add(penalty);
  }

  #release(address: string): void {
    const left = (this.#perAddress.get(address) ?? 1) - 1;
    if (left === 0) this.#perAddress.delete(address);
    else this.#perAddress.set(address, left);
  }
}
