import type { RecordId } from '#model';
import type { Clock } from '#runtime';
import { expectedMs } from './choose-coding.ts';
import type { CodingPace, PackTask } from './coding-pace.ts';
import type { ContentReader } from './content-reader.ts';
import type { OpenedRecord } from './open-wanted.ts';
import { checkOf, encodeBodies } from './packed-bodies.ts';
import { dictionaryIdsMax, packedRawMaxBytes } from './packed-limits.ts';
import { packedMessage } from './wire-message.ts';
import { compressWith, dictionaryOf } from './zstd-dictionary.ts';

/** A dictionary of twice that is made of what lies around: the table for both still fits, see zstd-dictionary.ts. */
const pairedRawMaxBytes = 2 * 1024 * 1024;
const dictionaryBytesMax = 6 * 1024 * 1024;
/** What saves less is not worth that the receiver seals it anew. */
const worthIt = 0.97;

/** Raw bytes of one message: more with nothing to compare with, since each part of it helps the others. */
export function packedRawMax(hasDictionary: boolean): number {
  return hasDictionary ? pairedRawMaxBytes : packedRawMaxBytes;
}

export interface PackContext {
  readonly reader: ContentReader;
  readonly pace: CodingPace;
  readonly clock: Clock;
}

/** One message of all that was opened, in the order of its numbers; undefined when it had better travel as it lies. */
export async function packContents(
  { reader, pace, clock }: PackContext,
  parts: readonly { readonly sequence: number; readonly opened: OpenedRecord }[],
  dictionaryIds: readonly RecordId[],
  hasDictionary: boolean,
): Promise<Uint8Array | undefined> {
  const first = parts[0]?.sequence ?? 0;
  const raw = encodeBodies(
    first,
    parts.map(({ sequence, opened: { record, body } }) => ({ sequence, kind: record.kind, body })),
  );
  const storedBytes = parts.reduce((sum, { opened }) => sum + opened.storedBytes, 0);
  const task: PackTask = { storedBytes, rawBytes: raw.length, hasDictionary };
  const coding = pace.choose(task);
  if (coding === undefined) return undefined;
  const ids = dictionaryIds.slice(0, dictionaryIdsMax);
  const known = (await reader.read(ids, dictionaryBytesMax)).map((content, i) => ({ content, id: ids[i] as RecordId }));
  const used = known.filter(({ content }) => content !== undefined);
  const dictionary = dictionaryOf(used.flatMap(({ content }) => content ?? []));
  const level = Math.max(coding.level, levelForSmall(raw.length + (dictionary?.length ?? 0)));
  const startedMs = clock.monotonicMs();
  const content = await compressWith(raw, { level, dictionary });
  pace.packed(task, content.length, expectedMs(level, raw.length, hasDictionary), clock.monotonicMs() - startedMs);
  if (content.length > storedBytes * worthIt) return undefined;
  const check = checkOf(parts.flatMap(({ opened }) => opened.ids));
  const dictionaryBytes = Buffer.concat(used.map(({ id }) => id));
  return packedMessage(first, { rawLength: raw.length, check, dictionaryIds: dictionaryBytes, content });
}

/** Little takes little time at any level. */
function levelForSmall(bytes: number): number {
  return bytes <= 256 * 1024 ? 19 : 0;
}
