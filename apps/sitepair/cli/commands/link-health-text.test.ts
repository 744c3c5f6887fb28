import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LinkHealthView } from '../../appliance/link-health-view.ts';
import { healthText, verdictOf } from './link-health-text.ts';

const nowMs = Date.parse('2026-01-31T07:30:00Z');

const calm: LinkHealthView = {
  peer: 'south',
  link: 'up',
  linkDetail: 'up',
  cause: 'nothing_to_send',
  evidence: 'the peer holds all that is complete here',
  stalledSeconds: 0,
  sentBytesPerSecond: 0,
  receivedBytesPerSecond: 0,
  classes: [],
  limitWhy: 'none',
  resentSegments: 0,
  connections: 0,
  backlog: { snapshots: 0, contentBytesMax: 0 },
  lags: [],
  events: [],
  notes: [],
};

test('the verdict is never better than the worst that is known', () => {
  const backlog = { snapshots: 2, contentBytesMax: 3e9 };
  assert.equal(verdictOf(calm), 'south is up to date.');
  assert.equal(
    verdictOf({ ...calm, backlog, cause: 'limit', sentBytesPerSecond: 2_400_000 }),
    'south lacks 2 snapshots; 19.2 Mbit/s now, held back by the limit in force.',
  );
  assert.equal(
    verdictOf({ ...calm, backlog, stalledSeconds: 75 }),
    'STALLED: south has acknowledged nothing for 1 min 15 s; 2 snapshots wait for it.',
  );
  assert.equal(
    verdictOf({ ...calm, backlog, link: 'down', linkDetail: 'waiting', stalledSeconds: 75 }),
    'south cannot be reached (waiting); 2 snapshots wait for it.',
  );
});

test('the figures say what they are of: limit and its reason, lag of each dataset, the kernel', () => {
  const text = healthText(
    {
      ...calm,
      limitBytesPerSecond: 2_500_000,
      limitWhy: 'window',
      roundTripIdleMs: 24,
      clockOffsetSeconds: -90,
      backlog: { snapshots: 1, contentBytesMax: 1.5e9, etaSecondsMax: 600 },
      lags: [
        { dataset: 'north/mail', newest: '2026-01-31T02:00:00Z', held: '2026-01-31T02:00:00Z', snapshotsBehind: 0 },
        { dataset: 'north/lab', newest: '2026-01-31T02:00:00Z', held: '2026-01-30T02:09:00Z', snapshotsBehind: 1 },
      ],
      notes: ['the kernel does not pace'],
    },
    nowMs,
  );
  assert.match(text, /of 20\.0 Mbit\/s \(window\)/);
  assert.match(text, /24\.0 ms idle/);
  assert.match(text, /south is 1 min 30 s behind/);
  assert.match(text, /at most 1\.50 GB, 10 min at most/);
  assert.match(text, /north\/lab: 1 d 5 h, 1 snapshot behind/);
  assert.doesNotMatch(text, /north\/mail/);
  assert.match(text, /the kernel does not pace/);
});
