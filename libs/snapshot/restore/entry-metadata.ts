import { type Entry, EntryKind } from '#model';
import {
  fchmodAt,
  fchownAt,
  isPosixError,
  listXattrs,
  removeXattr,
  setXattr,
  utimensAt,
  type XattrPlace,
} from '#posix';
import { equalBytes } from '#runtime';
import { textOf } from '../path-text.ts';
import type { OwnerChoice } from './owner-ids.ts';

/** Where an entry lies: a name in an open folder, or '.' for the folder itself. */
export interface EntryPlace {
  readonly dirFd: number;
  readonly name: Uint8Array;
}

/** An attribute with its value at hand. */
export interface LoadedXattr {
  readonly name: Uint8Array;
  readonly value: Uint8Array;
}

export interface MetadataOptions {
  readonly owners: OwnerChoice;
  /** The file may have attributes already, because it existed or its folder hands some down: those are taken away. */
  readonly mayHaveOthers: boolean;
  readonly onProblem: (code: string, what: string) => void;
  readonly onOwnerNotSet: () => void;
}

const setIdBits = 0o6000;

/**
 * Gives a file everything but its content: owner, attributes, mode, times, in this order, since each call undoes
 * some of what later ones set (chown drops setuid bits and capabilities, a mode may forbid setting attributes, all of
 * them change times). What cannot be set is said.
 */
export function applyMetadata(
  place: EntryPlace,
  entry: Entry,
  xattrs: readonly LoadedXattr[],
  options: MetadataOptions,
): void {
  const ownerSet = applyOwner(place, entry, options);
  applyXattrs(place, xattrs, options);
  // A link has no mode; and a program must not run with the rights of whoever happened to restore it.
  if (entry.kind !== EntryKind.symlink) {
    const mode = ownerSet ? entry.mode : entry.mode & ~setIdBits;
    attempt('its mode', options, () => fchmodAt(place.dirFd, place.name, mode));
  }
  const times = { mtimeS: entry.modifiedSeconds, mtimeNs: entry.modifiedNanos };
  attempt('its time', options, () => utimensAt(place.dirFd, place.name, times));
}

/** True when the file belongs to whom it should. */
function applyOwner(place: EntryPlace, entry: Entry, options: MetadataOptions): boolean {
  const { owners } = options;
  const wanted = owners.wanted(entry);
  if (wanted === undefined) return true;
  if (owners.maySet(wanted)) {
    return attempt('its owner', options, () => fchownAt(place.dirFd, place.name, wanted.uid, wanted.gid));
  }
  if (owners.isMine(wanted)) return true;
  options.onOwnerNotSet();
  return false;
}

function applyXattrs(place: EntryPlace, xattrs: readonly LoadedXattr[], options: MetadataOptions): void {
  const target: XattrPlace = place;
  if (options.mayHaveOthers) {
    attempt('its attributes', options, () => {
      for (const name of listXattrs(target)) {
        const isWanted = xattrs.some((xattr) => equalBytes(xattr.name, name));
        if (!isWanted && isRestorersOwn(textOf(name))) removeXattr(target, name);
      }
    });
  }
  for (const { name, value } of xattrs) {
    attempt(`its attribute ${Buffer.from(name).toString()}`, options, () => setXattr(target, name, value));
  }
}

/** Labels of security modules are the machine's to give, not a backup's to take away. */
function isRestorersOwn(name: string): boolean {
  return /^(?:user\.|trusted\.|system\.posix_acl_|security\.capability$)/.test(name);
}

function attempt(what: string, options: MetadataOptions, act: () => void): boolean {
  try {
    act();
    return true;
  } catch (error) {
    if (!isPosixError(error)) throw error;
    options.onProblem(error.code, `${what} could not be set: ${error.message}`);
    return false;
  }
}
