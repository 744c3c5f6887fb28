import type { GatedConnection } from './gate.ts';

/** TCP and IP headers (52 bytes with timestamps) of full segments at an MTU of 1500. */
const perPayloadByte = 1500 / 1448;

/** An estimate of what `bytes` of payload are on the wire. */
export function onWire(bytes: number): number {
  return bytes * perPayloadByte;
}

export interface WireChange {
  readonly wireBytes: number;
  /** What had been charged too little for all that was written; below zero: too much. */
  readonly missedBytes: number;
}

/** One connection's books: what was charged for it, and what of it the kernel has sent. */
export class WireCount {
  readonly #connection: GatedConnection;
  #charged = 0;
  #wire = 0;
  #unsent = 0;
  /** Written and not sent when the kernel was asked. */
  heldBytes = 0;

  constructor(connection: GatedConnection) {
    this.#connection = connection;
  }

  /** Written and not sent, as far as is known: since the last reading everything counts as such. */
  get unsentBytes(): number {
    return this.#unsent;
  }

  /** Charged, and not on the wire. */
  get pendingBytes(): number {
    return this.#charged - this.#wire;
  }

  /** So many bytes will be written now: gives what is charged for them. */
  charge(bytes: number): number {
    const wireBytes = onWire(bytes);
    this.#charged += wireBytes;
    this.#unsent += bytes;
    return wireBytes;
  }

  /** Bytes that were charged and will not be written. */
  takeBack(bytes: number): number {
    const wireBytes = onWire(bytes);
    this.#charged -= wireBytes;
    this.#unsent = Math.max(0, this.#unsent - bytes);
    return wireBytes;
  }

  /** Compares with the kernel's count; without one, all that was charged is on the wire. `reserved`: charged, but not written. */
  read(reserved: number): WireChange {
    const reading = this.#connection.wire();
    const reservedWire = onWire(reserved);
    const wire = reading?.wireBytes ?? this.#charged - reservedWire;
    this.heldBytes = reading?.unsentBytes ?? 0;
    const unsent = this.heldBytes + reserved;
    const charged = wire + onWire(unsent);
    const change = { wireBytes: wire - this.#wire, missedBytes: charged - this.#charged };
    this.#charged = charged;
    this.#wire = wire;
    this.#unsent = unsent;
    return change;
  }
}
