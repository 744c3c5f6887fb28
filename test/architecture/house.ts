/** No file of ours is longer: what does not fit wants to be two ideas. */
export const fileLinesMax = 400;
/** A library's README says what for, what it guarantees, what it is not, its one example. */
export const readmeLinesMax = 30;

export function countLines(text: string): number {
  return text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
}

/** The file as `path: N lines, at most MAX` when it is too long. */
export function tooLong(path: string, text: string, linesMax: number): string | undefined {
  const lines = countLines(text);
  return lines > linesMax ? `${path}: ${lines} lines, at most ${linesMax}` : undefined;
}

const areas = ['libs', 'apps', 'proto', 'test', 'docs', 'appliance', '.ci'];

/**
 * The repository paths that a page names in backticks: code spans without spaces that start in one of the repository's
 * folders. Patterns (`libs/*`) and placeholders (`libs/NAME`, `libs/<name>`) are no paths.
 */
export function namedPaths(page: string): string[] {
  const spans = [...page.replace(/^```[\s\S]*?^```/gm, '').matchAll(/`([^`\s]+)`/g)].map((match) => match[1] ?? '');
  const isPath = (span: string) =>
    areas.some((area) => span.startsWith(`${area}/`)) && !/[*<>{}]|\/[A-Z]+$/.test(span.replace(/#.*$/, ''));
  return [...new Set(spans.filter(isPath).map((span) => span.replace(/(?:#.*|:\d+|\/)$/, '')))];
}
