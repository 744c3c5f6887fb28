const moves = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/** A name from a file system as a terminal may show it: what would move the cursor or hide text is written as \xNN. */
export function printable(name: Uint8Array | string): string {
  const text = typeof name === 'string' ? name : Buffer.from(name).toString();
  return text.replace(moves, escaped);
}

/** Text of several lines as a terminal may show it. Names and errors of other sites are in it: they move no cursor. */
export function printableText(text: string): string {
  return text.replace(moves, (character) => (character === '\n' ? character : escaped(character)));
}

function escaped(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`;
}
