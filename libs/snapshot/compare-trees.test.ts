import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, linkSync, mkdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { SnapshotLab } from '../../test/kit/snapshot-lab.ts';

/** Two equal folders, and what makes the second differ in one way. */
const changes: Readonly<Record<string, (at: (name: string) => string) => void>> = {
  'file: content, between byte 0 and 1048576': (at) => writeFileSync(at('file'), 'CONTENT'),
  'file: size 7 and 8': (at) => writeFileSync(at('file'), 'content+'),
  'file: mode 644 and 600': (at) => chmodSync(at('file'), 0o600),
  'link: target "file" and "elsewhere"': (at) => {
    rmSync(at('link'));
    symlinkSync('elsewhere', at('link'));
  },
  'new: file only in the second': (at) => writeFileSync(at('new'), ''),
  'twin: is another name of another file': (at) => {
    rmSync(at('twin'));
    writeFileSync(at('twin'), 'one');
  },
  'folder: kind directory and file': (at) => {
    rmSync(at('folder'), { recursive: true });
    writeFileSync(at('folder'), '');
  },
};

function settle(at: (name: string) => string): void {
  for (const name of ['file', 'one', 'twin', 'folder', '.']) utimesSync(at(name), 1_600_000_000, 1_600_000_000);
  execFileSync('touch', ['-h', '-d', '@1600000000', at('link')]);
}

test('each kind of difference is found and said, and nothing else', async () => {
  for (const [line, change] of Object.entries(changes)) {
    using lab = new SnapshotLab();
    const a = (name: string) => lab.path('a', name);
    const b = (name: string) => lab.path('b', name);
    mkdirSync(a('folder'), { recursive: true });
    writeFileSync(a('file'), 'content', { mode: 0o644 });
    writeFileSync(a('one'), 'one');
    linkSync(a('one'), a('twin'));
    symlinkSync('file', a('link'));
    cpSync(lab.path('a'), lab.path('b'), { recursive: true, verbatimSymlinks: true });
    rmSync(b('twin'));
    linkSync(b('one'), b('twin'));
    settle(a);
    settle(b);
    assert.deepEqual(await lab.differences(lab.path('a'), lab.path('b')), []);
    change(b);
    settle(b);
    assert.ok((await lab.differences(lab.path('a'), lab.path('b'))).includes(line), line);
  }
});

test('a nanosecond of difference is one', async () => {
  using lab = new SnapshotLab();
  for (const [side, time] of Object.entries({ a: '@5.000000001', b: '@5.000000002' })) {
    lab.makeFolder(side);
    writeFileSync(lab.path(side, 'file'), '');
    for (const name of ['file', '.']) execFileSync('touch', ['-d', name === '.' ? '@5' : time, lab.path(side, name)]);
  }
  assert.deepEqual(await lab.differences(lab.path('a'), lab.path('b')), ['file: time 5+1ns and 5+2ns']);
});
