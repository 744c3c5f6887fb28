import { hash } from 'node:crypto';

type Content = Readonly<Record<string, unknown>>;

/** The check of a JSON object, for a field `check` of its own: the first 16 bytes of the SHA-256 of it, in hexadecimal. */
export function jsonCheckOf(whole: object): string {
  return hash('sha256', JSON.stringify(whole)).slice(0, 32);
}

/** False when a parsed object carries a check that is not its content's; whatever fields it has, also of a later version. */
export function isAsWritten({ check, ...whole }: Content): boolean {
  return check === undefined || check === jsonCheckOf(whole);
}
