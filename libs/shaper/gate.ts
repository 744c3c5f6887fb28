/** What traffic of a link is for, the most urgent first. A class takes its share of the limit; what it leaves, others use. */
export const trafficClasses = ['restore', 'interactive', 'catalog', 'backup', 'heal', 'seed'] as const;

export type TrafficClass = (typeof trafficClasses)[number];

/** What a connection has put on the line, as the kernel counts it. */
export interface WireReading {
  /** Everything sent until now: payload, retransmissions, TCP and IP headers. */
  readonly wireBytes: number;
  /** Written by us and not sent yet. */
  readonly unsentBytes: number;
}

/** What a gate needs of its connection. */
export interface GatedConnection {
  /** Undefined where the kernel does not tell: then what was written counts, with an estimate for headers. */
  readonly wire: () => WireReading | undefined;
  /** It is its turn: whoever has something to send asks within this call. Made in a turn of its own, never from within `admit`. */
  readonly opened: () => void;
  /** Has the kernel send no faster than this; Infinity lifts it. */
  readonly pace: (bytesPerSecond: number) => void;
}

/** One connection's way through the limit: it is asked before bulk is written, and told of all else. */
export interface Gate {
  /**
   * True: `bytes` of this class may be written now, and are counted. False: not now; `opened` says when to ask again. Who
   * has several classes to send asks for each of them, the most urgent first: the turn may be that of any one.
   */
  admit(trafficClass: TrafficClass, bytes: number): boolean;
  /**
   * What should be asked for at once at most, with all framing: 5 ms of the limit in force, at least one packet; Infinity
   * without a limit. Changes with the limit, so it is asked for each message. More at once is let through late, as a debt.
   */
  readonly quantumBytes: number;
  /** Bytes that were written without asking: heartbeats, credit, the protocol's own answers. They count. */
  spent(bytes: number): void;
  /** The connection is gone. */
  close(): void;
}

/** The limits of one link; each of its connections, the control connection included, has a gate. */
export interface LinkShaper {
  gate(connection: GatedConnection): Gate;
}

/** No limit. */
export const unlimited: LinkShaper = {
  gate: () => ({
    admit: () => true,
    quantumBytes: Number.POSITIVE_INFINITY,
    spent: () => undefined,
    close: () => undefined,
  }),
};
