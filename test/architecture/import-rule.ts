import { posix } from 'node:path';
import { lineOf, scanSource } from './source-scan.ts';

/** Path from the repository's root (with `/`) -> text of the file. */
export type Sources = ReadonlyMap<string, string>;

/** Lower layers first. A library imports from lower layers only. */
export const layers: readonly (readonly string[])[] = [
  ['runtime'],
  ['model'],
  ['wire', 'config'],
  ['posix', 'shaper', 'chunker', 'keys', 'health'],
  ['records'],
  ['targets'],
  ['store', 'catalog', 'link', 'snapshot'],
  ['replication', 'jobs'],
];

/** Libraries whose subfolders are adapters with a door each (`#targets/tape`), chosen by apps/sitepair alone. */
const adapterLibraries: ReadonlySet<string> = new Set(['targets']);

const forbiddenGlobals: readonly (readonly [RegExp, string])[] = [
  [/(?<![\w$])Date\s*\.\s*now\b/g, 'Date.now'],
  [/(?<![\w$])Math\s*\.\s*random\b/g, 'Math.random'],
  [/(?<![\w$])performance\s*\.\s*now\b/g, 'performance.now'],
  [/(?<![\w$])process\s*\.\s*hrtime\b/g, 'process.hrtime'],
  [/(?<![\w$])new\s+Date\s*(?:\(\s*\)|(?![\w$\s(]))/g, 'new Date()'],
  [/(?:(?<![\w$.])|\bglobalThis\s*\.\s*)setTimeout\b/g, 'setTimeout'],
  [/(?:(?<![\w$.])|\bglobalThis\s*\.\s*)setInterval\b/g, 'setInterval'],
];

/** True for tests and what only tests load: they may tell the time, and look sideways. */
export function isTestCode(path: string): boolean {
  return path.startsWith('test/') || /\.(?:test|full|long|fixture)\.ts$/.test(path) || path.includes('/testing/');
}

/**
 * Every breach of the import rule in `sources`, one readable line each; empty when there is none. Throws when there is
 * no module or no import to look at, since a check that saw nothing has checked nothing.
 */
export function findBreaches(sources: Sources): string[] {
  const breaches: string[] = [];
  let imports = 0;
  for (const [path, source] of sources) {
    const scanned = scanSource(source);
    for (const { specifier, line } of scanned.imports) {
      imports += 1;
      const reason = specifier === undefined ? 'imports a computed name' : breachOf(path, specifier);
      if (reason !== undefined) breaches.push(`${path}:${line}: ${reason}`);
    }
    breaches.push(...clockBreaches(path, scanned.code));
  }
  if (imports === 0) throw new Error(`the import rule saw ${sources.size} modules and no import`);
  return breaches;
}

function breachOf(path: string, specifier: string): string | undefined {
  if (specifier.startsWith('#')) return doorBreach(path, specifier.slice(1));
  if (specifier.startsWith('.')) return relativeBreach(path, posix.join(posix.dirname(path), specifier));
  if (specifier.startsWith('/') || specifier.startsWith('file:')) return `imports an absolute path: ${specifier}`;
  const module = specifier.replace(/^node:/, '');
  if (/^timers(?:\/|$)/.test(module) && clockRuleHolds(path)) return `imports ${specifier}: use Timers of #runtime`;
  return undefined;
}

/** `name` is what stands behind the `#`: a library, or a library and an adapter. */
function doorBreach(path: string, name: string): string | undefined {
  const [library = '', ...inside] = name.split('/');
  if (layerOf(library) === undefined) return `imports #${name}: ${library} is in no layer`;
  if (inside.length > 1 || (inside.length === 1 && !adapterLibraries.has(library))) {
    return `imports #${name}: a path into a library, enter it by #${library}`;
  }
  const from = path.split('/');
  if (from[0] === 'libs') {
    if (from[1] === library && inside.length === 0) return `imports its own door #${name}`;
    if (inside.length > 0 && !isTestCode(path)) return `imports #${name}: only apps/sitepair chooses adapters`;
    return layerBreach(path, from[1] ?? '', library);
  }
  if (from[0] === 'apps' && from[1] !== 'sitepair' && inside.length > 0) {
    return `imports #${name}: only apps/sitepair chooses adapters`;
  }
  return undefined;
}

function layerBreach(path: string, from: string, to: string): string | undefined {
  const fromLayer = layerOf(from);
  const toLayer = layerOf(to);
  if (fromLayer === undefined || toLayer === undefined) return `${from} is in no layer`;
  if (toLayer > fromLayer) return `imports #${to}: upward from ${from}`;
  if (toLayer === fromLayer && from !== to && !isTestCode(path)) return `imports #${to}: sideways from ${from}`;
  return undefined;
}

function relativeBreach(path: string, target: string): string | undefined {
  const unit = (file: string) => file.split('/').slice(0, 2).join('/');
  const area = (file: string) => file.split('/')[0];
  if (area(target) === 'libs') {
    if (unit(path) !== unit(target)) return `imports ${target}: enter ${unit(target)} by #${target.split('/')[1]}`;
    return adapterBreach(path, target);
  }
  if (area(target) === 'apps' && unit(path) !== unit(target) && area(path) !== 'test') {
    return `imports ${target}: nothing imports an app`;
  }
  if (area(target) === 'test' && !isTestCode(path)) return `imports ${target}: only tests import test code`;
  return undefined;
}

/** Inside an adapter library: an adapter sees itself and its port; the port sees no adapter. */
function adapterBreach(path: string, target: string): string | undefined {
  const adapterOf = (file: string) => (file.split('/').length > 3 ? file.split('/')[2] : undefined);
  const chosen = adapterOf(target);
  if (!adapterLibraries.has(path.split('/')[1] ?? '') || chosen === undefined || isTestCode(path)) return undefined;
  return adapterOf(path) === chosen ? undefined : `imports ${target}: only apps/sitepair chooses adapters`;
}

function clockBreaches(path: string, code: string): string[] {
  if (!clockRuleHolds(path)) return [];
  return forbiddenGlobals.flatMap(([pattern, name]) =>
    [...code.matchAll(pattern)].map(
      ({ index }) => `${path}:${lineOf(code, index)}: uses ${name}: take Clock, Timers or Random of #runtime`,
    ),
  );
}

function clockRuleHolds(path: string): boolean {
  return !isTestCode(path) && !path.startsWith('libs/runtime/');
}

function layerOf(library: string): number | undefined {
  const layer = layers.findIndex((names) => names.includes(library));
  return layer < 0 ? undefined : layer;
}
