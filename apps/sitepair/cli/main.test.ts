import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Operations } from '../appliance/operations.ts';
import { runCommand, startCommand } from '../testing/run-command.ts';
import { calm, mail, scriptedOperations, south, unknownSnapshot } from '../testing/scripted-operations.ts';
import { serveApi } from '../testing/served-api.ts';

async function withAppliance(script: Partial<Operations>) {
  const operations = scriptedOperations(script);
  const served = await serveApi(operations);
  const run = (...args: readonly string[]) => runCommand(...args, '--state', served.stateFolder);
  return {
    run,
    operations,
    stateFolder: served.stateFolder,
    [Symbol.asyncDispose]: () => served[Symbol.asyncDispose](),
  };
}

test('a mistake on the command line exits 2, and says where the help is', async () => {
  const [unknown, missing, none, choice] = await Promise.all([
    runCommand('bakup'),
    runCommand('backup', '/home'),
    runCommand('pair'),
    runCommand('restore', 'mail@latest', '--to', '/x', '--existing', 'eat'),
  ]);
  assert.deepEqual([unknown.status, missing.status, none.status, choice.status], [2, 2, 2, 2]);
  assert.match(
    unknown.stderr,
    /^sitepair: unknown command 'bakup' \(Did you mean backup\?\)\n {2}to do: {2}See "sitepair --help"/,
  );
  assert.match(missing.stderr, /--dataset <name>.*\n {2}to do: {2}See "sitepair backup --help"/);
  assert.match(none.stderr, /Usage: sitepair pair/);
  assert.match(choice.stderr, /refuse, skip, overwrite, newer/);
  const json = await runCommand('backup', '--json');
  assert.equal(json.status, 2);
  assert.equal(JSON.parse(json.stdout).error.code, 'usage');
});

test('an error is what happened, why, and what to do; with --json it is the problem itself', async () => {
  await using appliance = await withAppliance({
    snapshot: () => {
      throw unknownSnapshot();
    },
  });
  const text = await appliance.run('restore', 'mail@2020-01-01', '--to', join(appliance.stateFolder, 'out'));
  assert.equal(text.status, 1);
  assert.equal(text.stdout, '');
  assert.equal(
    text.stderr,
    [
      'sitepair: there is no snapshot mail@2020-01-01',
      '  why:    the oldest is of 2026-01-31',
      '  to do:  See those there are with "sitepair snapshots mail".',
      '',
    ].join('\n'),
  );
  const json = await appliance.run('restore', 'mail@2020-01-01', '--to', join(appliance.stateFolder, 'out'), '--json');
  assert.equal(json.status, 1);
  assert.equal(json.stderr, '');
  const { error } = JSON.parse(json.stdout);
  assert.equal(error.code, 'snapshot_unknown');
  assert.equal(error.advice, 'See those there are with "sitepair snapshots mail".');
});

test('a state folder without a site, or of somebody else, is told with what to do', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sitepair-cli-'));
  try {
    const empty = await startCommand(['status', '--json'], { SITEPAIR_STATE: folder }).ended;
    assert.equal(empty.status, 1);
    assert.equal(JSON.parse(empty.stdout).error.code, 'state_missing');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('with --json a command prints what the API answers', async () => {
  await using appliance = await withAppliance({ status: () => calm, snapshots: () => [mail], pairList: () => [south] });
  const runs = await Promise.all([
    appliance.run('status', '--json'),
    appliance.run('snapshots', 'mail', '--json'),
    appliance.run('pair', 'list', '--json'),
  ]);
  assert.deepEqual(
    runs.map(({ status, stdout }) => [status, JSON.parse(stdout)]),
    [
      [0, calm],
      [0, [mail]],
      [0, [south]],
    ],
  );
});

test('status says first what needs attention, and exits 3 then', async () => {
  await using appliance = await withAppliance({ status: () => ({ ...calm, attention: ['One site is one fire.'] }) });
  const { status, stdout } = await appliance.run('status');
  assert.equal(status, 3);
  assert.match(stdout, /^! One site is one fire\.\n/);
  assert.match(stdout, /1\.35 GB in 3 packs, 12,345 records/);
  assert.match(stdout, /south +full +paired +up: since/);
});

test('lists are tables for people', async () => {
  await using appliance = await withAppliance({ snapshots: () => [mail], datasets: () => [] });
  const { stdout } = await appliance.run('snapshots');
  assert.match(stdout, /^SNAPSHOT .* FILES +GB +PROBLEMS +HELD BY\n/);
  assert.match(stdout, /north\/mail@2026-01-31T08:00:00Z +ababababab .* 60,639 +4\.27 +0 +north, south\n$/);
  assert.match((await appliance.run('datasets')).stdout, /sitepair backup PATH --dataset NAME/);
});

test('pair accept --yes confirms this end; without --yes and without a terminal it does not', async () => {
  const words = ['one', 'two', 'three', 'four', 'five', 'six'];
  await using appliance = await withAppliance({
    pairAccept: async () => ({ ...south, state: 'words', words }),
    pairConfirm: async () => ({ ...south, state: 'waiting_for_peer', words }),
    pairList: () => [{ ...south, state: 'words', words }],
  });
  const asked = () => appliance.operations.asked.splice(0).map(({ operation }) => operation);

  const quiet = await appliance.run('pair', 'accept', 'sp1-x');
  assert.deepEqual([quiet.status, asked()], [0, ['pairAccept']]);
  assert.match(quiet.stdout, / {4}one {2}two {2}three {2}four {2}five {2}six\n/);
  assert.match(quiet.stdout, /sitepair pair confirm south/);

  const sure = await appliance.run('pair', 'accept', 'sp1-x', '--yes', '--json');
  assert.deepEqual([sure.status, asked()], [0, ['pairAccept', 'pairConfirm']]);
  assert.equal(JSON.parse(sure.stdout).state, 'waiting_for_peer');

  const refused = await appliance.run('pair', 'confirm', 'south');
  assert.deepEqual([refused.status, asked()], [1, ['pairList']]);
  assert.match(refused.stderr, /Do the words agree at both ends\?\n {2}to do: {2}.*--yes/);

  const confirmed = await appliance.run('pair', 'confirm', 'south', '--yes');
  assert.deepEqual([confirmed.status, asked()], [0, ['pairList', 'pairConfirm']]);
});

test('an invitation is {"code": ...} for scripts, and has a QR code for people', async () => {
  await using appliance = await withAppliance({
    pairInvite: async ({ addresses }) => ({ code: 'sp1-abc', expiresAt: '2026-02-01T08:00:00Z', addresses }),
  });
  const invite = ['pair', 'invite', '--address', 'a:1', '--address', 'b:2', '--blind'];
  const json = await appliance.run(...invite, '--json');
  assert.equal(JSON.parse(json.stdout).code, 'sp1-abc');
  assert.deepEqual(appliance.operations.asked[0]?.request, { addresses: ['a:1', 'b:2'], role: 'blind' });
  const text = await appliance.run(...invite);
  assert.match(text.stdout, /sp1-abc\n/);
  assert.match(text.stdout, /[█▀▄]{10}/);
});

test('damage that stays is a failure, damage that was healed a warning', async () => {
  const finding = {
    pack: '0a',
    offset: 9,
    what: 'checksum',
    affects: [{ snapshot: mail.name, path: '/a\nb' }],
    healed: true,
  };
  await using appliance = await withAppliance({
    scrub: async ({ heal }) => ({ packs: 1, bytes: 5, findings: [{ ...finding, healed: heal }] }),
  });
  const bad = await appliance.run('scrub');
  assert.equal(bad.status, 1);
  assert.match(bad.stdout, /! damaged: pack 0a at 9: checksum\n {4}north\/mail@.*: \/a\\x0ab\n/);
  assert.match(bad.stdout, /sitepair scrub --heal/);
  assert.equal((await appliance.run('scrub', '--heal')).status, 3);
});

test('under --json long work writes its result only', async () => {
  const bytes = { contentBytes: 9, newBytes: 6, sentBytes: 4, lineBytes: 5 };
  const result = {
    peers: [{ peer: 'south', snapshots: 1, alreadyThere: 2, sentRecords: 3, ...bytes, seconds: 5 }],
  };
  await using appliance = await withAppliance({
    replicate: async (_, run) => {
      run.progress({ doing: 'sending', doneBytes: 1 });
      return result;
    },
  });
  const { status, stdout, stderr } = await appliance.run('replicate', 'mail', '--to', 'south', '--json');
  assert.deepEqual([status, JSON.parse(stdout), stderr], [0, result, '']);
  assert.deepEqual(appliance.operations.asked[0]?.request, { dataset: 'mail', peer: 'south' });
});

test('what cannot be undone needs --yes where nobody can be asked', async () => {
  await using appliance = await withAppliance({
    pairList: () => [south],
    pairRemove: async () => ({ warnings: ['it had keys'] }),
  });
  const refused = await appliance.run('pair', 'remove', 'south', '--json');
  assert.equal(refused.status, 1);
  assert.equal(JSON.parse(refused.stdout).error.code, 'confirmation_needed');
  const kit = await appliance.run('key', 'kit');
  assert.match(kit.stderr, /The old recovery kit will be void/);
  assert.deepEqual(
    appliance.operations.asked.map(({ operation }) => operation),
    ['pairList'],
  );
  const removed = await appliance.run('pair', 'remove', 'south', '--yes');
  assert.equal(removed.status, 3);
  assert.match(removed.stdout, /! it had keys/);
});

test('a peer that has ended the pairing is told of in the list, and taken off it without a question', async () => {
  const ended = { ...south, state: 'removed' as const, ended: 'south has removed this site from the realm' };
  await using appliance = await withAppliance({ pairList: () => [ended], pairRemove: async () => ({ warnings: [] }) });
  assert.match((await appliance.run('pair', 'list')).stdout, /^! south has removed this site from the realm$/m);
  const dismissed = await appliance.run('pair', 'remove', 'south');
  assert.deepEqual([dismissed.status, dismissed.stdout], [0, 'The ended pairing with south is off the list.\n']);
});

test('a pairing that has ended is no link that is down', async () => {
  const ended = { ...south, state: 'removed' as const, link: 'none' as const, ended: 'over' };
  await using appliance = await withAppliance({
    status: () => ({ ...calm, peers: [south, ended] }),
    linkHealth: () => [],
  });
  const { status, stdout } = await appliance.run('link', 'status', '--json');
  assert.deepEqual([status, JSON.parse(stdout)], [0, [south]]);
});

test('a state that is a file is told as that', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sitepair-no-folder-'));
  try {
    const file = join(folder, 'file');
    writeFileSync(file, 'x');
    for (const command of [['status'], ['init', '--site', 'north', '--kit', join(folder, 'kit')]]) {
      const { status, stdout } = await runCommand(...command, '--state', file, '--json');
      assert.deepEqual([status, JSON.parse(stdout).error.code], [1, 'state_no_folder']);
    }
    assert.equal(existsSync(join(folder, 'kit')), false);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a kit goes into a new file of its owner, overwrites nothing, and leaves nothing when there is none', async () => {
  let keptWhenVoided: string | undefined;
  await using appliance = await withAppliance({
    keyKit: async () => ({ kitText: 'THE KIT\n', kitId: '0123456789abcdef' }),
    keyKitKept: async () => {
      keptWhenVoided = readFileSync(file, 'utf8');
      return { pendingOn: ['south'] };
    },
  });
  const file = join(appliance.stateFolder, 'kit');
  const kit = (...more: readonly string[]) => appliance.run('key', 'kit', '--yes', '--kit', file, ...more);
  writeFileSync(file, 'another');
  assert.match((await kit()).stderr, /overwrites nothing/);
  assert.deepEqual(appliance.operations.asked, []);
  rmSync(file);
  const { status, stdout } = await kit('--json');
  const told = { kitFile: file, kitId: '0123456789abcdef', pendingOn: ['south'] };
  assert.deepEqual([status, JSON.parse(stdout)], [3, told]);
  assert.equal(keptWhenVoided, 'THE KIT\n');
  rmSync(file);
  const passphrase = join(appliance.stateFolder, 'passphrase');
  writeFileSync(passphrase, '\n');
  assert.match((await kit('--passphrase-file', passphrase)).stderr, /is empty/);
  assert.equal(existsSync(file), false);
});

test('Ctrl-C stops a scrub in good order, and says what becomes of it', async () => {
  const stopped = Promise.withResolvers<void>();
  const started = Promise.withResolvers<void>();
  await using appliance = await withAppliance({
    scrub: (_, { signal }) => {
      started.resolve();
      signal.addEventListener('abort', () => stopped.resolve());
      return new Promise((__, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    },
  });
  const command = startCommand(['scrub', '--state', appliance.stateFolder]);
  await started.promise;
  command.interrupt();
  const { status, stderr } = await command.ended;
  await stopped.promise;
  assert.equal(status, 1);
  assert.match(stderr, /^Stopping in good order; once more stops at once\.\n/);
  assert.match(stderr, /sitepair: stopped as asked, before the end\n {2}to do: {2}Nothing is lost by that/);
});

test('what other sites say cannot move the cursor', async () => {
  await using appliance = await withAppliance({
    status: () => ({ ...calm, attention: ['\x1b[2Jall is well'], peers: [{ ...south, linkDetail: '\x1b]0;x\x07' }] }),
  });
  const { stdout } = await appliance.run('status');
  assert.match(stdout, /! \\x1b\[2Jall is well\n/);
  assert.ok(!/[^\P{Cc}\n]/u.test(stdout));
});
