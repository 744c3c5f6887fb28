import { AppError } from '#runtime';
import type { Operations, PairingView, SnapshotView, Status } from '../appliance/operations.ts';

export const south: PairingView = {
  peer: 'south',
  siteId: '02'.repeat(16),
  role: 'full',
  state: 'paired',
  words: [],
  fingerprint: 'abcd-efgh',
  addresses: ['south.example.org:7400'],
  link: 'up',
  ended: '',
  linkDetail: 'since 2026-01-31T08:00:00Z',
};

export const mail: SnapshotView = {
  id: 'ab'.repeat(20),
  site: 'north',
  dataset: 'mail',
  name: 'north/mail@2026-01-31T08:00:00Z',
  startedAt: '2026-01-31T08:00:00.000Z',
  host: 'box',
  paths: ['/srv/mail'],
  files: 60_639,
  contentBytes: 4_270_000_000,
  problems: 0,
  copies: ['north', 'south'],
};

export const calm: Status = {
  site: 'north',
  siteId: '01'.repeat(16),
  realmId: '03'.repeat(16),
  address: '12 Harbour Road',
  version: '0.1.0',
  incarnation: 1,
  listening: ['127.0.0.1:7400'],
  store: { packs: 3, records: 12_345, bytes: 1_351_000_000, freeBytes: 20_000_000_000 },
  peers: [south],
  attention: [],
};

export interface ScriptedOperations extends Operations {
  /** What was asked, in order. */
  readonly asked: { readonly operation: string; readonly request: unknown }[];
}

/** Operations that answer as told, for tests of what stands in front of them; what was not scripted fails the test. */
export function scriptedOperations(script: Partial<Operations> = {}): ScriptedOperations {
  const asked: ScriptedOperations['asked'] = [];
  const scripted = new Proxy(script, {
    get(target, operation: string) {
      if (operation === 'asked') return asked;
      const answer: unknown = Reflect.get(target, operation);
      return (...args: readonly unknown[]) => {
        asked.push({ operation, request: args[0] });
        if (typeof answer !== 'function') throw new Error(`the test did not script ${operation}`);
        return answer(...args);
      };
    },
  });
  return scripted as ScriptedOperations;
}

export function unknownSnapshot(): AppError {
  return new AppError('there is no snapshot mail@2020-01-01', {
    code: 'snapshot_unknown',
    advice: 'See those there are with "sitepair snapshots mail".',
    cause: new Error('the oldest is of 2026-01-31'),
    details: { dataset: 'mail' },
  });
}
