import { AppError } from '#runtime';

/** Asks which of `hashes` the sink wants; refuses another number of answers than of questions. */
export async function answersTo(
  hashes: readonly Uint8Array[],
  ask: (hashes: readonly Uint8Array[]) => Promise<boolean[]>,
): Promise<boolean[]> {
  const wanted = await ask(hashes);
  if (wanted.length === hashes.length) return wanted;
  throw new AppError(`${hashes.length} questions to the store got ${wanted.length} answers`, {
    code: 'malformed_message',
    advice: 'The other end is of another version: check both versions with --version.',
  });
}
