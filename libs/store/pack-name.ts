import { assert } from '#runtime';

const packsAFolder = 1024;
/** Ten digits: at 64 MiB a pack more than any site will ever write. */
const numberMax = 9_999_999_999;

/** `closed`: `.pack`, complete with footer and trailer. `open`: `.open`, it grows or was left by a crash. */
export type PackSuffix = 'pack' | 'open';

/** The file of a pack within its volumes (FORMAT.md section 6). */
export function packName(number: number, suffix: PackSuffix): string {
  assert(Number.isInteger(number) && number >= 0 && number <= numberMax, `not a pack number: ${number}`);
  const folder = Math.floor(number / packsAFolder);
  return `${String(folder).padStart(6, '0')}/${String(number).padStart(10, '0')}.${suffix}`;
}

/** The pack whose file `name` is; undefined for any other file. */
export function parsePackName(name: string): { readonly number: number; readonly suffix: PackSuffix } | undefined {
  const match = /^\d{6,}\/(\d{10})\.(pack|open)$/.exec(name);
  if (match === null) return undefined;
  const [number, suffix] = [Number(match[1]), match[2] === 'pack' ? ('pack' as const) : ('open' as const)];
  return packName(number, suffix) === name ? { number, suffix } : undefined;
}
