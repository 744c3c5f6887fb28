import type { Channel, Link } from '#link';
import { AppError, assert, type Clock, isAppError, type Random, type Timers } from '#runtime';
import {
  lineTestBulkService,
  lineTestBytesMax,
  lineTestReport,
  lineTestRequest,
  lineTestSecondsMax,
  lineTestService,
} from './line-test-receiver.ts';

/** One report of the receiver, and what this end saw when it came. */
export interface LineTestSample {
  /** By the receiver's clock. */
  readonly elapsedMs: number;
  readonly receivedBytes: number;
  /** Nothing but the test's own questions was sent until now. */
  readonly isIdle: boolean;
  readonly wireBytes: number;
  readonly sentSegments: number;
  readonly resentSegments: number;
  readonly roundTripMs: number | undefined;
}

export interface LineTestPorts {
  readonly link: Link;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly signal: AbortSignal;
  readonly onSample: (sample: LineTestSample) => void;
}

const idleMs = 1000;
const loadedMs = 9000;
/** The kernel smooths the round trip over eight questions and more: those of the idle second must outweigh what was before. */
const idleAskEveryMs = 25;
const loadedAskEveryMs = 100;
/** A few of the shaper's turns at 100 Mbit/s, and little beside the window. */
const messageBytes = 128 * 1024;

/**
 * Asks the receiver for a second, then fills all data connections for nine. Rejects with what the peer or the link says,
 * and with the signal's reason; nothing of the test is left then.
 */
export async function testLine({ link, clock, timers, random, signal, onSample }: LineTestPorts): Promise<void> {
  await link.whenUp();
  await using control = await link.open(lineTestService, 'control');
  await control.send(lineTestRequest.encode({ seconds: lineTestSecondsMax, bytesMax: lineTestBytesMax }));
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const bulk: { readonly channel: Channel; readonly done: Promise<void> }[] = [];

  const listen = async () => {
    for (let message = await control.receive(); message !== undefined; message = await control.receive()) {
      const { elapsedUs, receivedBytes } = lineTestReport.decode(message);
      const { sentBytes: wireBytes, sentSegments, resentSegments, roundTripMs } = link.wire();
      const isIdle = bulk.length === 0;
      const elapsedMs = elapsedUs / 1000;
      onSample({ elapsedMs, receivedBytes, isIdle, wireBytes, sentSegments, resentSegments, roundTripMs });
    }
  };
  const askFor = async (ms: number, everyMs: number) => {
    for (const endMs = clock.monotonicMs() + ms; clock.monotonicMs() < endMs; ) {
      await control.send(new Uint8Array(0));
      await timers.sleep(everyMs, either);
    }
  };
  const drive = async () => {
    await askFor(idleMs, idleAskEveryMs);
    // Sealed frame by frame, the same bytes never look alike on the line.
    const noise = random.bytes(messageBytes);
    link.openOnEach(lineTestBulkService, { trafficClass: 'interactive' }, stop.signal, (channel) =>
      bulk.push({ channel, done: fill(channel, noise) }),
    );
    await askFor(loadedMs, loadedAskEveryMs);
    await control.end();
  };
  try {
    await Promise.all([listen(), drive()]);
  } finally {
    stop.abort();
    for (const { channel } of bulk) channel.abort(testEnded());
    await Promise.all(bulk.map(({ done }) => done));
  }
}

async function fill(channel: Channel, noise: Uint8Array): Promise<void> {
  try {
    for (;;) await channel.send(noise);
  } catch (error) {
    // A channel ends with the test, or with its connection: the others go on.
    if (!isAppError(error)) throw error;
  }
}

/** What a test has shown. Rates are bytes a second. */
export interface LineFigures {
  /** As a router on the way counts: headers and what was sent again included. */
  readonly capacityBytesPerSecond: number;
  readonly payloadBytesPerSecond: number;
  readonly roundTripIdleMs: number | undefined;
  readonly roundTripLoadedMs: number | undefined;
  /** Undefined where the kernel does not count. */
  readonly resentPercent: number | undefined;
}

/** Rates are taken over a second each: a burst of the queue on the way is no capacity. */
const rateMs = 1000;

/** The figures of all samples: rates and the loaded round trip from the last two thirds of the load, which has settled then. */
export function lineFigures(samples: readonly LineTestSample[]): LineFigures {
  const loaded = samples.filter(({ isIdle }) => !isIdle);
  const idle = samples.filter(({ isIdle }) => isIdle);
  const settled = loaded.slice(Math.floor(loaded.length / 3));
  const [first, last] = [settled.at(0), settled.at(-1)];
  if (first === undefined || last === undefined || last.elapsedMs - first.elapsedMs < rateMs) throw tooFewReports();
  const rates = settled.flatMap((from) => {
    const to = settled.find(({ elapsedMs }) => elapsedMs >= from.elapsedMs + rateMs);
    return to === undefined ? [] : [((to.receivedBytes - from.receivedBytes) * 1000) / (to.elapsedMs - from.elapsedMs)];
  });
  const payloadBytesPerSecond = median(rates) ?? 0;
  const payloadBytes = last.receivedBytes - first.receivedBytes;
  // What was under way at the first report and not at the last one was sent before: less than the payload it cannot be.
  const wireShare = payloadBytes === 0 ? 1 : Math.max(1, (last.wireBytes - first.wireBytes) / payloadBytes);
  const begin = samples[0];
  assert(begin !== undefined, 'who has loaded samples has samples');
  const sent = last.sentSegments - begin.sentSegments;
  const roundTrips = (of: readonly LineTestSample[]) =>
    median(of.flatMap(({ roundTripMs }) => (roundTripMs === undefined ? [] : [roundTripMs])));
  return {
    capacityBytesPerSecond: payloadBytesPerSecond * wireShare,
    payloadBytesPerSecond,
    roundTripIdleMs: roundTrips(idle.slice(Math.floor((idle.length * 2) / 3))),
    roundTripLoadedMs: roundTrips(settled),
    resentPercent: sent > 0 ? (100 * (last.resentSegments - begin.resentSegments)) / sent : undefined,
  };
}

function median(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

function testEnded(): AppError {
  return new AppError('the test of the line has ended', {
    code: 'line_test_over',
    retryable: true,
    advice: 'Nothing to do.',
  });
}

function tooFewReports(): AppError {
  return new AppError('the peer has answered too seldom to tell anything of the line', {
    code: 'line_test_unclear',
    retryable: true,
    advice: 'Run it again; "sitepair link status" shows whether the link stays up.',
  });
}
