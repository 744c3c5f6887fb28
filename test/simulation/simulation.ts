import { isAppError } from '#runtime';
import { backup, employ, heed, mend, scrub } from './admins.ts';
import { checkAtStart, checkEverything, checkRemoved, checkSentAgain } from './checks.ts';
import { isExpected } from './expected-errors.ts';
import { strike } from './faults.ts';
import { Ledger } from './ledger.ts';
import { EventQueue } from './machine/event-queue.ts';
import { settle, setVersionsAhead } from './machine/install.ts';
import { currentMachine, isFromKilled, onMachine } from './machine/machine.ts';
import { Network } from './machine/network.ts';
import { forgetOpenFiles } from './machine/open-file.ts';
import { SeededRandom } from './machine/random.ts';
import { forgetRows } from './machine/v8.ts';
import { dayMs, hourMs, type Plan } from './plan.ts';
import { SimulatedSite } from './site.ts';

/** A broken invariant, or something that no site may do. */
export class SimulationFailure extends Error {
  readonly seed: number;

  constructor(plan: Plan, what: string, when: string, cause?: unknown) {
    super(`seed ${plan.seed}, ${when}: ${what}`, { cause });
    this.name = 'SimulationFailure';
    this.seed = plan.seed;
  }
}

export interface SimulationReport {
  readonly siteYears: number;
  readonly events: number;
  readonly counts: Readonly<Record<string, number>>;
}

const heartbeatMs = 5000;
/** What no backup, scrub or rebuild may take, whatever happens; far above what the slowest line and all retries need. */
const patienceMs = 12 * hourMs;

/** A realm of simulated sites from its first day to its last, and everything that happens to it. */
export class Simulation {
  readonly plan: Plan;
  readonly queue = new EventQueue();
  readonly random: SeededRandom;
  readonly network: Network;
  readonly ledger = new Ledger();
  readonly sites: SimulatedSite[];
  readonly counts: Record<string, number> = {};
  /** No more harm comes: the quiet time at the end. */
  isQuiet = false;
  /** Nothing has been wrong for an hour. */
  isCalm = false;
  readonly #trace: ((line: string) => void) | undefined;
  #failure: SimulationFailure | undefined;

  constructor(plan: Plan, trace?: (line: string) => void) {
    this.plan = plan;
    this.#trace = trace;
    this.random = new SeededRandom(plan.seed, 1000);
    this.network = new Network(this.queue, new SeededRandom(plan.seed, 1001));
    const names = ['north', 'south', 'east', 'west', 'island'];
    this.sites = Array.from({ length: plan.sites }, (_, i) => this.#newSite(names[i] ?? `site${i}`, i));
  }

  /** Sites that belong to the realm. */
  get members(): SimulatedSite[] {
    return this.sites.filter((site) => !site.isRemoved);
  }

  /** Sites that a site is paired with. */
  peersOf(site: SimulatedSite): SimulatedSite[] {
    const own = this.sites.indexOf(site);
    const others = this.plan.pairs.flatMap(([a, b]) => (a === own ? [b] : b === own ? [a] : []));
    return others
      .map((other) => this.sites[other])
      .filter((other) => other !== undefined && !other.isRemoved) as SimulatedSite[];
  }

  /** Runs it to its end. Throws SimulationFailure. */
  async run(): Promise<SimulationReport> {
    const onRejection = (reason: unknown) => this.#escaped(reason, 'a rejection that nobody handled');
    const onException = (error: unknown) => this.#escaped(error, 'an exception that nobody caught');
    process.on('unhandledRejection', onRejection).on('uncaughtException', onException);
    setVersionsAhead(() => this.#versionsAheadHere());
    try {
      await this.#found();
      for (const fault of this.plan.faults)
        this.queue.add(fault.atMs, `fault: ${fault.kind}`, () => strike(this, fault));
      for (const site of this.sites) employ(this, site);
      await this.#runUntil(this.plan.days * dayMs);
      await this.#calmDown();
      await checkEverything(this);
      checkRemoved(this);
      checkSentAgain(this);
    } catch (error) {
      throw (
        this.#failure ?? (error instanceof SimulationFailure ? error : this.#failed('the simulation failed', error))
      );
    } finally {
      process.off('unhandledRejection', onRejection).off('uncaughtException', onException);
      for (const { life } of this.sites) life?.end(true);
      forgetRows();
      forgetOpenFiles();
    }
    const siteYears = (this.plan.sites * this.queue.nowMs) / (365 * dayMs);
    return { siteYears, events: this.queue.done, counts: this.counts };
  }

  count(what: string, by = 1): void {
    this.counts[what] = (this.counts[what] ?? 0) + by;
  }

  trace(what: string): void {
    this.#trace?.(`${this.when()}  ${what}`);
  }

  when(): string {
    const ms = Math.floor(this.queue.nowMs);
    return `day ${String(Math.floor(ms / dayMs)).padStart(3)} ${new Date(ms % dayMs).toISOString().slice(11, 23)}`;
  }

  /** Notes the first broken invariant; the run ends at the next step. */
  broken(what: string, error?: unknown): void {
    if (isFromKilled(error)) return;
    this.trace(`BROKEN: ${what}${error === undefined ? '' : ` (${String(error)})`}`);
    this.#failure ??= this.#failed(what, error);
  }

  /**
   * Begins work of a site that must end, well or with an error that is understood, before patience does. `done` is told
   * how it ended, unless the machine died meanwhile.
   */
  begin(site: SimulatedSite, what: string, work: () => Promise<void>, done?: (error: unknown) => void): void {
    const { life } = site;
    const limit = this.queue.add(patienceMs, `patience with ${what}`, () => {
      if (life === undefined || life.alive)
        this.broken(`${site.name}: "${what}" has been waiting for ${patienceMs / hourMs} hours`);
    });
    const end = (error: unknown) => {
      limit.cancelled = true;
      if (isFromKilled(error)) return;
      if (error !== undefined) {
        this.trace(`${site.name}: ${what} failed: ${describe(error)}`);
        this.count(`failed: ${what.split(' ')[0]} ${isAppError(error) ? error.code : 'other'}`);
        if (!isExpected(error)) this.broken(`${site.name}: ${what} failed`, error);
      }
      done?.(error);
    };
    work().then(
      () => end(undefined),
      (error) => end(error ?? new Error('nothing')),
    );
  }

  /** Starts a site that is down; a start that fails is tried again, as a supervisor does. */
  start(site: SimulatedSite, inMs = 0): void {
    this.queue.add(inMs, `${site.name} is started`, () => {
      if (site.life?.alive) return;
      this.count('starts');
      const what = `start of ${site.name}`;
      this.begin(
        site,
        what,
        async () => {
          await site.start();
          await checkAtStart(this, site);
        },
        (error) => {
          if (error === undefined) return;
          site.kill(false);
          this.start(site, 10 * 60_000);
        },
      );
    });
  }

  async #found(): Promise<void> {
    for (const site of this.sites) {
      await this.#until(`${site.name} to be made`, () => site.init());
      await this.#until(`${site.name} to start`, () => site.start());
    }
    for (const [a, b] of this.plan.pairs) {
      const [inviter, accepter] = [this.sites[a], this.sites[b]] as [SimulatedSite, SimulatedSite];
      await this.#until(`${inviter.name} and ${accepter.name} to be paired`, () => this.#pair(inviter, accepter));
    }
    for (const site of this.sites) site.clockOffsetMs = site.options.clockOffsetMs;
    this.trace(`${this.sites.length} sites are paired: ${this.plan.pairs.map(([a, b]) => `${a}-${b}`).join(' ')}`);
  }

  async #pair(inviter: SimulatedSite, accepter: SimulatedSite): Promise<void> {
    const { code } = (await onMachine(inviter.life, () =>
      inviter.appliance?.operations.pairInvite({ addresses: [], role: 'full' }),
    )) ?? { code: '' };
    await onMachine(accepter.life, () => accepter.appliance?.operations.pairAccept({ code }));
    await onMachine(accepter.life, () => accepter.appliance?.operations.pairConfirm({ peer: inviter.name }));
    await onMachine(inviter.life, () => inviter.appliance?.operations.pairConfirm({ peer: accepter.name }));
    const isJoined = (site: SimulatedSite, other: SimulatedSite) =>
      site.appliance?.peers.all().some((peer) => peer.name === other.name && peer.joined) === true;
    while (!isJoined(inviter, accepter) || !isJoined(accepter, inviter)) await this.pause(100);
  }

  /** For the simulator's own flow, where no machine waits. */
  pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.queue.add(ms, 'a pause', resolve));
  }

  async #calmDown(): Promise<void> {
    this.trace('--- from here on nothing more goes wrong ---');
    this.isQuiet = true;
    for (const a of this.sites) {
      for (const b of this.sites) {
        this.network.setCut(a.name, b.name, false);
        this.network.line(a.name, b.name).bytesPerSecond = 2_000_000;
      }
      [a.disk.faults.full, a.disk.faults.failingSyncs] = [false, 0];
      if (a.life !== undefined) a.life.operationsLeft = Number.POSITIVE_INFINITY;
    }
    await this.#runUntil(this.queue.nowMs + hourMs);
    this.isCalm = true;
    for (let round = 0; round < 3; round++) {
      for (const site of this.sites) {
        if (!site.isRunning && site.needsRebuild === undefined) this.start(site);
        if (!site.isRunning || round > 0 || site.isRemoved) continue;
        site.needsRestart = true;
      }
      for (const site of this.members) mend(this, site);
      await this.#runUntil(this.queue.nowMs + 8 * hourMs);
      // The last word of each site: who cannot write notices it here.
      for (const site of this.members) backup(this, site);
      await this.#runUntil(this.queue.nowMs + hourMs);
      for (const site of this.members) if (site.isRotten) scrub(this, site);
      await this.#runUntil(this.queue.nowMs + 8 * hourMs);
    }
  }

  /** Runs events until `work` is done; fails when nothing more can happen. */
  async #until(what: string, work: () => Promise<void>): Promise<void> {
    let [isDone, error]: [boolean, unknown] = [false, undefined];
    work().then(
      () => {
        isDone = true;
      },
      (reason) => {
        [isDone, error] = [true, reason ?? new Error('nothing')];
      },
    );
    const endMs = this.queue.nowMs + hourMs;
    // Some of it (making a kit's page) is real work of the library in the background: it is waited for.
    for (let idle = 0; !isDone; ) {
      const before = this.queue.done;
      await this.#step(endMs);
      idle = this.queue.done === before ? idle + 1 : 0;
      if (idle > 2000) throw this.#failed(`waited in vain for ${what}`);
    }
    if (error !== undefined) throw this.#failed(`waiting for ${what}`, error);
  }

  async #runUntil(ms: number): Promise<void> {
    while (await this.#step(ms));
    this.queue.nowMs = Math.max(this.queue.nowMs, ms);
  }

  /** One event, and all that follows from it without time passing. False when none is left before `untilMs`. */
  async #step(untilMs: number): Promise<boolean> {
    await settle();
    if (this.#failure !== undefined) throw this.#failure;
    const isSteady = !this.network.isAnyCut && !this.network.isAnyHalfDead;
    if (isSteady) this.queue.leap(untilMs, heartbeatMs * this.plan.heartbeatStretch);
    const event = this.queue.next(untilMs);
    if (event === undefined) return false;
    if (event.cancelled) return true;
    try {
      event.run();
    } catch (error) {
      this.broken(`an exception out of "${event.what}"`, error);
    }
    return true;
  }

  #newSite(name: string, index: number): SimulatedSite {
    const site: SimulatedSite = new SimulatedSite({
      name,
      network: this.network,
      random: new SeededRandom(this.plan.seed, 2000 + index),
      ledger: this.ledger,
      clockOffsetMs: this.plan.clockOffsetsMs[index] ?? 0,
      versionsAhead: this.plan.versionsAhead[index] ?? 0,
      heartbeatStretch: this.plan.heartbeatStretch,
      events: {
        trace: (what) => this.trace(what),
        said: (code, message) => heed(this, site, code, message),
        broken: (what, error) => this.broken(`${name}: ${what}`, error),
        died: (isPowerCut) => {
          this.trace(`${name} died in an operation${isPowerCut ? ' as the power went' : ''}`);
          if (site.needsRebuild === undefined) this.start(site, 60_000);
        },
      },
    });
    return site;
  }

  /** How many link protocol versions the site whose code asks is ahead of the others. */
  #versionsAheadHere(): number {
    const machine = currentMachine();
    return this.sites.find((site) => site.name === machine?.site)?.options.versionsAhead ?? 0;
  }

  #escaped(error: unknown, what: string): void {
    if (isFromKilled(error)) return;
    const machine = currentMachine();
    if (machine !== undefined && !machine.alive) return;
    this.broken(`${machine?.site ?? 'somebody'}: ${what}`, error);
  }

  #failed(what: string, cause?: unknown): SimulationFailure {
    return new SimulationFailure(this.plan, what, this.when(), cause);
  }
}

function describe(error: unknown): string {
  return isAppError(error) ? `${error.message} [${error.code}]` : String(error);
}
