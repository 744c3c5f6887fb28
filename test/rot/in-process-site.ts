import { pino } from 'pino';
import type { FrameConduit, FrameReceiver } from '#link';
import { Mux } from '#link';
import { ReadSource, UploadSink } from '#replication';
import { fromHex, systemClock, systemRandom, systemTimers } from '#runtime';
import { type RestoreReport, readManifest, restoreSnapshot, takeSnapshot } from '#snapshot';
import { Appliance } from '../../apps/sitepair/appliance/appliance.ts';
import type { Run } from '../../apps/sitepair/appliance/operations.ts';

/** An appliance opened by its own opening functions within this process, and a client of it. */
export class InProcessSite implements AsyncDisposable {
  readonly appliance: Appliance;
  readonly #client: Mux;

  private constructor(appliance: Appliance) {
    this.appliance = appliance;
    const [left, right] = conduitPair();
    const common = { clock: systemClock, timers: systemTimers, heartbeat: false as const };
    const onHandlerError = (error: unknown) => {
      throw error;
    };
    this.#client = new Mux(left, { ...common, isDialler: true, onHandlerError });
    appliance.operations.serveClient(new Mux(right, { ...common, isDialler: false, onHandlerError }));
  }

  /** Opens a state; `said` gets each warning of the log. Throws what the appliance throws. */
  static async open(state: string, said: string[] = []): Promise<InProcessSite> {
    const logger = pino({ level: 'warn' }, { write: (line: string) => said.push(String(JSON.parse(line).msg)) });
    const environment = { clock: systemClock, timers: systemTimers, random: systemRandom, logger };
    return new InProcessSite(await Appliance.open(state, environment));
  }

  get run(): Run {
    return { signal: new AbortController().signal, progress: () => undefined };
  }

  async backUp(tree: string, dataset: string): Promise<void> {
    const host = 'client.example';
    const paths = [Buffer.from(tree)];
    const sink = await UploadSink.begin(this.#client.open('upload'), { datasetName: dataset, host, paths });
    const { siteId, datasetId, chunkerKey } = sink.began;
    const labels = { siteId, datasetId, datasetName: dataset, host, softwareVersion: '0.0.0' };
    const taken = await takeSnapshot({ paths, sink, chunkerKey, labels, clock: systemClock });
    await sink.commit(taken.manifestHash);
  }

  /** Restores the newest snapshot of a dataset into a folder that is not there yet. */
  async restore(reference: string, target: string): Promise<RestoreReport> {
    const { id } = this.appliance.operations.snapshot({ reference });
    const source = await ReadSource.open(this.#client.open('read'), fromHex(id));
    const manifest = await readManifest(source, source.manifestHash);
    const { manifestHash } = source;
    const existing = 'refuse-if-not-empty' as const;
    const report = await restoreSnapshot({
      ...{ source, manifest, manifestHash, existing },
      target: Buffer.from(target),
      clock: systemClock,
    });
    await source.close();
    return report;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    void this.#client.close();
    await this.appliance[Symbol.asyncDispose]();
  }
}

/** Two ends within one process: what one sends, the other gets in a later turn. */
function conduitPair(): readonly [FrameConduit, FrameConduit] {
  const [left, right] = [new TurnConduit(), new TurnConduit()];
  [left.other, right.other] = [right, left];
  return [left, right];
}

class TurnConduit implements FrameConduit {
  readonly frameBytesMax = 65_519;
  readonly overheadBytes = 0;
  readonly closed: Promise<string>;
  other: TurnConduit | undefined;
  bytesSent = 0;
  bytesReceived = 0;
  readonly #ended = Promise.withResolvers<string>();
  readonly #backlog: Uint8Array[] = [];
  #receiver: FrameReceiver | undefined;

  constructor() {
    this.closed = this.#ended.promise;
  }

  attach(receiver: FrameReceiver | undefined): void {
    this.#receiver = receiver;
    this.#deliver();
  }

  send(parts: readonly Uint8Array[]): boolean {
    const frame = new Uint8Array(Buffer.concat(parts));
    this.bytesSent += frame.length;
    setImmediate(() => this.other?.arrive(frame));
    return true;
  }

  arrive(frame: Uint8Array): void {
    this.bytesReceived += frame.length;
    this.#backlog.push(frame);
    this.#deliver();
  }

  close(): void {
    setImmediate(() => {
      this.other?.destroy('the other end closed it');
      this.destroy('this end closed it');
    });
  }

  destroy(why: string): void {
    this.#ended.resolve(why);
  }

  #deliver(): void {
    while (this.#receiver !== undefined) {
      const frame = this.#backlog.shift();
      if (frame === undefined) return;
      this.#receiver.frame(frame);
    }
  }
}
