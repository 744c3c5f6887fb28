import type { Entry } from '#model';
import type { FileStatus } from '#posix';
import { entryKinds } from '../tree/entry-fields.ts';
import type { ExistingPolicy } from './restore-options.ts';

/**
 * What to do about one entry: `create` where nothing is, `replace` what is there, `complete` (only its metadata), `enter`
 * a folder that is there, leave it (`skip`), or `blocked`: something is in the way that must not be removed.
 */
export type Decision = 'create' | 'replace' | 'complete' | 'enter' | 'skip' | 'blocked';

/** Decides by the policy said beforehand, from what is under the name now. */
export function decide(entry: Entry, existing: FileStatus | undefined, policy: ExistingPolicy): Decision {
  if (existing === undefined) return 'create';
  const wantsFolder = entry.kind === entryKinds.directory;
  if (existing.kind === 'directory') return wantsFolder ? 'enter' : 'blocked';
  if (wantsFolder) return policy === 'overwrite' ? 'replace' : 'blocked';
  if (policy === 'skip') return 'skip';
  if (policy === 'newer' && !isOlder(existing, entry)) return 'skip';
  return isComplete(entry, existing) ? 'complete' : 'replace';
}

function isOlder(existing: FileStatus, entry: Entry): boolean {
  if (existing.mtimeS !== entry.modifiedSeconds) return existing.mtimeS < entry.modifiedSeconds;
  return existing.mtimeNs < entry.modifiedNanos;
}

/** A restored file gets its time last of all, so one with the right time has everything else. */
function isComplete(entry: Entry, existing: FileStatus): boolean {
  if (existing.kind !== 'file' || entry.kind !== entryKinds.file || existing.size !== entry.size) return false;
  return existing.mtimeS === entry.modifiedSeconds && existing.mtimeNs === entry.modifiedNanos;
}
