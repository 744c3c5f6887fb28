import { existsSync, readFileSync } from 'node:fs';
import {
  AppError,
  fromHex,
  isAppError,
  isAsWritten,
  jsonCheckOf,
  readingState,
  systemCode,
  writeFileDurably,
} from '#runtime';

/** What such a file says, beside its format and its check. */
type Content = Readonly<Record<string, unknown>>;

const format = 1;

/** Replaces a JSON file of the state as a whole, durably; its check tells a changed byte when it is read. */
export function writeStateFile(path: string, content: Content): void {
  const whole = { format, ...content };
  writeFileDurably(path, `${JSON.stringify({ ...whole, check: jsonCheckOf(whole) }, null, 1)}\n`);
}

/**
 * What `decode` makes of a file that writeStateFile wrote; undefined when there is none. Throws `state_read_failed`, `state_too_new`, and
 * `state_damaged` (with this advice) for whatever is not as it was written. One without a check, of an earlier version, is
 * taken when it can be read.
 */
export function readStateFile<T>(path: string, advice: string, decode: (content: Content) => T): T | undefined {
  if (!existsSync(path)) return undefined;
  try {
    const parsed: unknown = JSON.parse(readingState(path, () => readFileSync(path, 'utf8')));
    if (typeof parsed !== 'object' || parsed === null) throw new Error('it holds no object');
    const { check: _, ...whole } = parsed as Record<string, unknown>;
    if (typeof whole.format === 'number' && whole.format > format) throw tooNew(path);
    if (!isAsWritten(parsed as Content)) throw new Error('its content is not what was written');
    if (whole.format !== format) throw new Error('it has no format');
    return decode(whole);
  } catch (cause) {
    const isOfFile = !isAppError(cause, 'state_too_new') && !isAppError(cause, 'state_read_failed');
    if (!isOfFile || systemCode(cause) === 'EACCES') throw cause;
    throw new AppError(`${path} is damaged`, { code: 'state_damaged', advice, cause });
  }
}

/** Bytes that a row has in hexadecimal, of one of these lengths: for `decode`, so whatever is wrong is damage. */
export function bytesIn(row: Content, field: string, lengths: readonly number[]): Uint8Array {
  const bytes = fromHex(String(row[field]));
  if (!lengths.includes(bytes.length)) throw new Error(`${field} has ${bytes.length} bytes`);
  return bytes;
}

function tooNew(path: string): AppError {
  return new AppError(`${path} has a newer format`, {
    code: 'state_too_new',
    advice: 'Install the version of Sitepair that wrote it.',
  });
}
