import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  changed,
  type DiskModel,
  type ModelFile,
  type ModelFolder,
  type ModelNode,
  type NameChange,
} from './disk-model.ts';

/** What was left of a disk: files by their path below the root; a folder is undefined. */
export type DiskState = ReadonlyMap<string, Buffer | undefined>;

type Fraction = () => number;

/** How a cut treats what was not synced. */
export type Mood = 'nothing' | 'everything' | 'prefix' | 'some';

const moods: readonly Mood[] = ['nothing', 'everything', 'prefix', 'some', 'some', 'some'];
/** A disk writes sectors whole, the page cache pages: tears are at one or the other. */
const tears = [512, 4096] as const;

/** One state that a power cut could leave now, by chance. */
export function cutPower(disk: DiskModel, fraction: Fraction): DiskState {
  const mood = moods[Math.floor(fraction() * moods.length)] ?? 'some';
  // Contents and names go their own ways: a journal may be far ahead of the data, or far behind.
  const names = keptNames(disk.pendingNames, nameMood(mood, fraction), fraction);
  const share = fraction();
  return stateOf(disk, names, (file) => contentAfter(file, mood, share, fraction));
}

/** The state that a cut leaves when all names that were not synced fare one way, and all contents another. */
export function cutEvenly(
  disk: DiskModel,
  names: 'nothing' | 'everything',
  contents: 'nothing' | 'everything',
): DiskState {
  const none = () => 0;
  return stateOf(disk, keptNames(disk.pendingNames, names, none), (file) => contentAfter(file, contents, 0, none));
}

/** Every state with each change whole or not there at all; undefined when there are more than `statesMax`. */
export function everyCut(disk: DiskModel, statesMax: number): DiskState[] | undefined {
  const files = filesIn(disk);
  const open = files.flatMap((file) => file.changes.filter(({ state }) => state !== 'durable'));
  const bits = open.length + disk.pendingNames.length;
  if (bits > 20 || 2 ** bits > statesMax) return undefined;
  const states: DiskState[] = [];
  for (let mask = 0; mask < 2 ** bits; mask++) {
    const chosen = disk.pendingNames.filter((_, i) => ((mask >> i) & 1) === 1);
    if (keptNames(chosen, 'everything', () => 0, disk.pendingNames).size !== chosen.length) continue;
    const kept = new Set(open.filter((_, i) => ((mask >> (disk.pendingNames.length + i)) & 1) === 1));
    if (!files.every((file) => isPossible(file, kept))) continue;
    states.push(
      stateOf(disk, new Set(chosen), (file) =>
        file.changes.reduce((content, one) => {
          return one.state === 'durable' || kept.has(one) ? changed(content, one) : content;
        }, file.base),
      ),
    );
  }
  return states;
}

/** False when a change is kept without one before it that shares a sector: the cache has both. */
function isPossible({ changes }: ModelFile, kept: ReadonlySet<unknown>): boolean {
  const lacking = new Set<number>();
  for (const change of changes) {
    const isThere = change.state === 'durable' || kept.has(change);
    for (const sector of sectorsOf(change, 512)) {
      if (!isThere) lacking.add(sector);
      else if (lacking.has(sector)) return false;
    }
  }
  return true;
}

/** Writes a state below `folder`, which is empty. */
export function writeState(folder: string, state: DiskState): void {
  for (const [path, content] of state) {
    if (content === undefined) mkdirSync(join(folder, path), { recursive: true, mode: 0o700 });
    else writeFileSync(join(folder, path), content, { mode: 0o600 });
  }
}

export function hashOf(state: DiskState): string {
  const hash = createHash('sha256');
  for (const [path, content] of state) {
    hash.update(`${path}\0${content?.length ?? 'folder'}\0`);
    if (content !== undefined) hash.update(content);
  }
  return hash.digest('base64');
}

function nameMood(mood: Mood, fraction: Fraction): Mood {
  return mood === 'some' && fraction() < 0.5 ? (moods[Math.floor(fraction() * 4)] ?? mood) : mood;
}

/** Which name changes survive: never one without those before it on the same names, among all that are pending. */
function keptNames(
  changes: readonly NameChange[],
  mood: Mood,
  fraction: Fraction,
  all: readonly NameChange[] = changes,
): Set<NameChange> {
  const wanted = new Set(changes);
  const kept = new Set<NameChange>();
  const broken = new Map<ModelFolder, Set<string>>();
  const until = mood === 'prefix' ? Math.floor(fraction() * (all.length + 1)) : all.length;
  const share = fraction();
  for (const [i, change] of all.entries()) {
    const isFree = change.parts.every(({ folder, name }) => broken.get(folder)?.has(name) !== true);
    const keep =
      wanted.has(change) && isFree && mood !== 'nothing' && i < until && (mood !== 'some' || fraction() < share);
    if (keep) kept.add(change);
    else {
      for (const { folder, name } of change.parts) {
        const names = broken.get(folder) ?? new Set();
        broken.set(folder, names.add(name));
      }
    }
  }
  return kept;
}

/**
 * What is left of a content. A sector (or a page) is written as the cache has it at some moment: so each holds its changes
 * up to one of them, at least up to the last that is durable, and none behind that. The length goes its own way.
 */
function contentAfter({ base, changes }: ModelFile, mood: Mood, share: number, fraction: Fraction): Buffer {
  if (changes.length === 0) return base;
  const size = tears[fraction() < 0.5 ? 0 : 1];
  const until = mood === 'prefix' ? Math.floor(fraction() * (changes.length + 1)) : changes.length;
  const choose = (atLeast: number): number => {
    if (mood === 'everything') return changes.length;
    if (mood === 'nothing') return atLeast;
    if (mood === 'prefix') return Math.max(atLeast, fraction() < 0.5 ? until : until + 1);
    if (fraction() < share) return changes.length;
    return fraction() < 0.6 ? atLeast : atLeast + Math.floor(fraction() * (changes.length - atLeast + 1));
  };
  const lengths = lengthsOf(base.length, changes);
  const content = Buffer.alloc(Math.max(...lengths));
  base.copy(content);
  const lastDurable = new Map<number, number>();
  for (const [k, change] of changes.entries()) {
    if (change.state === 'durable') for (const sector of sectorsOf(change, size)) lastDurable.set(sector, k + 1);
  }
  const limits = new Map<number, number>();
  for (const [k, change] of changes.entries()) {
    if (change.kind === 'truncate') {
      content.fill(0, change.offset, Math.max(change.offset, lengths[k] ?? 0));
      continue;
    }
    const { offset, data } = change;
    for (const sector of sectorsOf(change, size)) {
      const limit = limits.get(sector) ?? choose(lastDurable.get(sector) ?? 0);
      limits.set(sector, limit);
      const [from, to] = [Math.max(offset, sector * size), Math.min(offset + data.length, (sector + 1) * size)];
      if (k < limit) data.copy(content, from, from - offset, to - offset);
    }
  }
  const known = changes.findLastIndex(({ state }) => state === 'durable') + 1;
  return content.subarray(0, lengths[Math.min(choose(known), changes.length)]);
}

/** The length of a file before any of its changes, and after each. */
function lengthsOf(before: number, changes: ModelFile['changes']): number[] {
  const lengths = [before];
  for (const { kind, offset, data } of changes) {
    lengths.push(kind === 'truncate' ? offset : Math.max(lengths.at(-1) ?? 0, offset + data.length));
  }
  return lengths;
}

function* sectorsOf({ offset, data }: ModelFile['changes'][number], size: number): Generator<number> {
  for (let at = Math.floor(offset / size); at * size < offset + data.length; at++) yield at;
}

function stateOf(disk: DiskModel, names: ReadonlySet<NameChange>, contentOf: (file: ModelFile) => Buffer): DiskState {
  const entries = new Map<ModelFolder, Map<string, ModelNode>>();
  const entriesOf = (folder: ModelFolder) => {
    const known = entries.get(folder) ?? new Map(folder.durable);
    entries.set(folder, known);
    return known;
  };
  for (const { parts } of names) {
    for (const { folder, name, to } of parts) {
      if (to === undefined) entriesOf(folder).delete(name);
      else entriesOf(folder).set(name, to);
    }
  }
  const state = new Map<string, Buffer | undefined>();
  const contents = new Map<ModelFile, Buffer>();
  const walk = (folder: ModelFolder, path: string) => {
    for (const [name, node] of [...entriesOf(folder)].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const at = path === '' ? name : `${path}/${name}`;
      if (node.type === 'folder') {
        state.set(at, undefined);
        walk(node, at);
      } else {
        const content = contents.get(node) ?? contentOf(node);
        contents.set(node, content);
        state.set(at, content);
      }
    }
  };
  walk(disk.top, '');
  return state;
}

function filesIn(disk: DiskModel): ModelFile[] {
  const files = new Set<ModelFile>();
  const seen = new Set<ModelNode>();
  const walk = (node: ModelNode | undefined) => {
    if (node === undefined || seen.has(node)) return;
    seen.add(node);
    if (node.type === 'file') files.add(node);
    else for (const one of [...node.now.values(), ...node.durable.values()]) walk(one);
  };
  walk(disk.top);
  for (const { parts } of disk.pendingNames) for (const { to } of parts) walk(to);
  return [...files];
}
