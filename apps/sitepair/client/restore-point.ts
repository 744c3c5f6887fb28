import { AppError } from '#runtime';

/** What `SNAPSHOT[:PATH]` names. */
export interface RestorePoint {
  readonly reference: string;
  /** Undefined: all of it. */
  readonly path: string | undefined;
}

// A time has colons itself, so the path begins behind the longest time that is followed by a colon or the end.
const pattern = /^([^@:]+(?:@(?:latest|[0-9TZtz:.+-]*[0-9TZtz]))?)(?::(.+))?$/s;

/** Splits `[SITE/]DATASET@latest:PATH`, `...@TIME:PATH` or `ID:PATH`; the path may be absent. */
export function parseRestorePoint(text: string): RestorePoint {
  const found = pattern.exec(text);
  if (found?.[1] !== undefined) return { reference: found[1], path: found[2] };
  throw new AppError(`"${text.slice(0, 120)}" names no snapshot`, {
    code: 'bad_snapshot_reference',
    advice: 'Write DATASET@latest, SITE/DATASET@2026-01-31T08:00 or a snapshot id; a path may follow behind a colon.',
  });
}
