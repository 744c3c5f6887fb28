import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asId } from '#model';
import { systemClock, systemTimers } from '#runtime';
import type { Volumes } from '#targets';
import { FolderVolumes } from '#targets/folder';
import { Store, type StoreOptions } from '../store.ts';
import type { StoreNotice } from '../store-errors.ts';
import type { MemoryIndexHome } from './memory-index.ts';
import { seededRandom } from './records.ts';

const testRealm = asId('RealmId', new Uint8Array(16).fill(1));
const testSite = asId('SiteId', new Uint8Array(16).fill(2));

let openings = 0;

/** A folder of its own that is gone when the test is over. */
export function temporaryFolder(t: { after(run: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'sitepair-store-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Volumes in `folder`, closed when the test is over. */
export async function folderVolumes(t: { after(run: () => Promise<void>): void }, folder: string): Promise<Volumes> {
  const volumes = await FolderVolumes.open(folder);
  t.after(() => volumes.close());
  return volumes;
}

/**
 * Opens a store with small packs and groups that commit on `flush` only, and collects its notices. `index` is a folder for
 * LMDB, or where opening it a hundred times would take long, one in memory.
 */
export async function openTestStore(
  volumes: Volumes,
  index: string | MemoryIndexHome,
  more: Partial<StoreOptions> = {},
): Promise<{ store: Store; notices: StoreNotice[] }> {
  openings += 1;
  const notices: StoreNotice[] = [];
  const store = await Store.open({
    volumes,
    ...(typeof index === 'string' ? { indexFolder: index } : { indexFolder: '', openIndex: index.open }),
    realmId: testRealm,
    siteId: testSite,
    // Pack ids must differ from one opening to the next.
    random: seededRandom(openings),
    clock: systemClock,
    timers: systemTimers,
    onNotice: (notice) => notices.push(notice),
    ...more,
    limits: { packBytes: 8 * 1024, groupBytes: 1024 * 1024, commitDelayMs: 60_000, ...more.limits },
  });
  return { store, notices };
}
