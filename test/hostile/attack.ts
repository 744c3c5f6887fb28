import assert from 'node:assert/strict';
import type { Agents } from './agents-of-world.ts';
import type { LogLine, WorldSite } from './hostile-world.ts';
import type { Liar } from './liar.ts';

/** Everybody that an attack can meet: mallory and eve are driven by the test, the others are honest. */
export interface Cast {
  readonly root: string;
  readonly north: WorldSite;
  readonly south: WorldSite;
  readonly mallory: Liar;
  readonly agents: Agents;
  /** A snapshot that mallory's catalog names and north does not hold, and one of north that mallory does not. */
  readonly offered: OfferedFields;
  readonly wanted: OfferedFields & { readonly name: string };
}

/** The fields of an honest offer. */
export interface OfferedFields {
  readonly snapshotId: Uint8Array;
  readonly datasetId: Uint8Array;
  readonly domainId: Uint8Array;
}

/** One lie, and by what code whoever it is told to must refuse it. */
export interface Attack {
  readonly name: string;
  /** What stands in the victim's log beside the liar's name; none when the lie needs no refusal, only that it gains nothing. */
  readonly told?: string | readonly string[];
  readonly attack: (cast: Cast) => Promise<void>;
}

/** The lines of the log that name this peer, and those of whoever is named. */
export function linesAbout(lines: readonly LogLine[], peer: string): LogLine[] {
  return lines.filter((line) => line.peer === peer || line.msg.includes(peer));
}

export function assertTold(lines: readonly LogLine[], peer: string, told: string | readonly string[]): void {
  const codes = typeof told === 'string' ? [told] : told;
  const about = linesAbout(lines, peer);
  assert.ok(
    about.some((line) => codes.includes(line.code ?? '')),
    `no line names ${peer} and ${codes.join(' or ')}: ${JSON.stringify(lines)}`,
  );
  assert.ok(about.length <= 4, `${about.length} lines for one lie: ${JSON.stringify(about)}`);
}
