import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scanSource } from './source-scan.ts';

function specifiersOf(source: string): (string | undefined)[] {
  return scanSource(source).imports.map(({ specifier }) => specifier);
}

test('every form of import is found', () => {
  const source = `#!/usr/bin/env node
import 'a';
import b from 'b';
import { c, type C } from "c";
import * as d from 'd';
import type { E } from 'e';
import {
  f, // the first f
} from 'f';
export * from 'g';
export { h } from 'h';
export type { I } from 'i';
const j = await import('j');
type K = import('k').K;
const l = require('l');
new Worker(new URL('./m.worker.ts', import.meta.url));
import n, { o } from 'n';
`;
  assert.deepEqual(specifiersOf(source), [...'abcdefghijkl', './m.worker.ts', 'n']);
});

test('what only looks like an import is not one', () => {
  const source = [
    "// import 'a';",
    "/* import 'b'; */",
    'const text = "import \'c\'";',
    "const template = `import 'd' ${`from 'e'` + '}'} import 'f'`;",
    "const pattern = /import 'g' [/'\"] from 'h'/;",
    "const half = total / 2; const url = new URL('http://i');",
    "export const from = 'j'; object.import('k');",
  ].join('\n');
  assert.deepEqual(specifiersOf(source), []);
});

test('code behind a template, a pattern or a comment is still read', () => {
  assert.deepEqual(specifiersOf("const a = `x ${b({ c: `y` })} z`; import 'd';"), ['d']);
  assert.deepEqual(specifiersOf("const a = x.replace(/'/g, '') / 2; import 'd';"), ['d']);
  assert.deepEqual(specifiersOf("const a = '\\''; const b = [/[/']/, /\\//]; import 'd';"), ['d']);
  assert.deepEqual(specifiersOf("/* ' */ import 'd';"), ['d']);
});

test('lines are counted as an editor counts them', () => {
  assert.equal(scanSource("/*\n*/\nconst a = `\n`;\nimport 'b';").imports[0]?.line, 5);
});

test('a scan that lost its way throws', () => {
  assert.throws(() => scanSource("const a = 1;\nconst b = 'open;\nimport 'c';"), /line 2: .* does not end/);
  assert.throws(() => scanSource('const a = `open'), /does not end/);
});
