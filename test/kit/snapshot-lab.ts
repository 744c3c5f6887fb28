import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, systemClock } from '#runtime';
import {
  compareTrees,
  type RestoreOptions,
  type RestoreReport,
  restoreSnapshot,
  type SnapshotOptions,
  type SnapshotResult,
  takeSnapshot,
} from '#snapshot';
import { MemorySnapshotStore } from './memory-snapshot-store.ts';

export const snapshotLabels = {
  siteId: Buffer.alloc(16, 1),
  datasetId: Buffer.alloc(16, 2),
  datasetName: 'home',
  host: 'client.example',
  softwareVersion: '0.0.0',
};

/** Files that were just made count as changed lately; by this clock a snapshot starts when they are old. */
export const laterClock: Clock = { nowMs: () => systemClock.nowMs() + 60_000, monotonicMs: systemClock.monotonicMs };

/** A folder of its own, a store in memory, and short ways to take, restore and compare. */
export class SnapshotLab implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'sitepair-snapshot-'));
  readonly store = new MemorySnapshotStore();

  path(...names: string[]): string {
    return join(this.folder, ...names);
  }

  makeFolder(...names: string[]): string {
    const path = this.path(...names);
    mkdirSync(path, { recursive: true });
    return path;
  }

  take(paths: string | readonly string[], more: Partial<SnapshotOptions> = {}): Promise<SnapshotResult> {
    return takeSnapshot({
      paths: [paths].flat().map((path) => Buffer.from(path)),
      sink: this.store,
      chunkerKey: Buffer.alloc(32, 7),
      labels: snapshotLabels,
      clock: laterClock,
      ...more,
    });
  }

  /** The next snapshot of the same paths, after `previous`. */
  takeAfter(previous: SnapshotResult, more: Partial<SnapshotOptions> = {}): Promise<SnapshotResult> {
    const paths = previous.manifest.paths.map((path) => Buffer.from(path).toString());
    const node = (hash: Uint8Array) => this.store.node(hash);
    return this.take(paths, { previous: { manifest: previous.manifest, node }, ...more });
  }

  restore(snapshot: SnapshotResult, target: string, more: Partial<RestoreOptions> = {}): Promise<RestoreReport> {
    return restoreSnapshot({
      source: this.store,
      manifest: snapshot.manifest,
      manifestHash: snapshot.manifestHash,
      target: Buffer.from(target),
      existing: 'refuse-if-not-empty',
      clock: systemClock,
      ...more,
    });
  }

  async differences(a: string, b: string): Promise<readonly string[]> {
    return (await compareTrees(Buffer.from(a), Buffer.from(b))).differences;
  }

  [Symbol.dispose](): void {
    // Node cannot remove paths past 4096 bytes.
    execFileSync('rm', ['-rf', '--', this.folder]);
  }
}
