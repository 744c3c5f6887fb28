import type { Problem } from '#model';
import { bytesOf } from './path-text.ts';
import { treeLimits } from './tree/tree-limits.ts';

/** Collects problems: the first 1000 in full, the rest as a number. */
export class ProblemList {
  readonly list: Problem[] = [];
  count = 0;

  /** `path` in latin1 text; `code` an errno's name or ours; `what` for people. */
  add(path: string, code: string, what: string): void {
    this.count += 1;
    if (this.list.length < treeLimits.problems) this.list.push({ path: bytesOf(path), code, what });
  }
}
