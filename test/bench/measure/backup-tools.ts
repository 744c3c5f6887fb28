import { join } from 'node:path';
import { TestSite } from '../../kit/test-site.ts';
import { versionOf } from './installed.ts';
import { launcher, shareCompiledCode } from './launcher.ts';
import { diskBytes } from './trees.ts';
import { measureCommand, ProcessMeter, type Usage } from './usage.ts';
import type { Workspace } from './workspace.ts';

/** What one step took: in the program that was called, and in the appliance where there is one. */
export interface StepUsage {
  readonly client: Usage;
  readonly appliance?: Usage;
}

/** A new, empty store of one tool. */
export interface OpenedTool extends AsyncDisposable {
  backUp(tree: string): Promise<StepUsage>;
  /** Restores the newest snapshot whole, into an empty folder. */
  restore(to: string): Promise<StepUsage>;
  storeBytes(): number;
}

export interface BackupTool {
  readonly name: string;
  /** Undefined when it is not installed. */
  readonly version: string | undefined;
  open(workspace: Workspace, folder: string): Promise<OpenedTool>;
}

const resticVersion = versionOf('restic', 'version');
const borgVersion = versionOf('borg', '--version');

/** All that are measured side by side, ours first. */
export const backupTools: readonly BackupTool[] = [
  { name: 'sitepair', version: `sitepair of this tree, Node ${process.version}`, open: openSitepair },
  { name: 'restic', version: resticVersion, open: openRestic },
  { name: 'borg lz4', version: borgVersion, open: (_, folder) => openBorg(folder, 'lz4') },
  { name: 'borg zstd,3', version: borgVersion, open: (_, folder) => openBorg(folder, 'zstd,3') },
];

async function openSitepair(workspace: Workspace, folder: string): Promise<OpenedTool> {
  shareCompiledCode();
  const site = await TestSite.init(folder, 'north');
  await site.serve();
  const { pid } = site;
  if (pid === undefined) throw new Error('the appliance has no process');
  workspace.beforeRemoval(() => {
    if (site.pid !== undefined) process.kill(site.pid, 'SIGKILL');
  });
  const step = async (...args: readonly string[]): Promise<StepUsage> => {
    const meter = new ProcessMeter(pid);
    const command = [launcher, ...args, '--state', site.state];
    const client = await measureCommand(command, { alsoFine: [3] });
    return { client, appliance: await meter.readWhenCalm() };
  };
  return {
    backUp: (tree) => step('backup', tree, '--dataset', 'bench'),
    restore: (to) => step('restore', 'bench@latest', '--to', to),
    storeBytes: () => diskBytes(site.state),
    [Symbol.asyncDispose]: () => site.stop(),
  };
}

async function openRestic(_: Workspace, folder: string): Promise<OpenedTool> {
  const repository = join(folder, 'repository');
  const env = { RESTIC_PASSWORD: 'of a bench', RESTIC_CACHE_DIR: join(folder, 'cache'), RESTIC_REPOSITORY: repository };
  await measureCommand(['restic', 'init'], { env });
  const step = async (...args: readonly string[]): Promise<StepUsage> => ({
    client: await measureCommand(['restic', ...args], { env, alsoFine: [3] }),
  });
  return {
    backUp: (tree) => step('backup', tree),
    restore: (to) => step('restore', 'latest', '--target', to),
    storeBytes: () => diskBytes(repository),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

async function openBorg(folder: string, compression: string): Promise<OpenedTool> {
  const repository = join(folder, 'repository');
  const env = { BORG_PASSPHRASE: 'of a bench', BORG_BASE_DIR: join(folder, 'home'), BORG_REPO: repository };
  await measureCommand(['borg', 'init', '--encryption', 'repokey-blake2'], { env });
  let snapshots = 0;
  return {
    async backUp(tree) {
      snapshots += 1;
      const command = ['borg', 'create', '--compression', compression, `::${snapshots}`, tree];
      return { client: await measureCommand(command, { env, alsoFine: [1] }) };
    },
    async restore(to) {
      return { client: await measureCommand(['borg', 'extract', `::${snapshots}`], { env, cwd: to, alsoFine: [1] }) };
    },
    storeBytes: () => diskBytes(repository),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
