import { type Static, type TSchema, Type } from 'typebox';
import { nameText } from './views.ts';

function list<T extends TSchema>(items: T) {
  return Type.Unsafe<readonly Static<T>[]>(Type.Array(items));
}

const count = Type.Integer({ minimum: 0 });

const linkHealth = Type.Object({
  peer: Type.String(),
  link: Type.Enum(['up', 'down']),
  linkDetail: Type.String(),
  cause: Type.String(),
  evidence: Type.String(),
  stalledSeconds: count,
  sentBytesPerSecond: count,
  receivedBytesPerSecond: count,
  classes: list(Type.Object({ trafficClass: Type.String(), bytesPerSecond: count })),
  limitBytesPerSecond: Type.Optional(Type.Number({ minimum: 0 })),
  limitWhy: Type.String(),
  roundTripIdleMs: Type.Optional(Type.Number()),
  roundTripLoadedMs: Type.Optional(Type.Number()),
  jitterMs: Type.Optional(Type.Number()),
  clockOffsetSeconds: Type.Optional(Type.Number()),
  resentSegments: count,
  connections: count,
  backlog: Type.Object({ snapshots: count, contentBytesMax: count, etaSecondsMax: Type.Optional(count) }),
  lags: list(
    Type.Object({
      dataset: Type.String(),
      newest: Type.String(),
      held: Type.Optional(Type.String()),
      snapshotsBehind: count,
    }),
  ),
  events: list(Type.Object({ at: Type.String(), what: Type.String(), detail: Type.String() })),
  notes: list(Type.String()),
});

export const linkHealthList = list(linkHealth);

/** Two years, as the history reaches back. */
const sinceSecondsMax = 2 * 366 * 86_400;

export const linkHistoryRequest = {
  peer: nameText,
  sinceSeconds: Type.Integer({ minimum: 1, maximum: sinceSecondsMax }),
  stepSeconds: Type.Optional(Type.Integer({ minimum: 1, maximum: sinceSecondsMax })),
};

export const linkHistoryView = Type.Object({
  peer: Type.String(),
  stepSeconds: count,
  points: list(
    Type.Object({
      from: Type.String(),
      counts: Type.Unsafe<Readonly<Record<string, number>>>(Type.Record(Type.String(), Type.Number())),
    }),
  ),
});

export const linkTestView = Type.Object({
  peer: Type.String(),
  seconds: Type.Number(),
  capacityBytesPerSecond: count,
  payloadBytesPerSecond: count,
  limitBytesPerSecond: Type.Optional(Type.Number({ minimum: 0 })),
  limitWhy: Type.String(),
  heldByLimit: Type.Boolean(),
  roundTripIdleMs: Type.Optional(Type.Number()),
  roundTripLoadedMs: Type.Optional(Type.Number()),
  resentPercent: Type.Optional(Type.Number({ minimum: 0 })),
  packetBytesMax: Type.Optional(count),
  connections: count,
});
