import { type Static, type TSchema, Type } from 'typebox';

/** A list that nobody changes: what the operations give and take. */
function list<T extends TSchema>(items: T, maxItems?: number) {
  return Type.Unsafe<readonly Static<T>[]>(Type.Array(items, maxItems === undefined ? {} : { maxItems }));
}

/** In JSON an undefined field is an absent one. */
const textOrUndefined = Type.Optional(Type.Unsafe<string | undefined>(Type.String()));

const count = Type.Integer({ minimum: 0 });
const role = Type.Enum(['full', 'blind']);

/** Texts of requests. The limits are far above what is honest; names are checked by the operations. */
export const nameText = Type.String({ minLength: 1, maxLength: 200 });
/** PATH_MAX of Linux. */
export const pathText = Type.String({ minLength: 1, maxLength: 4096 });
export const codeText = Type.String({ minLength: 1, maxLength: 16_384 });
/** 8 bytes, in hexadecimal. */
export const kitIdText = Type.String({ pattern: '^[0-9a-f]{16}$' });
export const passphraseText = Type.String({ minLength: 1, maxLength: 1024 });
export const addressList = list(Type.String({ minLength: 1, maxLength: 300 }), 32);
export const peerRole = role;

export const progressView = Type.Object({
  doing: Type.String(),
  doneBytes: Type.Number({ minimum: 0 }),
  totalBytes: Type.Optional(Type.Number({ minimum: 0 })),
  doneItems: Type.Optional(count),
  totalItems: Type.Optional(count),
});

export const invitationView = Type.Object({
  code: Type.String(),
  expiresAt: Type.String(),
  addresses: list(Type.String()),
});

export const pairingView = Type.Object({
  peer: Type.String(),
  siteId: Type.String(),
  role,
  state: Type.Enum(['words', 'waiting_for_peer', 'paired', 'removed']),
  words: list(Type.String()),
  fingerprint: Type.String(),
  addresses: list(Type.String()),
  link: Type.Enum(['up', 'down', 'none']),
  linkDetail: Type.String(),
  ended: Type.String(),
});

export const statusView = Type.Object({
  site: Type.String(),
  siteId: Type.String(),
  realmId: Type.String(),
  address: Type.String(),
  version: Type.String(),
  incarnation: count,
  listening: list(Type.String()),
  store: Type.Object({ packs: count, records: count, bytes: count, freeBytes: count }),
  peers: list(pairingView),
  attention: list(Type.String()),
});

const datasetView = Type.Object({
  name: Type.String(),
  site: Type.String(),
  datasetId: Type.String(),
  snapshots: count,
  latest: textOrUndefined,
});

export const snapshotView = Type.Object({
  id: Type.String(),
  site: Type.String(),
  dataset: Type.String(),
  name: Type.String(),
  startedAt: Type.String(),
  host: Type.String(),
  paths: list(Type.String()),
  files: count,
  contentBytes: count,
  problems: count,
  copies: list(Type.String()),
});

export const replicateView = Type.Object({
  peers: list(
    Type.Object({
      peer: Type.String(),
      snapshots: count,
      alreadyThere: count,
      contentBytes: count,
      newBytes: count,
      sentRecords: count,
      sentBytes: count,
      lineBytes: count,
      seconds: Type.Number({ minimum: 0 }),
    }),
  ),
});

export const carriedExportView = Type.Object({
  peer: Type.String(),
  disk: Type.String(),
  snapshots: count,
  writtenRecords: count,
  writtenBytes: count,
  diskBytes: count,
  leftBytes: count,
  otherDisks: count,
});

export const carriedImportView = Type.Object({
  peer: Type.String(),
  disk: Type.String(),
  snapshots: list(Type.String()),
  alreadyHeld: count,
  incomplete: list(Type.Object({ snapshot: Type.String(), missing: count })),
  takenRecords: count,
  takenBytes: count,
});

export const scrubView = Type.Object({
  packs: count,
  bytes: count,
  findings: list(
    Type.Object({
      pack: Type.String(),
      offset: count,
      what: Type.String(),
      affects: list(Type.Object({ snapshot: Type.String(), path: Type.String() })),
      healed: Type.Boolean(),
    }),
  ),
});

export const checkView = Type.Object({
  packs: count,
  records: count,
  snapshots: count,
  findings: list(Type.String()),
});

export const reindexView = Type.Object({ records: count, packs: count });

export const digestView = Type.Object({
  digest: Type.String(),
  heads: list(Type.Object({ site: Type.String(), incarnation: Type.String(), sequence: count })),
});

const agentView = Type.Object({
  name: Type.String(),
  state: Type.Enum(['enrolled', 'must_enroll_again', 'revoked']),
  enrolledAt: Type.String(),
  fingerprint: Type.String(),
  datasets: list(Type.String()),
  connected: Type.Boolean(),
});

export const agentList = list(agentView);
export const datasetList = list(datasetView);
export const snapshotList = list(snapshotView);
export const pairingList = list(pairingView);
export const textList = list(Type.String());

/** The longest honest one is "1.5 Gbit/s". */
export const rateText = Type.String({ minLength: 1, maxLength: 40 });
const direction = Type.Enum(['up', 'down']);
export const limitScope = { peer: Type.Optional(nameText), direction };
const clockText = Type.String({ pattern: '^[0-9]{1,2}:[0-9]{2}$' });

export const windowSpec = Type.Object(
  { days: list(Type.Integer({ minimum: 1, maximum: 7 }), 7), from: clockText, to: clockText, rate: rateText },
  { additionalProperties: false },
);

export const limitsView = Type.Object({
  timeZone: Type.String(),
  limits: list(
    Type.Object({
      peer: Type.Optional(Type.String()),
      direction,
      rate: Type.String(),
      windows: list(windowSpec),
      now: Type.String(),
      why: Type.String(),
      until: Type.Optional(Type.String()),
    }),
  ),
  classes: list(Type.Object({ dataset: Type.String(), trafficClass: Type.String() })),
});
