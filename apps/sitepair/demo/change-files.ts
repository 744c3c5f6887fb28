import {
  accessSync,
  appendFileSync,
  chmodSync,
  closeSync,
  constants,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { isPosixError, setXattr } from '#posix';
import { concatBytes, systemCode } from '#runtime';

/** What a day's work did to the files. */
export interface Changes {
  readonly edited: number;
  readonly deleted: number;
  readonly renamedFolders: number;
  readonly made: number;
}

// Of a tree a tenth of the files, of a large one as many as a person gets to in a day.
const editedShare = 0.1;
const editedMax = 40;
// Into the middle of a file no larger than this a line is inserted: all behind it moves.
const insertBytesMax = 64_000_000;

/**
 * Does to the files below `folder` what a day's work does: lines are added here and there, one of them in the middle of the
 * largest file; a file is deleted, a folder renamed; a new folder has the kinds of entry that backups get wrong. The same
 * tree is always changed alike. What the user may not write stays as it is.
 */
export function changeFiles(folder: string): Changes {
  const files = [...filesBelow(folder)].filter(mayChange);
  const edited = spread(files, Math.min(editedMax, Math.ceil(files.length * editedShare)));
  const largest = files.reduce(
    (best: Found | undefined, file) => (best && best.size >= file.size ? best : file),
    undefined,
  );
  for (const { path } of edited) appendFileSync(path, 'A line that was not here yesterday.\n');
  if (largest !== undefined && largest.size <= insertBytesMax) insertLine(largest.path);
  const deletable = files.find((file) => !edited.includes(file) && file !== largest);
  if (deletable !== undefined) rmSync(deletable.path);
  const renamed = renameAFolder(folder, files);
  const touched = new Set([...edited, ...(largest === undefined ? [] : [largest])]);
  return {
    edited: touched.size,
    deleted: deletable ? 1 : 0,
    renamedFolders: renamed ? 1 : 0,
    made: makeAwkward(folder),
  };
}

interface Found {
  readonly path: string;
  readonly size: number;
}

function* filesBelow(folder: string): Generator<Found> {
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const path = join(folder, entry.name);
    // A name that is no UTF-8 cannot be opened by its text.
    if (entry.name.includes('\ufffd')) continue;
    if (entry.isDirectory()) yield* filesBelow(path);
    else if (entry.isFile()) yield { path, size: lstatSync(path).size };
  }
}

function mayChange({ path }: Found): boolean {
  return mayWrite(path) && mayWrite(dirname(path));
}

function mayWrite(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch (error) {
    if (['EACCES', 'EPERM', 'EROFS'].includes(systemCode(error) ?? '')) return false;
    throw error;
  }
}

/** `count` of them, evenly spread. */
function spread<T>(items: readonly T[], count: number): T[] {
  return Array.from({ length: count }, (_, i) => items[Math.floor((i * items.length) / count)] as T);
}

function insertLine(path: string): void {
  const content = readFileSync(path);
  const middle = Math.floor(content.length / 2);
  const line = Buffer.from('A line in the middle.\n');
  writeFileSync(path, concatBytes([content.subarray(0, middle), line, content.subarray(middle)]));
}

/** Renames the folder in which most files lie; its content has been backed up already, under another name. */
function renameAFolder(root: string, files: readonly Found[]): boolean {
  const counts = new Map<string, number>();
  for (const { path } of files) counts.set(dirname(path), (counts.get(dirname(path)) ?? 0) + 1);
  counts.delete(root);
  const [fullest] = [...counts].sort((a, b) => b[1] - a[1]);
  if (fullest === undefined || !mayWrite(dirname(fullest[0]))) return false;
  renameSync(fullest[0], mkdtempSync(join(dirname(fullest[0]), 'renamed-')));
  return true;
}

/** Hard links, symlinks, odd rights, odd names, extended attributes. Returns the number of entries made. */
function makeAwkward(root: string): number {
  const folder = mkdtempSync(join(root, 'sitepair-demo-'));
  writeFileSync(join(folder, 'two names'), 'one file\n');
  linkSync(join(folder, 'two names'), join(folder, 'of one file'));
  symlinkSync('nowhere/at all', join(folder, 'dangling'));
  writeFileSync(join(folder, 'a\nline break'), '');
  chmodSync(join(folder, 'a\nline break'), 0o4751);
  mkdirSync(join(folder, 'sticky'));
  chmodSync(join(folder, 'sticky'), 0o1770);
  const fd = openSync(join(folder, 'two names'), 'r');
  try {
    setXattr(fd, Buffer.from('user.origin'), Buffer.from('the demo'));
  } catch (error) {
    // Some file systems know no attributes; then there is none to lose.
    if (!isPosixError(error, 'ENOTSUP') && !isPosixError(error, 'EOPNOTSUPP')) throw error;
  } finally {
    closeSync(fd);
  }
  return readdirSync(folder).length + 1;
}
