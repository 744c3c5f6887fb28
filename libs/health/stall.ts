/** A link that is up, has something to send, and got nothing acknowledged for so long has stalled, whatever it says. */
export const stalledAfterMs = 60_000;

/** Watches one figure that grows with every acknowledgement. */
export class StallWatch {
  #acknowledged = 0;
  #sinceMs: number | undefined;

  /** At a look: for how long a backlog has not got smaller; 0 when there is none or it moves. */
  look(nowMs: number, hasBacklog: boolean, acknowledged: number): number {
    if (!hasBacklog || acknowledged !== this.#acknowledged || this.#sinceMs === undefined) {
      this.#acknowledged = acknowledged;
      this.#sinceMs = hasBacklog ? nowMs : undefined;
      return 0;
    }
    return nowMs - this.#sinceMs;
  }
}
