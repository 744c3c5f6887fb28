import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { findBreaches, layers } from './import-rule.ts';
import { findFiles, readText, root } from './repository.ts';

/** The breaches of one file with this source, beside one file that keeps every rule. */
function breachesOf(path: string, source: string): string[] {
  return findBreaches(
    new Map([
      ['libs/store/good.ts', "import { assert } from '#runtime';\n"],
      [path, source],
    ]),
  );
}

function refuses(path: string, source: string, reason: RegExp): void {
  const breaches = breachesOf(path, source);
  assert.equal(breaches.length, 1, `${path}: ${source} gave ${JSON.stringify(breaches)}`);
  assert.match(breaches[0] ?? '', reason);
}

function allows(path: string, source: string): void {
  assert.deepEqual(breachesOf(path, source), []);
}

test('every module of the repository keeps the import rule', () => {
  const paths = findFiles(['libs/**/*.ts', 'apps/**/*.ts', 'test/**/*.ts']);
  const sources = new Map(paths.map((path) => [path, readText(path)]));
  assert.ok(sources.size > 0, 'no module found');
  assert.deepEqual(findBreaches(sources), []);
});

test('every library has a layer', () => {
  const known = new Set(layers.flat());
  const libraries = readdirSync(join(root, 'libs'));
  assert.ok(libraries.length > 0, 'no library found');
  for (const library of libraries) assert.ok(known.has(library), `libs/${library} is in no layer of import-rule.ts`);
});

test('the rule does not pass when it sees no module or no import', () => {
  assert.throws(() => findBreaches(new Map()), /saw 0 modules/);
  assert.throws(() => findBreaches(new Map([['libs/store/a.ts', 'export const a = 1;']])), /no import/);
});

test('imports go down, never up', () => {
  allows('libs/replication/a.ts', "import { Store } from '#store';");
  allows('libs/keys/a.ts', "import type { SiteId } from '#model';");
  allows('apps/sitepair/serve.ts', "import { Store } from '#store';");
  refuses('libs/store/a.ts', "import { x } from '#replication';", /a\.ts:1: imports #replication: upward from store/);
  refuses('libs/runtime/a.ts', "import type { SiteId } from '#model';", /upward/);
  refuses('libs/model/a.ts', "export * from '#wire';", /upward/);
  refuses('libs/wire/a.ts', "\nexport type T = import('#keys').Key;", /a\.ts:2: .*upward/);
  refuses('libs/keys/a.test.ts', "import { x } from '#store';", /upward/);
});

test('libraries of one layer do not import each other, except in tests', () => {
  refuses('libs/wire/a.ts', "import { x } from '#config';", /sideways/);
  refuses('libs/store/a.ts', "await import('#catalog');", /sideways/);
  allows('libs/snapshot/a.test.ts', "import { Store } from '#store';");
});

test('a library is entered by its door only', () => {
  allows('libs/store/a.ts', "import { b } from './packs/b.ts';");
  refuses('libs/store/a.ts', "import { b } from '../keys/seal.ts';", /enter libs\/keys by #keys/);
  refuses('libs/store/a.ts', "import { b } from '../keys/index.ts';", /enter libs\/keys by #keys/);
  refuses('libs/store/a.test.ts', "import { b } from '../keys/seal.ts';", /by #keys/);
  refuses('apps/sitepair/a.ts', "import '../../libs/store/index.ts';", /by #store/);
  refuses('test/pair/a.test.ts', "import { b } from '../../libs/store/packs/b.ts';", /by #store/);
  refuses('libs/link/a.ts', "new Worker(new URL('../store/a.worker.ts', import.meta.url));", /by #store/);
  refuses('apps/sitepair/a.ts', "import { b } from '#store/packs';", /a path into a library/);
  refuses('apps/sitepair/a.ts', "import { b } from '#targets/tape/drive';", /a path into a library/);
  refuses('libs/store/a.ts', "import { b } from '#store';", /its own door/);
  refuses('apps/sitepair/a.ts', "import { b } from '#utils';", /in no layer/);
  refuses('libs/utils/a.ts', "import { b } from '#runtime';", /in no layer/);
  refuses('libs/store/a.ts', "import '/tmp/a.ts';", /absolute/);
  refuses('libs/store/a.ts', 'await import(name);', /computed/);
});

test('only apps/sitepair chooses adapters', () => {
  allows('apps/sitepair/serve.ts', "import { tape } from '#targets/tape';");
  allows('test/pair/a.test.ts', "import { tape } from '#targets/tape';");
  allows('libs/targets/tape/a.ts', "import type { Target } from '../target.ts';");
  allows('libs/targets/conformance.test.ts', "import { tape } from './tape/index.ts';");
  refuses('libs/jobs/a.ts', "import { tape } from '#targets/tape';", /only apps\/sitepair chooses adapters/);
  refuses('apps/web/a.ts', "import { tape } from '#targets/tape';", /only apps\/sitepair chooses adapters/);
  refuses('libs/targets/index.ts', "export * from './tape/index.ts';", /only apps\/sitepair chooses adapters/);
  refuses('libs/targets/tape/a.ts', "import { f } from '../folder/f.ts';", /only apps\/sitepair chooses adapters/);
});

test('nothing imports an app, and only tests import test code', () => {
  allows('apps/sitepair/serve.ts', "import { api } from './api/routes.ts';");
  allows('test/pair/a.test.ts', "import { main } from '../../apps/sitepair/main.ts';");
  allows('libs/store/a.test.ts', "import { kit } from '../../test/kit/clock.ts';");
  refuses('libs/store/a.ts', "import { main } from '../../apps/sitepair/main.ts';", /nothing imports an app/);
  refuses('apps/web/a.ts', "import { main } from '../sitepair/main.ts';", /nothing imports an app/);
  refuses('libs/store/a.ts', "import { kit } from '../../test/kit/clock.ts';", /only tests import test code/);
});

test('time and chance come from runtime only', () => {
  const uses = [
    'Date.now()',
    'Math.random()',
    'performance.now()',
    'process.hrtime.bigint()',
    'new Date()',
    'new Date;',
  ];
  for (const use of [...uses, 'setTimeout(f, 1)', 'setInterval(f, 1)', 'globalThis.setTimeout(f, 1)']) {
    refuses('libs/store/a.ts', `const a = ${use}`, /take Clock, Timers or Random of #runtime/);
    refuses('apps/sitepair/a.ts', `const a = ${use}`, /take Clock, Timers or Random of #runtime/);
    allows('libs/runtime/a.ts', `const a = ${use}`);
    allows('libs/store/a.test.ts', `const a = ${use}`);
    allows('test/kit/a.ts', `const a = ${use}`);
  }
  refuses('libs/store/a.ts', "import { scheduler } from 'node:timers/promises';", /use Timers of #runtime/);
  allows('libs/store/a.ts', 'new Date(wallMs); socket.setTimeout(5); type D = Date; // Date.now() is banned');
});
