import { setTimeout as sleep } from 'node:timers/promises';
import { ApiClient } from '../../../apps/sitepair/client/api-client.ts';
import { pairSites, TestSite } from '../../kit/test-site.ts';
import type { LineEnd, WanLine } from '../../kit/wan-line.ts';
import { shareCompiledCode } from './launcher.ts';
import { ProcessMeter, type Usage } from './usage.ts';
import type { Workspace } from './workspace.ts';

export interface Replication {
  /** From the moment the link is up until the other site has proved that it holds the snapshot. */
  readonly seconds: number;
  /** What the other site's packs grew by. */
  readonly sealedBytes: number;
  readonly sender: Usage;
  readonly receiver: Usage;
}

const pollMs = 5;
const linePort = 7400;

/** Two paired appliances, each a process of its own, on loopback or at the ends of an emulated line. */
export class TwoSites implements AsyncDisposable {
  readonly #north: TestSite;
  readonly #south: TestSite;
  readonly #line: WanLine | undefined;

  private constructor(north: TestSite, south: TestSite, line: WanLine | undefined) {
    [this.#north, this.#south, this.#line] = [north, south, line];
  }

  static async start(workspace: Workspace, folder: string, line?: WanLine): Promise<TwoSites> {
    shareCompiledCode();
    const north = await TestSite.init(folder, 'north');
    const south = await TestSite.init(folder, 'south');
    workspace.beforeRemoval(() => {
      for (const { pid } of [north, south]) if (pid !== undefined) process.kill(pid, 'SIGKILL');
    });
    const address = await serveAt(north, line?.a);
    await serveAt(south, line?.b);
    await pairSites(north, south, address);
    return new TwoSites(north, south, line);
  }

  /** Takes a snapshot of `tree` while the other site is down, starts that one and measures how the snapshot gets there. */
  async replicateNew(tree: string, dataset: string): Promise<Replication> {
    await this.#south.stop();
    await this.#north.ok('backup', tree, '--dataset', dataset);
    await serveAt(this.#south, this.#line?.b);
    const [north, south] = [new ApiClient(this.#north.state), new ApiClient(this.#south.state)];
    const { store: before } = await south.call('status', {});
    // The dialling end tries again when it has the time; that is not what is measured.
    while (!(await isLinkUp(north))) await sleep(pollMs);
    const meters = [this.#north, this.#south].map(({ pid }) => new ProcessMeter(pid ?? 0));
    const startedMs = performance.now();
    // It began by itself when the link came up: this waits for it.
    await north.run('replicate', { dataset });
    const seconds = (performance.now() - startedMs) / 1000;
    const [sender, receiver] = await Promise.all(meters.map((meter) => meter.readWhenCalm()));
    const { copies } = await north.call('snapshot', { reference: `${dataset}@latest` });
    if (!copies.includes('south')) throw new Error(`${dataset} is not at the other site: ${copies.join(', ')}`);
    const { store: after } = await south.call('status', {});
    return { seconds, sealedBytes: after.bytes - before.bytes, sender: sender!, receiver: receiver! };
  }

  /** Takes a snapshot of `tree` while both sites are up, and waits until the other one holds it. */
  async replicateAtOnce(tree: string, dataset: string): Promise<void> {
    await this.#north.ok('backup', tree, '--dataset', dataset);
    await new ApiClient(this.#north.state).run('replicate', { dataset });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#south.stop();
    await this.#north.stop();
  }
}

function serveAt(site: TestSite, end: LineEnd | undefined): Promise<string> {
  site.launcher = end?.launcher ?? [];
  return end === undefined ? site.serve() : site.serve(linePort, end.address);
}

async function isLinkUp(api: ApiClient): Promise<boolean> {
  const { peers } = await api.call('status', {});
  return peers.every(({ link }) => link === 'up');
}
