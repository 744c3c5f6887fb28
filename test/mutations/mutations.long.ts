import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { after, test } from 'node:test';
import { MutatedCopy } from './mutated-copy.ts';
import { type Mutation, mutations } from './mutation-list.ts';

// A mutation may make a test wait for ever: that is seen too, after a while.
const testTimeoutMs = 60_000;
const runTimeoutMs = 300_000;
const wanted = process.env.SITEPAIR_MUTATION ?? '';
const copy = new MutatedCopy();
after(() => copy[Symbol.dispose]());

/** The names of the tests that fail, one pattern of tests after the other until one does; none: they all pass. */
function failures(patterns: readonly string[]): string[] {
  for (const pattern of patterns) {
    const args = ['--test', '--test-reporter=tap', `--test-timeout=${testTimeoutMs}`];
    const files = globSync(pattern, { cwd: copy.path });
    const { NODE_TEST_CONTEXT: _, ...environment } = process.env;
    const options = { cwd: copy.path, env: environment, encoding: 'utf8', timeout: runTimeoutMs } as const;
    const { status, stdout } = spawnSync(process.execPath, [...args, ...files], options);
    if (status === 0) continue;
    const named = [...stdout.matchAll(/^not ok \d+ - (.*)$/gm)].map((match) => match[1] ?? '');
    return named.length > 0 ? named : ['the run itself'];
  }
  return [];
}

const everyPattern = [...new Set(mutations.flatMap(({ tests }) => tests))];

test('without a mutation all of these tests pass', () => {
  assert.deepEqual(failures(everyPattern), []);
});

const caught = (mutation: Mutation) => copy.with(mutation, () => failures(mutation.tests));
for (const mutation of mutations.filter(({ name }) => name.includes(wanted)))
  test(`it is noticed when ${mutation.name}`, (t) => {
    const seenBy = caught(mutation);
    assert.notDeepEqual(seenBy, [], 'no test has seen it');
    t.diagnostic(
      `${mutation.file}: seen by "${seenBy[0]}"${seenBy.length > 1 ? ` and ${seenBy.length - 1} more` : ''}`,
    );
  });
