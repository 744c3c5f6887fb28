import { readDirectoryBatches } from '#posix';
import { textOf } from '../path-text.ts';
import { cacheTagName, isCacheFolder } from './cache-folder.ts';

/** The names in an open folder in memcmp order, as latin1 text: 40 bytes each, also of a million. Throws PosixError. */
export function folderNames(dirFd: number): string[] {
  const names: string[] = [];
  for (const batch of readDirectoryBatches(dirFd)) for (const { name } of batch) names.push(textOf(name));
  return names.sort();
}

/** The same, of a cache only its tag. */
export function folderNamesWithoutCaches(dirFd: number): string[] {
  const names = folderNames(dirFd);
  return names.includes(cacheTagName) && isCacheFolder(dirFd) ? [cacheTagName] : names;
}
