import { mkdirSync } from 'node:fs';
import { closeFd, currentFolder, openAt, openBeneath, openFlag, readDirectoryBatches } from '#posix';
import { AppError, toHex } from '#runtime';
import { bytesOf, textOf } from '../path-text.ts';
import { unlinkIfThere } from './file-writer.ts';
import type { ExistingPolicy, RestoreOptions } from './restore-options.ts';

/** The folder that a restore writes into, opened. */
export interface TargetFolder {
  readonly descriptor: number;
  readonly policy: ExistingPolicy;
  /** There was nothing in it. */
  readonly isEmpty: boolean;
  /** Takes away the mark of an unfinished restore. */
  unmark(): void;
}

const folderFlags = openFlag.read | openFlag.directory;
const makeFlags = openFlag.write | openFlag.create | openFlag.exclusive;

/**
 * Opens the target, made if need be, and applies `refuse-if-not-empty`: AppError `target_not_empty`. A restore that may
 * not find anything marks the folder while it runs, so that, broken off, the same one goes on there. Undefined in a dry
 * run of a target that does not exist.
 */
export function openTarget(options: RestoreOptions): TargetFolder | undefined {
  const descriptor = openFolder(options);
  if (descriptor === undefined) return undefined;
  const marker = markerName(options);
  const unmark = () => unlinkIfThere(descriptor, marker);
  if (options.existing !== 'refuse-if-not-empty')
    return { descriptor, policy: options.existing, isEmpty: false, unmark };
  const all = namesIn(descriptor);
  const isEmpty = all.length === 0;
  // Every fresh ext file system has it.
  const found = all.filter((name) => name !== 'lost+found');
  const isResumed = found.includes(textOf(marker));
  if (found.length > 0 && !isResumed) {
    closeFd(descriptor);
    throw new AppError(`${shown(options.target)} is not empty`, {
      code: 'target_not_empty',
      advice: 'Choose an empty folder, or say what wins: skip, overwrite or newer.',
      details: { found: found.slice(0, 10) },
    });
  }
  if (!isResumed && options.dryRun !== true) closeFd(openBeneath(descriptor, marker, makeFlags, 0o600));
  // What an earlier run completed is recognised and kept.
  return { descriptor, policy: 'overwrite', isEmpty, unmark };
}

function openFolder({ target, dryRun }: RestoreOptions): number | undefined {
  try {
    if (dryRun !== true) mkdirSync(Buffer.from(target), { recursive: true });
    // The target itself may be a link: the caller named it.
    return openAt(currentFolder, target, folderFlags, 0, { follow: true });
  } catch (error) {
    if (dryRun === true && error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new AppError(`${shown(target)} cannot be restored to: ${error instanceof Error ? error.message : error}`, {
      code: 'target_unusable',
      advice: 'Give the path of a folder that you may write to.',
      cause: error,
    });
  }
}

function markerName({ manifestHash, subPath }: RestoreOptions): Uint8Array {
  const part = Buffer.from(subPath ?? [])
    .toString('base64url')
    .slice(0, 100);
  return bytesOf(`.sitepair-restoring-${toHex(manifestHash).slice(0, 20)}-${part}`);
}

function namesIn(descriptor: number): string[] {
  const names: string[] = [];
  for (const batch of readDirectoryBatches(descriptor)) for (const { name } of batch) names.push(textOf(name));
  return names;
}

function shown(path: Uint8Array): string {
  return `"${Buffer.from(path).toString()}"`;
}
