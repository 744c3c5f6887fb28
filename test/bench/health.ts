/**
 * The health history of a link: two years of hours, a month of minutes, an hour of seconds, and how long a query of any range
 * takes (the bound is 50 ms). Usage: node test/bench/health.ts [--runs N] [--quick].
 */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HealthHistory } from '#health';
import { benchOptions } from './measure/options.ts';
import { formatBytes, formatNumber, machineLine, markdownTable, median, say } from './measure/report.ts';

const options = benchOptions('node test/bench/health.ts [--runs N] [--quick]', 9);
const south = new Uint8Array(16).fill(2);
const now = 1_800_000_000;
const day = 86_400;
const folder = mkdtempSync(join(tmpdir(), 'sitepair-bench-health-'));
try {
  await using history = HealthHistory.open(folder);
  const counts = {
    observedMs: 1000,
    upMs: 1000,
    sentBytes: 2_500_000,
    receivedBytes: 40_000,
    'sent:backup': 2_490_000,
  };
  say('filling');
  const add = (from: number, to: number, step: number) => {
    for (let at = from; at < to; at += step) {
      history.add(south, at, { ...counts, 'cause:limit': 1000, roundTripUsMax: at % 90_000 });
      if ((at - from) % (step * 600) === 0) history.flush();
    }
  };
  add(now - (options.quick ? 60 : 730) * day, now - 30 * day, 3600);
  add(now - (options.quick ? 2 : 30) * day, now - 3600, 60);
  add(now - 3600, now, 1);
  history.flush();
  const rows = [600, 3600, day, 3 * day, 30 * day, 365 * day, 730 * day].map((seconds) => {
    let points = 0;
    const runs = Array.from({ length: options.runs }, () => {
      const began = performance.now();
      points = history.query(south, { from: now - seconds, to: now, now }).points.length;
      return performance.now() - began;
    });
    return [
      `${formatNumber(seconds / day)} days`,
      `${points}`,
      formatNumber(median(runs)),
      formatNumber(Math.max(...runs)),
    ];
  });
  const bytes = readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
  console.log(markdownTable(['range', 'points', 'median ms', 'longest ms'], rows));
  console.log(`\nOn disk ${formatBytes(bytes)}. ${machineLine()}.`);
} finally {
  rmSync(folder, { recursive: true });
}
