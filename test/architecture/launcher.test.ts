import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { root } from './repository.ts';

let folder: string;
let link: string;

/** A checkout, in a folder with a space, that holds nothing but the launcher; and a link to a relative link to it. */
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'sitepair-launcher-'));
  mkdirSync(join(folder, 'check out/apps/sitepair'), { recursive: true });
  mkdirSync(join(folder, 'bin'));
  copyFileSync(join(root, 'apps/sitepair/sitepair'), join(folder, 'check out/apps/sitepair/sitepair'));
  symlinkSync('check out/apps/sitepair/sitepair', join(folder, 'inner'));
  link = join(folder, 'bin/sitepair');
  symlinkSync('../inner', link);
});

after(() => rmSync(folder, { recursive: true }));

test('without an installed Node the launcher says what to do', () => {
  const { status, stderr } = spawnSync(link, ['serve'], { encoding: 'utf8' });
  assert.equal(status, 1);
  assert.match(stderr, /Run 'npm ci' in .*\/check out /);
});

test("through links the launcher runs the checkout's main.ts on the checkout's Node, with every argument as it was", () => {
  mkdirSync(join(folder, 'check out/node_modules/.bin'), { recursive: true });
  symlinkSync(process.execPath, join(folder, 'check out/node_modules/.bin/node'));
  const main =
    'const seen: string[] = process.argv.slice(2);\nconsole.log(JSON.stringify(seen));\nprocess.exitCode = 3;\n';
  writeFileSync(join(folder, 'check out/apps/sitepair/main.ts'), main);
  const { status, stdout, stderr } = spawnSync(link, ['a b', '', '*', '--', '-x'], { encoding: 'utf8' });
  assert.equal(stderr, '');
  assert.equal(stdout, '["a b","","*","--","-x"]\n');
  assert.equal(status, 3);
});

test('what Node compiled is kept in the checkout, for the next command to start sooner', () => {
  const cache = join(folder, 'check out/node_modules/.cache/compiled');
  rmSync(cache, { recursive: true, force: true });
  const { NODE_COMPILE_CACHE: _, ...env } = process.env;
  const { status } = spawnSync(link, [], { env });
  assert.equal(status, 3);
  assert.notEqual(readdirSync(cache).length, 0);
});
