/** One module specifier in a source file, with the line (from 1) it stands on. */
export interface FoundImport {
  /** The text between the quotes, or undefined where the specifier is computed. */
  readonly specifier: string | undefined;
  readonly line: number;
}

export interface ScannedSource {
  /** The source at its length and lines, with comments and the insides of strings and regular expressions blanked. */
  readonly code: string;
  readonly imports: readonly FoundImport[];
}

const regexMayFollow =
  /(?:^|[([{,;=:!&|?+\-*%^~<>]|\b(?:return|typeof|case|in|of|yield|await|throw|else|do|void|delete))\s*$/;

/**
 * Reads what a TypeScript source imports: static, side-effect, re-exporting, dynamic and type imports, `require`, and the
 * files named by `new URL('...', import.meta.url)`, which is how workers are started. Types are not needed for that, so
 * this is a scan and not a parse. Throws on a string that never ends: a scan that lost its way must not pass.
 */
export function scanSource(source: string): ScannedSource {
  const { code, strings } = blank(source);
  const imports: FoundImport[] = [];
  const note = (start: number, quoteAt: number) =>
    imports.push({ specifier: strings.get(quoteAt), line: lineOf(source, start) });

  for (const match of code.matchAll(/(?<![\w$.])(?:import|export)\b(?:[\w$*{},\s]*?\bfrom)?\s*(?=['"])/g)) {
    note(match.index, match.index + match[0].length);
  }
  for (const match of code.matchAll(/(?<![\w$.])(?:import|require)\s*\(\s*|\bnew\s+URL\(\s*/g)) {
    const quoteAt = match.index + match[0].length;
    if (match[0].startsWith('new')) {
      if (/^['"][^'"]*['"]\s*,\s*import\.meta\.url/.test(code.slice(quoteAt))) note(match.index, quoteAt);
    } else {
      note(match.index, quoteAt);
    }
  }
  return { code, imports: imports.sort((a, b) => a.line - b.line) };
}

/** The line (from 1) of the character at `index`. */
export function lineOf(source: string, index: number): number {
  return source.slice(0, index).split('\n').length;
}

function blank(source: string): { code: string; strings: Map<number, string> } {
  const strings = new Map<number, string>();
  const braces: ('block' | 'template')[] = [];
  let code = '';
  let at = 0;
  const keep = (count: number) => {
    code += source.slice(at, at + count);
    at += count;
  };
  const hide = (end: number) => {
    code += source.slice(at, end).replace(/[^\n]/g, ' ');
    at = end;
  };
  const templateText = () => {
    const end = endOf(source, at, /\\[\s\S]|\$\{|`/y);
    hide(end - (source[end - 1] === '`' ? 1 : 2));
    if (source[at] === '$') braces.push('template');
    keep(source[at] === '$' ? 2 : 1);
  };

  while (at < source.length) {
    const two = source.slice(at, at + 2);
    const one = two.slice(0, 1);
    if (two === '//' || (at === 0 && two === '#!')) {
      const end = source.indexOf('\n', at);
      hide(end < 0 ? source.length : end);
    } else if (two === '/*') {
      const end = source.indexOf('*/', at + 2);
      hide(end < 0 ? source.length : end + 2);
    } else if (one === "'" || one === '"') {
      const start = at;
      keep(1);
      const end = endOf(source, at, one === "'" ? /\\[\s\S]|'/y : /\\[\s\S]|"/y, true);
      strings.set(start, source.slice(at, end - 1));
      hide(end - 1);
      keep(1);
    } else if (one === '`') {
      keep(1);
      templateText();
    } else if (one === '/' && regexMayFollow.test(code.slice(-80))) {
      keep(1);
      hide(endOf(source, at, /\\.|\[(?:\\.|[^\]\\\n])*\]|\//y, true) - 1);
      keep(1);
    } else if (one === '}' && braces.pop() === 'template') {
      keep(1);
      templateText();
    } else {
      if (one === '{') braces.push('block');
      keep(1);
    }
  }
  return { code, strings };
}

/** The index behind the first one-character or `${` match of `stop` from `from` that is not an escape or a class. */
function endOf(source: string, from: number, stop: RegExp, oneLine = false): number {
  for (let at = from; at < source.length; ) {
    stop.lastIndex = at;
    const found = stop.exec(source)?.[0];
    if (found === undefined) {
      if (oneLine && source[at] === '\n') break;
      at += 1;
    } else {
      at += found.length;
      if (!found.startsWith('\\') && !found.startsWith('[')) return at;
    }
  }
  throw new Error(`line ${lineOf(source, from)}: a string, template or regular expression does not end`);
}
