import assert from 'node:assert/strict';
import { test } from 'node:test';
import { printable } from './printable.ts';
import { facts, table } from './table.ts';

test('columns are as wide as their widest cell, numbers stand right, no line ends in spaces', () => {
  const text = table([
    { head: 'PEER', cells: ['south', 'a'] },
    { head: 'GB', cells: ['4.27', '14.00'], align: 'right' },
    { head: 'NOTE', cells: ['', 'x'] },
  ]);
  assert.equal(text, 'PEER      GB  NOTE\nsouth   4.27\na      14.00  x');
  assert.equal(
    facts([
      ['site', 'north'],
      ['appliance', 'running'],
    ]),
    'site       north\nappliance  running',
  );
});

test('a file name cannot move the cursor or turn the text around', () => {
  assert.equal(printable('a\x1b[2Jb\nc\u202ed'), 'a\\x1b[2Jb\\x0ac\\u202ed');
  assert.equal(printable(Buffer.from('grün/日本.txt')), 'grün/日本.txt');
});
