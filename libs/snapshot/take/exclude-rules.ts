import ignore, { type Ignore } from 'ignore';

// The library remembers every path that it was asked for: a new one now and then keeps that small.
const questionsMax = 10_000;

/**
 * Patterns in gitignore's syntax, as if they stood in a .gitignore in the folder at `topPath`; one that starts with that
 * path itself means the same place. Names that are not UTF-8 are matched with U+FFFD for what is not.
 */
export class ExcludeRules {
  readonly #patterns: readonly string[];
  #matcher: Ignore;
  #questions = 0;

  constructor(patterns: readonly string[], topPath: string) {
    const top = Buffer.from(topPath, 'latin1').toString();
    this.#patterns = patterns.map((pattern) => relativePattern(pattern, top));
    this.#matcher = this.#freshMatcher();
  }

  /** `path` (latin1 text) is relative to the top. Nothing is asked about what lies below an excluded folder. */
  excludes(path: string, isDirectory: boolean): boolean {
    if (this.#patterns.length === 0) return false;
    if (++this.#questions > questionsMax) {
      this.#questions = 0;
      this.#matcher = this.#freshMatcher();
    }
    const text = Buffer.from(path, 'latin1').toString();
    return this.#matcher.ignores(isDirectory ? `${text}/` : text);
  }

  #freshMatcher(): Ignore {
    // Windows' rules are the library's default.
    return ignore({ ignorecase: false }).add(this.#patterns);
  }
}

function relativePattern(pattern: string, top: string): string {
  const mark = pattern.startsWith('!') ? '!' : '';
  const body = pattern.slice(mark.length);
  return top !== '/' && body.startsWith(`${top}/`) ? mark + body.slice(top.length) : pattern;
}
