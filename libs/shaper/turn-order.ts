import type { ConnectionGate } from './connection-gate.ts';
import type { Flow } from './flow.ts';
import type { HeldBy } from './readings.ts';
import type { ShapedLink } from './shaped-link.ts';

/**
 * Of what goes, each class that waits has a right to this part: 2 Mbit/s of 100 are 20 GB a day, enough that no session
 * stalls and a catalog stays fresh, while a restore keeps nine tenths with all the others waiting.
 */
const minimumShare = 0.02;

/** A right that was not used for so many turns does not grow. */
const owedTurnsMax = 2;

export interface Turn {
  readonly flow: Flow;
  readonly gate: ConnectionGate;
  readonly bytes: number;
}

/** Asks whether bytes may go now: gives what is in their way. */
export interface Ways {
  link(link: ShapedLink, bytes: number): boolean;
  uplink(bytes: number): boolean;
  line(gate: ConnectionGate, bytes: number): boolean;
  held(flow: Flow, by: HeldBy, bytes: number): void;
}

/** Whose turn it is among flows that wait. */
export class TurnOrder {
  readonly #waiting = new Set<Flow>();
  /** Where each class has come to, so that who comes back has saved up no turns. */
  readonly #turns: number[] = [];

  get size(): number {
    return this.#waiting.size;
  }

  [Symbol.iterator](): Iterator<Flow> {
    return this.#waiting.values();
  }

  join(flow: Flow): void {
    if (this.#waiting.has(flow)) return;
    this.#waiting.add(flow);
    flow.turn = Math.max(flow.turn, this.#turns[flow.rank] ?? 0);
  }

  leave(flow: Flow): void {
    this.#waiting.delete(flow);
  }

  /**
   * The next turn that may go. First who is owed, then the most urgent class, within it the link that had least. A turn that
   * its link holds back holds back all later ones of that link, or small pieces would starve large ones; the uplink likewise.
   */
  next(ways: Ways): Turn | undefined {
    const heldLinks = new Set<ShapedLink>();
    let uplinkIsFull = false;
    for (const flow of this.#inOrder()) {
      const turn = turnOf(flow, ways);
      if (turn === undefined) ways.held(flow, 'line', 0);
      else if (heldLinks.has(flow.link)) ways.held(flow, 'link', turn.bytes);
      else if (!ways.link(flow.link, turn.bytes)) {
        heldLinks.add(flow.link);
        ways.held(flow, 'link', turn.bytes);
      } else if (uplinkIsFull || !ways.uplink(turn.bytes)) {
        uplinkIsFull = true;
        ways.held(flow, 'uplink', turn.bytes);
      } else return turn;
    }
    return undefined;
  }

  /** So many bytes went: who waits meanwhile is owed its part of them. */
  went(flow: Flow, bytes: number, uplinkIsLimited: boolean): void {
    this.#turns[flow.rank] = Math.max(this.#turns[flow.rank] ?? 0, flow.turn);
    flow.turn += bytes;
    flow.owedBytes = Math.max(0, flow.owedBytes - bytes);
    for (const other of this.#waiting) {
      if (other === flow) continue;
      const isOfLink = other.link === flow.link;
      if (!isOfLink && !uplinkIsLimited) continue;
      const sharers = isOfLink ? 1 : this.#countOf(other.rank);
      const most = owedTurnsMax * wantedOf(other);
      other.owedBytes = Math.min(most, other.owedBytes + (bytes * minimumShare) / sharers);
    }
  }

  #countOf(rank: number): number {
    let count = 0;
    for (const flow of this.#waiting) if (flow.rank === rank) count += 1;
    return count;
  }

  #inOrder(): Iterable<Flow> {
    if (this.#waiting.size < 2) return this.#waiting;
    const isOwed = (flow: Flow) => (flow.owedBytes >= wantedOf(flow) ? 0 : 1);
    return [...this.#waiting].sort((a, b) => isOwed(a) - isOwed(b) || a.rank - b.rank || a.turn - b.turn);
  }
}

function wantedOf(flow: Flow): number {
  for (const gate of flow.waiting) return askedOf(gate, flow);
  return 0;
}

/** What was asked for under a higher limit is more than a connection will write at once now. */
function askedOf(gate: ConnectionGate, flow: Flow): number {
  return Math.min(gate.wanted.get(flow.trafficClass) ?? 0, gate.quantumBytes);
}

/** The first connection of the flow whose line takes more. */
function turnOf(flow: Flow, ways: Ways): Turn | undefined {
  for (const gate of flow.waiting) {
    const bytes = askedOf(gate, flow);
    if (ways.line(gate, bytes)) return { flow, gate, bytes };
  }
  return undefined;
}
