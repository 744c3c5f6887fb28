import type { Logger } from 'pino';
import { ReadSource, UploadSink } from '#replication';
import { isAppError, toHex } from '#runtime';
import { Appliance } from '../../apps/sitepair/appliance/appliance.ts';
import { initialise } from '../../apps/sitepair/appliance/initialise.ts';
import type { Run } from '../../apps/sitepair/appliance/operations.ts';
import { rebuild } from '../../apps/sitepair/appliance/rebuild.ts';
import { clientMux } from './client-line.ts';
import { backUp, type ClientFiles, firstFiles } from './content.ts';
import type { Ledger } from './ledger.ts';
import { Disk } from './machine/disk.ts';
import { Life } from './machine/life.ts';
import { mountPoint, onMachine } from './machine/machine.ts';
import type { Network } from './machine/network.ts';
import type { SeededRandom } from './machine/random.ts';

/** What a site tells the simulation. */
export interface SiteEvents {
  trace(what: string): void;
  /** A warning in the appliance's log, with its code. */
  said(code: string, message: string): void;
  /** Something that no site may ever say or do. */
  broken(what: string, error?: unknown): void;
  /** The process ended at an operation on its disk, as was planned. */
  died(isPowerCut: boolean): void;
}

export interface SiteOptions {
  readonly name: string;
  readonly network: Network;
  readonly random: SeededRandom;
  readonly ledger: Ledger;
  readonly clockOffsetMs: number;
  /** Link protocol versions that it speaks beyond the newest there is. */
  readonly versionsAhead: number;
  readonly heartbeatStretch: number;
  readonly events: SiteEvents;
}

/** A run of long work of which nobody watches the progress. */
export const quietRun: Run = { signal: new AbortController().signal, progress: () => undefined };

let disksMade = 0;

/** One site: its disk, its clock, and while it runs the real appliance on both. */
export class SimulatedSite {
  readonly name: string;
  readonly address: string;
  readonly options: SiteOptions;
  readonly files: ClientFiles;
  /** Right while it is founded, since an invitation holds for a day; then what the plan says. */
  clockOffsetMs = 0;
  disk: Disk;
  life: Life | undefined;
  appliance: Appliance | undefined;
  siteId = '';
  kitCode = '';
  /** It said that it cannot go on without a new incarnation, for this reason. */
  needsRebuild: string | undefined;
  /** Somebody has to start it again: a write failed, and it trusts its memory no more. */
  needsRestart = false;
  /** A bit has flipped on its disk that no scrub has mended yet. */
  isRotten = false;
  /** A bit of a log has flipped; it is found when the site starts anew, and mended by its peers. */
  areLogsRotten = false;
  /** The life that has opened the logs since a bit flipped in them. */
  logsLookedAt: Life | undefined;
  isRemoved = false;
  /** Data keys that were made after it was removed. */
  readonly forbiddenKeys = new Set<string>();
  /** Bytes of records that came although they were durable here. */
  sentAgainBytes = 0;
  /** Sessions in which snapshots were to come in and that did not come to their end; ended lives may each have cut more. */
  sessionsCut = 0;
  livesEnded = 0;
  bootId: string;

  constructor(options: SiteOptions) {
    this.options = options;
    this.name = options.name;
    this.address = `${options.name}.sim:7400`;
    this.files = firstFiles(options.name, options.random);
    this.disk = this.#newDisk();
    this.bootId = toHex(options.random.bytes(16));
  }

  get isRunning(): boolean {
    return this.life?.alive === true && this.appliance !== undefined;
  }

  /** Makes the site: init, as an admin does it. */
  async init(): Promise<void> {
    const life = this.#begin();
    const made = await onMachine(life, () =>
      initialise({ state: mountPoint, siteName: this.name, address: 'somewhere' }),
    );
    [this.siteId, this.kitCode] = [made.siteId, made.kitCode];
    life.end(false);
  }

  /** Serves. Throws what the appliance throws; a machine that is killed meanwhile leaves this waiting for ever. */
  async start(): Promise<void> {
    const life = this.#begin();
    this.life = life;
    const { clock, timers, random } = life;
    await onMachine(life, async () => {
      const appliance = await Appliance.open(mountPoint, { clock, timers, random, logger: this.#logger(life) });
      this.#watch(appliance);
      appliance.links.start();
      this.appliance = appliance;
      if (this.areLogsRotten) this.logsLookedAt = life;
      await appliance.listen(this.address);
    });
    this.options.events.trace(`${this.name} is up`);
  }

  /** Ends the process, or the whole machine. */
  kill(isPowerCut: boolean): void {
    const { life } = this;
    if (life === undefined) return;
    [this.life, this.appliance] = [undefined, undefined];
    this.livesEnded += 1;
    life.end(isPowerCut);
    if (!isPowerCut) return;
    this.disk.cutPower(this.options.random);
    this.bootId = toHex(this.options.random.bytes(16));
  }

  /** The disk is gone, with all that was promised on it; a new and empty one, or an image, takes its place. */
  replaceDisk(disk: Disk = this.#newDisk()): void {
    this.options.ledger.disks.delete(this.disk);
    this.disk = disk;
    this.options.ledger.disks.add(disk);
    [this.isRotten, this.areLogsRotten] = [false, false];
  }

  /** What this disk holds now, as a backup of the whole machine would have it. */
  image(): Disk {
    return this.disk.clone(++disksMade);
  }

  /** Comes back from nothing but the kit and a peer. */
  async rebuildFrom(peer: SimulatedSite): Promise<void> {
    const life = this.#begin();
    this.life = life;
    const { kitCode } = this;
    await onMachine(life, () => rebuild({ state: mountPoint, from: peer.address, kitText: kitCode }, quietRun));
    life.end(false);
    this.needsRebuild = undefined;
  }

  /** Backs up the site's files as they are now; the id of the snapshot. */
  async backup(): Promise<string> {
    const { life, appliance, disk } = this;
    if (life === undefined || appliance === undefined) throw new Error('bug: a site that is down backs up');
    const files = new Map(this.files);
    return await onMachine(life, async () => {
      const mux = clientMux(life, (served) => appliance.operations.serveClient(served));
      try {
        const sink = await UploadSink.begin(mux.open('upload'), { datasetName: 'data', host: 'host', paths: [] });
        const { snapshotId } = await backUp(sink, files, life.clock.nowMs());
        const id = toHex(snapshotId);
        this.options.ledger.acknowledged(id, this.name, life.clock.monotonicMs(), files, disk);
        return id;
      } finally {
        void mux.close();
      }
    });
  }

  /** Reads one folder of a snapshot back through the appliance, from wherever it finds it. */
  async read(snapshotId: string): Promise<Uint8Array> {
    const { life, appliance } = this;
    if (life === undefined || appliance === undefined) throw new Error('bug: a site that is down reads');
    return await onMachine(life, async () => {
      const mux = clientMux(life, (served) => appliance.operations.serveClient(served));
      try {
        const source = await ReadSource.open(mux.open('read'), Buffer.from(snapshotId, 'hex'));
        return await source.node(source.manifestHash);
      } finally {
        void mux.close();
      }
    });
  }

  #begin(): Life {
    const { network, random, heartbeatStretch, events } = this.options;
    const life = new Life({
      site: this.name,
      address: this.address,
      disk: this.disk,
      network,
      random,
      bootId: this.bootId,
      clockOffsetMs: () => this.clockOffsetMs,
      heartbeatStretch,
    });
    life.onOperationsUsedUp = () => {
      const isPowerCut = random.chance(0.5);
      if (this.life === life) this.kill(isPowerCut);
      else life.end(isPowerCut);
      events.died(isPowerCut);
    };
    return life;
  }

  #newDisk(): Disk {
    const disk = new Disk(++disksMade);
    this.options.ledger.disks.add(disk);
    return disk;
  }

  /** Sees what the appliance stores and promises. */
  #watch(appliance: Appliance): void {
    const { book, receiver, store } = appliance;
    const { disk } = this;
    const recordCopy = book.recordCopy.bind(book);
    book.recordCopy = async (offered) => {
      await recordCopy(offered);
      disk.promised.add(toHex(offered.snapshotId));
    };
    const serve = receiver.serve.bind(receiver);
    receiver.serve = async (raw, from) => {
      try {
        await serve(raw, from);
      } catch (error) {
        this.sessionsCut += 1;
        throw error;
      }
    };
    const append = store.append.bind(store);
    store.append = (record) => {
      if (!(record instanceof Uint8Array)) {
        const { length } = record.bytes;
        const before = store.locateMany(record.domainId, record.ids);
        void before.then((places) => {
          if (places.every((place) => place !== undefined)) this.sentAgainBytes += length;
        });
      }
      return append(record);
    };
  }

  #logger(life: Life): Logger {
    const { events } = this.options;
    const say = (level: string) => (facts: unknown, message?: string) => {
      if (!life.alive) return;
      const err = typeof facts === 'object' && facts !== null && 'err' in facts ? facts.err : undefined;
      const code = typeof facts === 'object' && facts !== null && 'code' in facts ? ` [${String(facts.code)}]` : '';
      events.trace(
        `${this.name} says: ${message ?? String(facts)}${code}${err === undefined ? '' : `: ${String(err)}`}`,
      );
      events.said(code.slice(2, -1), message ?? code);
      if (level === 'error' && err !== undefined && !isAppError(err)) events.broken(message ?? 'an error', err);
    };
    const logger = { info: say('info'), warn: say('warn'), error: say('error'), debug: say('debug') };
    return logger as unknown as Logger;
  }
}
