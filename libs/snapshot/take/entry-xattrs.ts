import type { Xattr } from '#model';
import { isPosixError, readXattrs, type XattrPlace } from '#posix';
import { compareBytes } from '#runtime';
import { treeLimits } from '../tree/tree-limits.ts';

const none = new Uint8Array(0);

/**
 * All extended attributes of a file, sorted by name; ACLs and capabilities are among them. A value that would make the
 * entry large is given to `putChunk`. What cannot be read is said to `onProblem`.
 */
export function entryXattrs(
  place: XattrPlace,
  putChunk: (content: Uint8Array) => Uint8Array,
  onProblem: (code: string, what: string) => void,
): Xattr[] {
  let found: { readonly name: Uint8Array; readonly value: Uint8Array }[];
  try {
    found = readXattrs(place);
  } catch (error) {
    if (!isPosixError(error)) throw error;
    // Gone since it was listed: then it is not the attributes that matter.
    if (error.code !== 'ENOENT') onProblem(error.code, `its extended attributes could not be read: ${error.message}`);
    return [];
  }
  found.sort((a, b) => compareBytes(a.name, b.name));
  let inlineBytes = 0;
  return found.map(({ name, value }) => {
    const isInline = inlineBytes + value.length <= treeLimits.inlineXattrBytes;
    if (isInline) inlineBytes += value.length;
    return isInline ? { name, value, valueHash: none } : { name, value: none, valueHash: putChunk(value) };
  });
}
