import type { Channel } from '#link';
import { AppError, type Clock, isAppError, type Timers, toHex } from '#runtime';
import { codecOf } from '#wire';

/** Of docs/HEALTH.md, "Testing the line": requests and reports; what fills the line. */
export const lineTestService = 'line-test';
export const lineTestBulkService = 'line-test-bulk';

/** Long enough for 10 s of a test on a line of 2 s round trip, and a moment of a limited line. */
export const lineTestSecondsMax = 15;
/** 15 s at 18 Gbit/s. */
export const lineTestBytesMax = 2 ** 35;
/** A link has no more data connections; each channel holds a window of memory at most. */
const bulkChannelsMax = 64;

interface LineTestRequest {
  readonly seconds: number;
  readonly bytesMax: number;
}

interface LineTestReport {
  readonly elapsedUs: number;
  readonly receivedBytes: number;
}

export const lineTestRequest = codecOf<LineTestRequest>('health.proto', 'sitepair.health.v1.LineTestRequest');
export const lineTestReport = codecOf<LineTestReport>('health.proto', 'sitepair.health.v1.LineTestReport');

interface RunningTest {
  readonly bytesMax: number;
  readonly bulk: Channel[];
  /** Ends it, with the reason for the other end. */
  readonly end: (reason: AppError) => void;
}

/** The receiving end of tests of the line: counts what comes, keeps nothing of it, one test of each peer at a time. */
export class LineTestReceiver {
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #running = new Map<string, RunningTest>();

  constructor(clock: Clock, timers: Timers) {
    this.#clock = clock;
    this.#timers = timers;
  }

  /**
   * Serves one test; it ends with its channel, or its time or bytes. Throws `line_test_busy` while another one of this peer
   * runs, `line_test_too_large` for one that wants more than there is, `line_test_over` at its bounds.
   */
  async serve(channel: Channel, siteId: Uint8Array): Promise<void> {
    const first = await channel.receive();
    if (first === undefined) return;
    const { seconds, bytesMax } = lineTestRequest.decode(first);
    const key = toHex(siteId);
    if (this.#running.has(key)) throw busy();
    if (!(seconds >= 1 && seconds <= lineTestSecondsMax && bytesMax >= 1 && bytesMax <= lineTestBytesMax))
      throw tooLarge();
    const test: RunningTest = { bytesMax, bulk: [], end: (reason) => channel.abort(reason) };
    this.#running.set(key, test);
    const deadline = this.#timers.after(seconds * 1000, () => test.end(over(`its ${seconds} s are over`)));
    try {
      await this.#report(channel, test);
    } finally {
      deadline.cancel();
      this.#running.delete(key);
      for (const one of test.bulk) one.abort(over('it has ended'));
    }
  }

  /** Takes what fills the line, over one of its connections. Throws `line_test_over` when no test of this peer runs. */
  async serveBulk(channel: Channel, siteId: Uint8Array): Promise<void> {
    const test = this.#running.get(toHex(siteId));
    if (test === undefined) throw over('none is running');
    if (test.bulk.length >= bulkChannelsMax) throw over('it has too many channels');
    test.bulk.push(channel);
    try {
      for (let message = await channel.receive(); message !== undefined; message = await channel.receive()) {
        if (receivedBytesOf(test) > test.bytesMax) test.end(over(`more than ${test.bytesMax} bytes came`));
      }
    } catch (error) {
      // However a channel ends: what it brought is counted, and the test goes on or is over.
      if (!isAppError(error)) throw error;
    }
  }

  async #report(channel: Channel, test: RunningTest): Promise<void> {
    const beganMs = this.#clock.monotonicMs();
    while ((await channel.receive()) !== undefined) {
      const elapsedUs = Math.round((this.#clock.monotonicMs() - beganMs) * 1000);
      await channel.send(lineTestReport.encode({ elapsedUs, receivedBytes: receivedBytesOf(test) }));
    }
  }
}

function receivedBytesOf({ bulk }: RunningTest): number {
  return bulk.reduce((sum, { bytesReceived }) => sum + bytesReceived, 0);
}

function busy(): AppError {
  return new AppError('another test of this line is running', {
    code: 'line_test_busy',
    retryable: true,
    advice: `Wait until it has ended: ${lineTestSecondsMax} s at most.`,
  });
}

function tooLarge(): AppError {
  return new AppError('the test of the line wants more than a peer gives', {
    code: 'line_test_too_large',
    advice: `Ask for at most ${lineTestSecondsMax} s and ${lineTestBytesMax} bytes.`,
  });
}

function over(why: string): AppError {
  return new AppError(`the test of the line is over: ${why}`, {
    code: 'line_test_over',
    retryable: true,
    advice: 'Run it again.',
  });
}
