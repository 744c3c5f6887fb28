/** Something that happens at a time. */
export interface Event {
  dueMs: number;
  readonly order: number;
  readonly what: string;
  readonly run: () => void;
  cancelled: boolean;
}

/**
 * What is to come, in the order of time, and of being asked for. Heartbeats lie apart: when nothing but heartbeats is to
 * come for long, time leaps, and they all move along, so that a quiet month costs nothing.
 */
export class EventQueue {
  nowMs = 0;
  /** Events that have run. */
  done = 0;
  readonly #others = new Heap();
  #heartbeats: Event[] = [];
  #order = 0;

  /** Runs `run` after `delayMs`. */
  add(delayMs: number, what: string, run: () => void, isHeartbeat = false): Event {
    const event = { dueMs: this.nowMs + Math.max(0, delayMs), order: this.#order++, what, run, cancelled: false };
    if (isHeartbeat) this.#heartbeats.push(event);
    else this.#others.push(event);
    return event;
  }

  /** When the next event that is no heartbeat is due. */
  get nextDueMs(): number {
    return this.#others.first()?.dueMs ?? Number.POSITIVE_INFINITY;
  }

  /** Moves on to the next event and returns it; undefined when nothing is to come before `untilMs`. */
  next(untilMs: number): Event | undefined {
    const [other, beat] = [this.#others.first(), this.#firstHeartbeat()];
    const first = beat !== undefined && (other === undefined || isBefore(beat, other)) ? beat : other;
    if (first === undefined || first.dueMs > untilMs) return undefined;
    if (first === other) this.#others.pop();
    else this.#heartbeats = this.#heartbeats.filter((one) => one !== first && !one.cancelled);
    this.nowMs = Math.max(this.nowMs, first.dueMs);
    this.done += 1;
    return first;
  }

  /** Moves all heartbeats towards `untilMs`, or the next other event, by whole multiples of `intervalMs`. */
  leap(untilMs: number, intervalMs: number): void {
    const idleMs = Math.min(untilMs, this.nextDueMs) - this.nowMs;
    const leapMs = Math.floor(idleMs / intervalMs - 1) * intervalMs;
    if (!Number.isFinite(leapMs) || leapMs <= 0) return;
    for (const beat of this.#heartbeats) beat.dueMs += leapMs;
  }

  #firstHeartbeat(): Event | undefined {
    let first: Event | undefined;
    for (const beat of this.#heartbeats)
      if (!beat.cancelled && (first === undefined || isBefore(beat, first))) first = beat;
    return first;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}

/** A binary heap; cancelled events leave when they come to the top. */
class Heap {
  readonly #events: Event[] = [];

  push(event: Event): void {
    const events = this.#events;
    let at = events.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, events[parent] as Event)) break;
      events[at] = events[parent] as Event;
      at = parent;
    }
    events[at] = event;
  }

  first(): Event | undefined {
    while (this.#events[0]?.cancelled) this.pop();
    return this.#events[0];
  }

  pop(): void {
    const events = this.#events;
    const last = events.pop();
    if (last === undefined || events.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= events.length) break;
      if (child + 1 < events.length && isBefore(events[child + 1] as Event, events[child] as Event)) child += 1;
      if (isBefore(last, events[child] as Event)) break;
      events[at] = events[child] as Event;
      at = child;
    }
    events[at] = last;
  }
}
