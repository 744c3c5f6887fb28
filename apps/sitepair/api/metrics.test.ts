import assert from 'node:assert/strict';
import { test } from 'node:test';
import { metricsText } from './metrics.ts';

test('each link has its lines, with names that cannot break them', () => {
  const text = metricsText([
    {
      peer: 'so"uth',
      link: 'up',
      linkDetail: '',
      cause: 'limit',
      evidence: '',
      stalledSeconds: 0,
      sentBytesPerSecond: 7,
      receivedBytesPerSecond: 0,
      classes: [],
      limitWhy: 'none',
      resentSegments: 0,
      connections: 5,
      backlog: { snapshots: 2, contentBytesMax: 9 },
      lags: [],
      events: [],
      notes: [],
    },
  ]);
  assert.match(text, /^sitepair_link_up\{peer="so\\"uth"\} 1$/m);
  assert.match(text, /^sitepair_link_sent_bytes_per_second\{peer="so\\"uth"\} 7$/m);
  assert.match(text, /^sitepair_link_held_back_by\{peer="so\\"uth",cause="limit"\} 1$/m);
  assert.doesNotMatch(text, /limit_bytes_per_second\{/);
  for (const line of text.trimEnd().split('\n')) assert.match(line, /^(# (HELP|TYPE) \w+ .+|\w+\{.*\} [\d.]+)$/);
});
