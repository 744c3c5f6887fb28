import { spawn } from 'node:child_process';
import { chmodSync, lstatSync, mkdirSync, readdirSync, realpathSync, statfsSync, statSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { text } from 'node:stream/consumers';
import { AppError, systemCode } from '#runtime';
import { formatBytes } from '../cli/format.ts';

/** What the demo protects: a folder of the user's, or parts of the folder Sitepair itself lies in. */
export interface DemoData {
  readonly folder: string;
  /** Names below `folder`; undefined: all of it. */
  readonly parts: readonly string[] | undefined;
  readonly bytes: number;
  /** For people. */
  readonly what: string;
}

// Sources and libraries are below this, programs (Node, compilers) above: 90 MB of small files keep the demo under a minute.
const partBytesMax = 2_000_000;
// The copy, the stores of both sites and what is restored lie on the disk at once.
const copiesMax = 4;
const roomBesidesBytes = 300_000_000;

/** Chooses the data and measures it. Throws `bad_path` for what is no readable folder. */
export function chooseData(path: string | undefined): DemoData {
  if (path === undefined) return ownSources();
  try {
    const folder = realpathSync(path);
    readdirSync(folder);
    return { folder, parts: undefined, bytes: sizeOf(folder), what: folder };
  } catch (cause) {
    throw new AppError(`${path} cannot be read as a folder`, {
      code: 'bad_path',
      advice: 'Name a folder all of which you may read, or none: the demo then uses its own sources.',
      cause,
    });
  }
}

/** Throws `bad_path` when the demo's own folder would be part of the data, and `no_space` when the disk cannot hold it all. */
export function checkRoom(data: DemoData, workFolder: string): void {
  if (data.parts === undefined && `${realpathSync(workFolder)}${sep}`.startsWith(withSlash(data.folder))) {
    throw new AppError(`the demo works in ${workFolder}, which is within ${data.folder}`, {
      code: 'bad_path',
      advice: 'Let TMPDIR name a folder elsewhere, or demonstrate with a smaller folder.',
    });
  }
  const { bavail, bsize } = statfsSync(workFolder);
  const neededBytes = data.bytes * copiesMax + roomBesidesBytes;
  if (bavail * bsize >= neededBytes) return;
  throw new AppError(
    `${workFolder} has ${formatBytes(bavail * bsize)} free, and this needs ${formatBytes(neededBytes)}`,
    {
      code: 'no_space',
      advice: 'Let TMPDIR name a folder with more room, or demonstrate with a smaller folder.',
    },
  );
}

/** Copies the data to a new folder, with links, times, rights and attributes. Throws `copy_failed`. */
export async function copyData({ folder, parts }: DemoData, to: string, signal: AbortSignal): Promise<void> {
  const [what, cwd] = parts === undefined ? [['-aT', folder, to], '/'] : [['-a', '--parents', ...parts, to], folder];
  if (parts !== undefined) mkdirSync(to);
  const child = spawn('cp', what, { cwd, stdio: ['ignore', 'ignore', 'pipe'] });
  const end = () => void child.kill();
  signal.addEventListener('abort', end);
  const status = new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  const [said, code] = await Promise.all([text(child.stderr), status]);
  signal.removeEventListener('abort', end);
  signal.throwIfAborted();
  if (code === 0) return makeOurs(to);
  throw new AppError(`${folder} cannot be copied`, {
    code: 'copy_failed',
    advice: 'Name a folder all of which you may read, or none: the demo then uses its own sources.',
    cause: new Error(said.trim().split('\n').slice(0, 5).join('; ')),
  });
}

/** The demo makes and renames things in the copy, also when nobody may in the original. */
function makeOurs(copy: string): void {
  chmodSync(copy, statSync(copy).mode | 0o700);
}

/** The folder Sitepair lies in, without its history and without what is large. */
function ownSources(): DemoData {
  const folder = join(import.meta.dirname, '..', '..', '..');
  const names = [...namesIn(folder, ''), ...packagesIn(folder)];
  const sizes = names.map((name) => sizeOf(join(folder, name)));
  const parts = names.filter((_, i) => (sizes[i] ?? 0) <= partBytesMax);
  const bytes = sizes.filter((size) => size <= partBytesMax).reduce((sum, size) => sum + size, 0);
  return { folder, parts, bytes, what: "Sitepair's own sources with node_modules" };
}

function namesIn(folder: string, below: string): string[] {
  return readdirSync(join(folder, below))
    .filter((name) => !name.startsWith('.') && name !== 'node_modules')
    .map((name) => join(below, name))
    .sort();
}

function packagesIn(folder: string): string[] {
  return namesIn(folder, 'node_modules').flatMap((name) =>
    dirname(name) === 'node_modules' && name.includes('/@') ? namesIn(folder, name) : [name],
  );
}

/** Bytes of all files below, as their sizes say; what vanishes meanwhile counts nothing. */
function sizeOf(path: string): number {
  try {
    const status = lstatSync(path);
    if (!status.isDirectory()) return status.isFile() ? status.size : 0;
    return readdirSync(path, { encoding: 'buffer' }).reduce(
      (sum, name) => sum + sizeOf(join(path, name.toString())),
      0,
    );
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return 0;
    throw error;
  }
}

function withSlash(folder: string): string {
  return folder.endsWith(sep) ? folder : `${folder}${sep}`;
}
