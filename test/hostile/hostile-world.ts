import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { systemClock, systemRandom, systemTimers, type Timers } from '#runtime';
import { buildApi } from '../../apps/sitepair/api/build-api.ts';
import { listenOnControlSocket } from '../../apps/sitepair/api/control-socket.ts';
import { Appliance } from '../../apps/sitepair/appliance/appliance.ts';
import { initialise } from '../../apps/sitepair/appliance/initialise.ts';
import type { Run, SnapshotView } from '../../apps/sitepair/appliance/operations.ts';
import { backUp } from '../../apps/sitepair/client/backup.ts';
import { connectAppliance } from '../../apps/sitepair/client/connect-appliance.ts';
import { restoreIntoFolder } from '../../apps/sitepair/client/restore.ts';

/** A line of an appliance's log, as an admin reads it. */
export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly code?: string;
  readonly peer?: string;
  readonly err?: { readonly message: string; readonly stack?: string };
}

const errorLevel = 50;
// Of eight sites one comes before another one, but for one run in a hundred.
const triesMax = 8;

/** Nobody cancels, nobody watches. */
export function run(signal: AbortSignal = new AbortController().signal): Run {
  return { signal, progress: () => undefined };
}

/**
 * The system's timers, in which patience with others runs out sooner: whoever waits 15 seconds or more for somebody waits a
 * hundredth of it. Heartbeats, retries and handshakes are as they are.
 */
const impatientTimers: Timers = {
  after: (delayMs, work) => systemTimers.after(delayMs >= 15_000 ? delayMs / 100 : delayMs, work),
  sleep: (delayMs, signal) => systemTimers.sleep(delayMs, signal),
};

/** One appliance in this process, with everything that `serve` gives it. */
export class WorldSite implements AsyncDisposable {
  readonly name: string;
  readonly state: string;
  readonly log: LogLine[];
  readonly appliance: Appliance;
  readonly #api: FastifyInstance;
  #isClosed = false;
  readonly #time: { aheadMs: number; wallAheadMs: number };

  private constructor(
    name: string,
    state: string,
    log: LogLine[],
    appliance: Appliance,
    api: FastifyInstance,
    time: { aheadMs: number; wallAheadMs: number },
  ) {
    this.#time = time;
    this.name = name;
    this.state = state;
    this.log = log;
    this.appliance = appliance;
    this.#api = api;
  }

  /** `before`: the id of another site before which this one's is to come, wherever sites are sorted, if chance gives one. */
  static async start(root: string, name: string, before = 'g'): Promise<WorldSite> {
    const state = join(root, name);
    for (let tries = 1; ; tries++) {
      const { siteId } = await initialise({ state, siteName: name, address: '' });
      if (siteId < before || tries === triesMax) break;
      rmSync(state, { recursive: true });
    }
    return await WorldSite.open(state, name);
  }

  static async open(state: string, name: string): Promise<WorldSite> {
    const log: LogLine[] = [];
    const write = (line: string) => void log.push(JSON.parse(line) as LogLine);
    const logger = pino({ level: 'info', base: null }, { write });
    const time = { aheadMs: 0, wallAheadMs: 0 };
    const clock = {
      nowMs: () => systemClock.nowMs() + time.wallAheadMs,
      monotonicMs: () => systemClock.monotonicMs() + time.aheadMs,
    };
    const environment = { clock, timers: impatientTimers, random: systemRandom, logger };
    const appliance = await Appliance.open(state, environment);
    const api = buildApi(appliance.operations, { logger });
    await appliance.listen('127.0.0.1:0');
    await listenOnControlSocket(api, state);
    await appliance.start();
    return new WorldSite(name, state, log, appliance, api, time);
  }

  /** Somebody, or NTP, sets this machine's clock while it runs. */
  setClockAhead(ms: number): void {
    this.#time.wallAheadMs = ms;
  }

  /** What was said in the log a minute ago may be said again. */
  letMinutePass(): void {
    this.#time.aheadMs += 60_001;
  }

  get address(): string {
    return this.appliance.listening[0] ?? '';
  }

  /** A client of this machine backs up a folder. */
  async backUp(tree: string, dataset: string): Promise<SnapshotView> {
    await using appliance = await connectAppliance(this.state);
    const { snapshot } = await backUp(appliance, {
      dataset,
      content: { paths: [tree], excludes: [], excludeCaches: false, oneFileSystem: false },
      clock: systemClock,
      signal: new AbortController().signal,
      onProgress: () => undefined,
    });
    return snapshot;
  }

  /** A client of this machine restores a snapshot into `target`. */
  async restore(reference: string, target: string): Promise<void> {
    await using appliance = await connectAppliance(this.state);
    await restoreIntoFolder(appliance, {
      point: { reference, path: undefined },
      fromPeer: undefined,
      target,
      existing: 'refuse-if-not-empty',
      dryRun: false,
      clock: systemClock,
      signal: new AbortController().signal,
      onProgress: () => undefined,
    });
  }

  /** The sites that this one shows as holding a snapshot. */
  copiesOf(id: string): readonly string[] {
    return this.appliance.book.snapshot(id).copies;
  }

  /** What the log has said since it had `from` lines, from warnings on. */
  warningsSince(from: number): LogLine[] {
    return this.log.slice(from).filter(({ level }) => level >= 40);
  }

  /** No line of this log is about a bug of ours. */
  assertNoBugs(): void {
    const bugs = this.log.filter(({ level }) => level >= errorLevel);
    assert.deepEqual(
      bugs.map(({ msg, err }) => `${msg}: ${err?.stack ?? ''}`),
      [],
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#api.close();
    await this.appliance[Symbol.asyncDispose]();
  }
}

/** Pairs two sites as their admins do. */
export async function pairInProcess(
  inviter: WorldSite,
  accepter: WorldSite,
  role: 'full' | 'blind' = 'full',
): Promise<void> {
  const { code } = await inviter.appliance.operations.pairInvite({ addresses: [], role });
  await accepter.appliance.operations.pairAccept({ code });
  await inviter.appliance.operations.pairConfirm({ peer: accepter.name });
  await accepter.appliance.operations.pairConfirm({ peer: inviter.name });
  await until(
    () =>
      [inviter, accepter].every(({ appliance }) =>
        appliance.peers.paired().some((peer) => peer.joined && appliance.links.link(peer.siteId) !== undefined),
      ) && inviter.appliance.operations.catalogDigest().digest === accepter.appliance.operations.catalogDigest().digest,
    'the pairing',
  );
}

/** Waits for what others bring about; a machine that is busy with other things is given half a minute. */
export async function until(reached: () => boolean, what: string): Promise<void> {
  const deadlineMs = performance.now() + 10_000;
  while (!reached()) {
    if (performance.now() > deadlineMs) throw new Error(`waited in vain for ${what}`);
    await systemTimers.sleep(5);
  }
}

export function writeTree(folder: string, text: string, files = 6): string {
  mkdirSync(join(folder, 'deep'), { recursive: true });
  for (let i = 0; i < files; i++)
    writeFileSync(join(folder, i % 2 ? 'deep' : '', `file-${i}`), `${text} ${i}\n`.repeat(500 + i));
  return folder;
}

/** Path below the folder -> content. */
export function contentsOf(folder: string): Map<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const all = files.map(({ parentPath, name }) => join(parentPath, name));
  return new Map(all.sort().map((path) => [path.slice(folder.length), readFileSync(path, 'latin1')]));
}

/** A folder for one test file, removed at its end. */
export function worldFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'sitepair-hostile-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** What opens sites for one test. */
export interface Stage {
  readonly root: string;
  start(name: string): Promise<WorldSite>;
  open(state: string, name: string): Promise<WorldSite>;
}

/** Runs `work` with sites that are closed in the end, whatever comes, and whose logs tell of no bug. */
export async function onStage(work: (stage: Stage) => Promise<void>): Promise<void> {
  const folder = worldFolder();
  const sites: WorldSite[] = [];
  const kept = (site: WorldSite) => {
    sites.push(site);
    return site;
  };
  try {
    await work({
      root: folder.path,
      start: async (name) => kept(await WorldSite.start(folder.path, name)),
      open: async (state, name) => kept(await WorldSite.open(state, name)),
    });
    for (const site of sites) site.assertNoBugs();
  } finally {
    for (const site of sites.toReversed()) await site[Symbol.asyncDispose]();
    folder.remove();
  }
}
