import { registerHooks } from 'node:module';
import { currentMachine, onMachine } from './machine.ts';

const root = new URL('../../../', import.meta.url).href;

/** What code of a site asks for -> what it gets instead. The rest of it is the real code, unchanged. */
const everywhere: Readonly<Record<string, URL>> = {
  'node:fs': new URL('./file-system.ts', import.meta.url),
  'node:fs/promises': new URL('./file-promises.ts', import.meta.url),
  'node:http': new URL('./http.ts', import.meta.url),
  'node:net': new URL('./net.ts', import.meta.url),
  'node:v8': new URL('./v8.ts', import.meta.url),
  'node:zlib': new URL('./zlib.ts', import.meta.url),
  ws: new URL('./web-socket.ts', import.meta.url),
  lmdb: new URL('./lmdb.ts', import.meta.url),
};

/** The same for single modules of this repository, by the path they resolve to. */
const modules: Readonly<Record<string, URL>> = {
  'libs/runtime/clock.ts': new URL('./clock.ts', import.meta.url),
  'libs/runtime/random.ts': new URL('./random.ts', import.meta.url),
  'libs/store/lmdb-index.ts': new URL('./lmdb-index.ts', import.meta.url),
  'apps/sitepair/appliance/limits.ts': new URL('./limits.ts', import.meta.url),
};

/** Only view-store asks zlib for crc32, and only these for what would run in the thread pool. */
const zlibUsers = /\/(?:compress(?:ion|-body)|zstd-dictionary)\.ts$/;

registerHooks({
  resolve(specifier, context, next) {
    const parent = context.parentURL ?? '';
    const isOurs = parent.startsWith(`${root}libs/`) || parent.startsWith(`${root}apps/`);
    if (!isOurs) return next(specifier, context);
    const instead = everywhere[specifier];
    if (instead !== undefined && (specifier !== 'node:zlib' || zlibUsers.test(parent)))
      return { url: instead.href, format: 'module-typescript', shortCircuit: true };
    if (specifier === '#posix' && parent.endsWith('/state-folder.ts'))
      return { url: new URL('./posix.ts', import.meta.url).href, format: 'module-typescript', shortCircuit: true };
    const resolved = next(specifier, context);
    const module = modules[resolved.url.slice(root.length)];
    return module === undefined ? resolved : { ...resolved, url: module.href };
  },
  load(url, context, next) {
    const loaded = next(url, context);
    if (url !== `${root}libs/link/first-message.ts`) return loaded;
    // The one thing that no option of an appliance changes: which versions of the link protocol it speaks.
    const more = `const newest = linkVersions.max; Object.defineProperty(linkVersions, 'max', { get: () => newest + (globalThis['${aheadName}']?.() ?? 0) });`;
    return { ...loaded, source: `${String(loaded.source)}\n${more}\n` };
  },
});

const aheadName = 'simulatedVersionsAhead';

/** Says by how many versions of the link protocol the site whose code is running is ahead of what there is. */
export function setVersionsAhead(ahead: () => number): void {
  Reflect.set(globalThis, aheadName, ahead);
}

const realImmediate = globalThis.setImmediate;
const immediates: (() => void)[] = [];

/** Code of a site that gives others a turn gives it to what the simulator has under way. */
globalThis.setImmediate = ((run: () => void) => {
  const machine = currentMachine();
  immediates.push(() => {
    if (machine === undefined || machine.alive) onMachine(machine, run);
  });
}) as unknown as typeof setImmediate;

/** Lets everything run to its end that waits for no time, no disk and no line. */
export async function settle(): Promise<void> {
  for (;;) {
    await new Promise<void>((resolve) => realImmediate(resolve));
    const due = immediates.splice(0);
    if (due.length === 0) return;
    for (const run of due) run();
  }
}
