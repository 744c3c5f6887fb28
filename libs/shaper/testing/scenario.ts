import { type TrafficClass, trafficClasses } from '../gate.ts';
import { noLimit, type ShapedLink } from '../shaped-link.ts';
import { Shaper } from '../shaper.ts';
import { WireRecord } from './guarantee.ts';
import { SimulatedProcess } from './simulated-process.ts';
import { SimulatedSocket } from './simulated-socket.ts';

const rates = [12_500, 62_500, 250_000, 1_250_000, 2_500_000, 12_500_000, 62_500_000];

/** A busy main thread: no decision of it takes longer, and seldom two follow at once. */
const stallMs = 20;
const stallEveryMs = 80;

interface Site {
  readonly link: ShapedLink;
  readonly sockets: readonly SimulatedSocket[];
  readonly record: WireRecord;
  /** One socket has always something to send, over a line that takes all. */
  readonly isBusy: boolean;
}

/** A small generator of the mulberry32 family: a scenario is its seed. */
function randomFrom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/**
 * One random scenario: links, connections, classes that come and go, limits that change, lines that lose, slow lines, stalls
 * of the process. Gives the first breach of the guarantee in words, or undefined.
 */
export function runScenario(seed: number, lengthMs: number): string | undefined {
  const random = randomFrom(seed);
  const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)]!;
  const process = new SimulatedProcess();
  const shaper = new Shaper(process, process);
  const tells = random() < 0.85;
  const stalls = random() < 0.5;
  const uplinkIsLimited = random() < 0.6;
  const sites = Array.from({ length: 1 + Math.floor(random() * 3) }, (_, index) => site(index));
  const uplinkRecord = new WireRecord();
  const changes = new Set(random() < 0.6 ? [Math.floor(lengthMs * (0.3 + 0.2 * random()))] : []);

  function site(index: number): Site {
    const link = shaper.link(new Uint8Array(16).fill(index + 1));
    const isBusy = random() < 0.7;
    const sockets = Array.from({ length: 1 + Math.floor(random() * 4) }, (_, number) => {
      const isSlow = !(isBusy && number === 0) && tells && random() < 0.3;
      const socket = new SimulatedSocket(link, {
        lineBytesPerSecond: isSlow ? 5000 + random() * 50_000 : 250_000_000,
        lossRatio: tells ? pick([0, 0, 0.001, 0.05]) : 0,
        headerRatio: tells ? 1.03 + random() * 0.03 : 1500 / 1448,
        tells,
      });
      return socket;
    });
    return { link, sockets, record: new WireRecord(), isBusy };
  }

  let uplink = Number.POSITIVE_INFINITY;

  function setLimits(): void {
    for (const { sockets } of sites) for (const socket of sockets) socket.limitChanges();
    if (uplinkIsLimited) uplink = pick(rates);
    shaper.setUplinkLimit({ bytesPerSecond: uplink, why: 'default' });
    for (const { link } of sites) {
      link.setLimit('rules', random() < 0.6 ? { bytesPerSecond: pick(rates), why: 'window' } : noLimit);
    }
  }

  /** Somebody begins or stops to send, or sends what asks nobody. */
  function happen(): void {
    const { sockets, isBusy } = pick(sites);
    const number = Math.floor(random() * sockets.length);
    const wanted: TrafficClass[] = trafficClasses.filter(() => random() < 0.3);
    if (isBusy && number === 0) sockets[0]!.want(wanted.length > 0 ? wanted : ['seed']);
    else sockets[number]!.want(wanted);
    pick(sockets).heartbeat(60);
  }

  function transmit(): void {
    const { isStalled } = process;
    const total = sites.reduce((sum, { link }) => sum + link.limit.bytesPerSecond, 0);
    const all = { wireBytes: 0, heldBytes: 0, formerBytes: 0 };
    for (const { link, sockets, record, isBusy } of sites) {
      const one = { wireBytes: 0, heldBytes: 0, formerBytes: 0 };
      for (const socket of sockets) {
        one.wireBytes += socket.transmit();
        one.heldBytes += socket.heldBytes;
        one.formerBytes += socket.formerBytes;
      }
      all.wireBytes += one.wireBytes;
      all.heldBytes += one.heldBytes;
      all.formerBytes += one.formerBytes;
      // A link gets all of its limit when the uplink is no limit to it, however much the others take.
      const hasBacklog = isBusy && total <= 0.9 * uplink;
      record.note({ ...one, limit: link.limit.bytesPerSecond, hasBacklog, isStalled });
    }
    const hasBacklog = sites.some(({ link, isBusy }) => isBusy && link.limit.bytesPerSecond > 1.1 * uplink);
    uplinkRecord.note({ ...all, limit: uplink, hasBacklog, isStalled });
  }

  let stalledAtMs = 0;
  setLimits();
  for (const { sockets, isBusy } of sites) if (isBusy) sockets[0]!.want([pick(trafficClasses)]);
  for (let ms = 0; ms < lengthMs; ms += 1) {
    if (!process.isStalled) {
      if (changes.has(ms)) setLimits();
      if (random() < 0.005) happen();
      if (stalls && ms > stalledAtMs + stallEveryMs && random() < 0.02) {
        process.stall(stallMs);
        stalledAtMs = ms;
      }
    }
    process.step();
    transmit();
    if (!process.isStalled) for (const { sockets } of sites) for (const socket of sockets) socket.drained();
  }
  shaper.close();
  const breaches = [uplinkRecord, ...sites.map(({ record }) => record)].map((record) => record.breach());
  return breaches.find((breach) => breach !== undefined);
}
