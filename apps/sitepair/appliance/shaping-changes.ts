import { AppError, toHex } from '#runtime';
import { formatRate, minutesOf, parseRate, type TrafficClass, trafficClasses, type Until } from '#shaper';
import type { LimitScope, LimitsView, LimitView, WindowSpec } from './operations.ts';
import type { PeerFile } from './peers.ts';
import type { Shaping } from './shaping.ts';
import { type Direction, type LimitRules, noRules, type ShapingFile } from './shaping-file.ts';

/** More windows than anybody can oversee. */
const windowsMax = 50;
const directions: readonly Direction[] = ['up', 'down'];

/** What an admin may change about bandwidth: checked, kept durably, and in force when it returns. */
export class ShapingChanges {
  readonly #file: ShapingFile;
  readonly #shaping: Shaping;
  readonly #peers: PeerFile;

  constructor(file: ShapingFile, shaping: Shaping, peers: PeerFile) {
    this.#file = file;
    this.#shaping = shaping;
    this.#peers = peers;
  }

  view(): LimitsView {
    const peers = this.#peers.all().map(({ name, siteId }) => ({ name, scope: toHex(siteId), siteId }));
    const limits = directions.flatMap((direction) => [
      this.#viewOf('all', undefined, direction),
      ...peers.map(({ name, scope, siteId }) => this.#viewOf(scope, { name, siteId }, direction)),
    ]);
    const classes = Object.entries(this.#file.rules.classes);
    return {
      timeZone: this.#shaping.timeZone,
      limits,
      classes: classes.map(([dataset, trafficClass]) => ({ dataset, trafficClass })),
    };
  }

  setRate({ peer, direction, rate }: LimitScope & { readonly rate: string }): LimitsView {
    const bytesPerSecond = parseRate(rate);
    return this.#change([this.#key(peer, direction)], (rules) => ({ ...rules, bytesPerSecond }));
  }

  changeWindows(request: LimitScope & { readonly add?: WindowSpec; readonly remove?: number }): LimitsView {
    const { peer, direction, add, remove } = request;
    const added = add === undefined ? [] : [{ ...checkedWindow(add), bytesPerSecond: parseRate(add.rate) }];
    return this.#change([this.#key(peer, direction)], (rules) => {
      if (remove !== undefined && rules.windows[remove - 1] === undefined) throw noSuchWindow(rules.windows.length);
      const kept = rules.windows.filter((_, index) => index + 1 !== remove);
      if (kept.length + added.length > windowsMax) throw tooManyWindows();
      return { ...rules, windows: [...kept, ...added] };
    });
  }

  hold(request: {
    readonly peer?: string;
    readonly hold: 'full_speed' | 'pause' | 'resume';
    readonly untilSeconds?: number;
  }): LimitsView {
    const { peer, hold, untilSeconds } = request;
    const until: Until = untilSeconds === undefined ? {} : { untilSeconds };
    const all = [undefined, ...this.#peers.all().map(({ name }) => name)];
    const keys = (peer === undefined ? all : [peer]).flatMap((name) =>
      directions.map((direction) => this.#key(name, direction)),
    );
    return this.#change(keys, ({ override, pause, ...rules }) => {
      if (hold === 'resume') return rules;
      if (hold === 'pause') return { ...rules, ...(override === undefined ? {} : { override }), pause: until };
      return { ...rules, override: { ...until, bytesPerSecond: Number.POSITIVE_INFINITY } };
    });
  }

  /** Holds from the next snapshot that begins to travel. */
  setClass({ dataset, trafficClass }: { readonly dataset: string; readonly trafficClass: string }): LimitsView {
    const known = trafficClasses.find((name) => name === trafficClass);
    if (known === undefined) throw noSuchClass(trafficClass);
    const classes: Record<string, TrafficClass> = { ...this.#file.rules.classes, [dataset]: known };
    if (known === 'backup') delete classes[dataset];
    this.#file.put({ ...this.#file.rules, classes });
    return this.view();
  }

  #key(peer: string | undefined, direction: Direction): string {
    return `${peer === undefined ? 'all' : toHex(this.#peers.named(peer).siteId)} ${direction}`;
  }

  #change(keys: readonly string[], change: (rules: LimitRules) => LimitRules): LimitsView {
    const { rules } = this.#file;
    const changed = keys.map((key) => [key, change(rules.limits[key] ?? noRules)] as const);
    this.#file.put({ ...rules, limits: { ...rules.limits, ...Object.fromEntries(changed) } });
    this.#shaping.apply();
    return this.view();
  }

  #viewOf(
    scope: string,
    peer: { readonly name: string; readonly siteId: Uint8Array } | undefined,
    direction: Direction,
  ): LimitView {
    const rules = this.#file.rules.limits[`${scope} ${direction}`] ?? noRules;
    const inForce =
      peer !== undefined && direction === 'up'
        ? this.#shaping.inForce(peer.siteId)
        : this.#shaping.ruled(scope, direction);
    const hold = inForce.why === 'pause' ? rules.pause : inForce.why === 'override' ? rules.override : undefined;
    return {
      ...(peer === undefined ? {} : { peer: peer.name }),
      direction,
      rate: formatRate(rules.bytesPerSecond),
      windows: rules.windows.map(({ days, from, to, bytesPerSecond }) => ({
        days,
        from,
        to,
        rate: formatRate(bytesPerSecond),
      })),
      now: formatRate(inForce.bytesPerSecond),
      why: inForce.why,
      ...(hold?.untilSeconds === undefined ? {} : { until: new Date(hold.untilSeconds * 1000).toISOString() }),
    };
  }
}

function checkedWindow({ days, from, to }: WindowSpec): Omit<WindowSpec, 'rate'> {
  const isGood =
    days.length > 0 &&
    days.every((day) => Number.isInteger(day) && day >= 1 && day <= 7) &&
    minutesOf(from) < 24 * 60 &&
    minutesOf(to) >= 0;
  if (isGood) return { days: [...new Set(days)].sort(), from, to };
  throw new AppError(`no window lies on days ${days.join(', ')} from ${from} to ${to}`, {
    code: 'bad_window',
    advice: 'Days are 1 (Monday) to 7, times HH:MM, as in "mon-fri 08:00-18:00".',
  });
}

function noSuchWindow(count: number): AppError {
  return new AppError('there is no window of this number', {
    code: 'window_unknown',
    advice: `There are ${count} there: see "sitepair link window list".`,
  });
}

function tooManyWindows(): AppError {
  return new AppError(`there are ${windowsMax} windows already`, {
    code: 'too_many_windows',
    advice: 'Remove some: "sitepair link window remove --help".',
  });
}

function noSuchClass(name: string): AppError {
  return new AppError(`"${name}" is no class`, {
    code: 'class_unknown',
    advice: `Choose one of: ${trafficClasses.join(', ')}; the first goes before all others.`,
  });
}
