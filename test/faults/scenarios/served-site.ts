import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { systemClock, systemRandom, systemTimers } from '#runtime';
import { buildApi } from '../../../apps/sitepair/api/build-api.ts';
import { listenOnControlSocket } from '../../../apps/sitepair/api/control-socket.ts';
import { Appliance } from '../../../apps/sitepair/appliance/appliance.ts';
import { initialise } from '../../../apps/sitepair/appliance/initialise.ts';
import type { Run } from '../../../apps/sitepair/appliance/operations.ts';
import { KitFile } from '../../../apps/sitepair/cli/kit-file.ts';
import { backUp } from '../../../apps/sitepair/client/backup.ts';
import { connectAppliance } from '../../../apps/sitepair/client/connect-appliance.ts';

export const logger = pino({ level: 'silent' });
export const environment = { clock: systemClock, timers: systemTimers, random: systemRandom, logger };
export const quietRun: Run = { signal: new AbortController().signal, progress: () => undefined };

/** Makes a site as `sitepair init --kit` does: its state in `root/NAME`, its kit in `root/NAME.kit`. */
export async function initSite(root: string, name: string): Promise<void> {
  const kit = new KitFile(join(root, `${name}.kit`));
  const made = await initialise({ state: join(root, name), siteName: name, address: '' });
  kit.write(made.kitText);
}

/** A site that serves in this process, as `serve` does it. */
export class ServedSite implements AsyncDisposable {
  readonly name: string;
  readonly state: string;
  readonly appliance: Appliance;
  readonly #api: ReturnType<typeof buildApi>;

  private constructor(name: string, state: string, appliance: Appliance, api: ReturnType<typeof buildApi>) {
    [this.name, this.state, this.appliance, this.#api] = [name, state, appliance, api];
  }

  static async start(root: string, name: string): Promise<ServedSite> {
    const state = join(root, name);
    const appliance = await Appliance.open(state, environment);
    const api = buildApi(appliance.operations, { logger });
    await appliance.listen('127.0.0.1:0');
    await listenOnControlSocket(api, state);
    await appliance.start();
    return new ServedSite(name, state, appliance, api);
  }

  get operations() {
    return this.appliance.operations;
  }

  get address(): string {
    return this.appliance.listening[0] ?? '';
  }

  /** Backs up one version of a tree, as a client does; gives the id of the snapshot. */
  async backUp(version: number): Promise<string> {
    const tree = mkdtempSync(join(tmpdir(), 'sitepair-tree-'));
    try {
      for (const [name, content] of treeOf(version)) {
        mkdirSync(join(tree, name, '..'), { recursive: true });
        writeFileSync(join(tree, name), content);
      }
      await using appliance = await connectAppliance(this.state);
      const content = { paths: [tree], excludes: [], excludeCaches: false, oneFileSystem: false };
      const { signal } = quietRun;
      const options = { dataset: 'docs', content, clock: systemClock, signal, onProgress: () => undefined };
      return (await backUp(appliance, options)).snapshot.id;
    } finally {
      rmSync(tree, { recursive: true });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#api.close();
    await this.appliance[Symbol.asyncDispose]();
  }
}

/** What a tree holds in this version; some of it is in every version. */
export function treeOf(version: number): [name: string, content: string][] {
  return Array.from({ length: 8 }, (_, i) => {
    const of = i % 3 === 0 ? version : 0;
    return [i % 2 === 0 ? `file-${i}` : `deep/file-${i}`, `${of} ${i} ${'x'.repeat(i)}\n`.repeat(150 + 90 * i)];
  });
}

/** Waits until something that happens in the background has happened. */
export async function until(reached: () => boolean, what: string): Promise<void> {
  const triesMax = Number(process.env.SCENARIO_PATIENCE_MS ?? 60_000) / 10;
  for (let tries = 0; !reached(); tries++) {
    if (tries > triesMax) throw new Error(`waited in vain for ${what}`);
    await systemTimers.sleep(10);
  }
}

/** Pairs two sites the way two admins do it. */
export async function pairServed(
  inviter: ServedSite,
  accepter: ServedSite,
  role: 'full' | 'blind',
  tell: (word: string) => void,
): Promise<void> {
  const { code } = await inviter.operations.pairInvite({ addresses: [inviter.address], role });
  tell(`invited by ${inviter.name}`);
  await accepter.operations.pairAccept({ code });
  tell(`accepted by ${accepter.name}`);
  await accepter.operations.pairConfirm({ peer: inviter.name });
  tell(`confirmed by ${accepter.name}`);
  await inviter.operations.pairConfirm({ peer: accepter.name });
  tell(`confirmed by ${inviter.name}`);
  const isJoined = ({ appliance }: ServedSite) =>
    appliance.peers.all().some((peer) => peer.joined && appliance.links.link(peer.siteId) !== undefined);
  await until(() => isJoined(inviter) && isJoined(accepter), 'both to be paired');
  tell('paired');
}

/** Waits until a site lists a snapshot as held by another. */
export async function untilCopied(site: ServedSite, snapshotId: string, holder: string): Promise<void> {
  await until(
    () => site.operations.snapshots({}).some(({ id, copies }) => id === snapshotId && copies.includes(holder)),
    `${snapshotId} to be at ${holder}`,
  );
}
