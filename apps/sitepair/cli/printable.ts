/** A name from a file system as a terminal may show it: what would move the cursor or hide text is written as \xNN. */
export function printable(name: Uint8Array | string): string {
  const text = typeof name === 'string' ? name : Buffer.from(name).toString();
  return text.replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`;
  });
}
