import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRestorePoint } from './restore-point.ts';

test('the path begins behind the time, which has colons itself', () => {
  const cases: readonly (readonly [string, string, string | undefined])[] = [
    ['mail@latest', 'mail@latest', undefined],
    ['north/mail@latest:/srv/mail', 'north/mail@latest', '/srv/mail'],
    ['mail@2026-01-31T08:00', 'mail@2026-01-31T08:00', undefined],
    ['mail@2026-01-31T08:00:15.5Z', 'mail@2026-01-31T08:00:15.5Z', undefined],
    ['mail@2026-01-31T08:00:/srv', 'mail@2026-01-31T08:00', '/srv'],
    ['mail@2026-01-31T08:00:2025/a:b', 'mail@2026-01-31T08:00', '2025/a:b'],
    ['mail@2026-01-31T08:00+01:00:etc', 'mail@2026-01-31T08:00+01:00', 'etc'],
    ['abcdef0123', 'abcdef0123', undefined],
    ['abcdef0123:a@b:c', 'abcdef0123', 'a@b:c'],
    ['mail@latest:with\nline', 'mail@latest', 'with\nline'],
  ];
  for (const [text, reference, path] of cases) assert.deepEqual(parseRestorePoint(text), { reference, path }, text);
});

test('what names no snapshot is refused', () => {
  for (const text of ['', ':', ':/etc', 'mail@', 'mail@:/x', 'mail@latest:', '@latest']) {
    assert.throws(() => parseRestorePoint(text), { code: 'bad_snapshot_reference' }, text);
  }
});
