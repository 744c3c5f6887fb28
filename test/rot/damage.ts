import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ByteClass } from './byte-classes.ts';

/** One way in which bytes are not what was written. */
export const damages = ['flipped', 'zeroed', 'truncated', 'swapped', 'older', 'gone'] as const;
export type Damage = (typeof damages)[number];

export interface DamageOrder {
  readonly state: string;
  readonly older: string;
  /** Another file of the same kind. */
  readonly neighbour: string | undefined;
  readonly place: ByteClass;
  readonly damage: Damage;
}

/** Damages a state; false when this damage cannot be done there, or changes nothing. */
export function applyDamage({ state, older, neighbour, place, damage }: DamageOrder): boolean {
  const path = join(state, place.file);
  const before = readFileSync(path);
  const whole = place.name.endsWith('whole file');
  const bytes = Buffer.from(before);
  const part = bytes.subarray(place.from, place.to);
  switch (damage) {
    case 'flipped': {
      const at = part.length >> 1;
      part[at] = (part[at] ?? 0) ^ 0x10;
      break;
    }
    case 'zeroed':
      part.fill(0);
      break;
    case 'truncated':
      return changed(path, before, before.subarray(0, whole ? before.length >> 1 : place.from + (part.length >> 1)));
    case 'swapped': {
      if (whole) return neighbour !== undefined && exchange(path, join(state, neighbour));
      if (place.sibling === undefined) return false;
      const sibling = bytes.subarray(place.sibling, place.sibling + part.length);
      const copy = Buffer.from(part);
      sibling.copy(part);
      copy.copy(sibling);
      break;
    }
    case 'older':
      return (
        whole && existsSync(join(older, place.file)) && changed(path, before, readFileSync(join(older, place.file)))
      );
    case 'gone':
      // Without them a site has no peers, no invitations and no known losses: that is no damage that anything could tell.
      if (!whole || /(?:peers|invitations|losses)\.json$/.test(path)) return false;
      rmSync(path);
      return true;
  }
  return changed(path, before, bytes);
}

function changed(path: string, before: Buffer, after: Buffer): boolean {
  if (before.equals(after)) return false;
  writeFileSync(path, after);
  return true;
}

function exchange(a: string, b: string): boolean {
  const [bytesOfA, bytesOfB] = [readFileSync(a), readFileSync(b)];
  writeFileSync(b, bytesOfA);
  return changed(a, bytesOfA, bytesOfB);
}
