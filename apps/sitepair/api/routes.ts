import { type Static, type TSchema, Type } from 'typebox';
import { linkHealthList, linkHistoryRequest, linkHistoryView, linkTestView } from './health-views.ts';
import { routeTable } from './route-table.ts';
import {
  addressList,
  agentList,
  carriedExportView,
  carriedImportView,
  checkView,
  codeText,
  datasetList,
  digestView,
  invitationView,
  kitIdText,
  limitScope,
  limitsView,
  nameText,
  pairingList,
  pairingView,
  passphraseText,
  pathText,
  peerRole,
  progressView,
  rateText,
  reindexView,
  replicateView,
  scrubView,
  snapshotList,
  snapshotView,
  statusView,
  textList,
  windowSpec,
} from './views.ts';

const nothing = Type.Object({}, { additionalProperties: false });

/** A question: its request is the query string. */
function question<Q extends TSchema, A extends TSchema>(querystring: Q, reply: A) {
  return { schema: { querystring, response: { 200: reply } } };
}

/** Something to do, done when the answer comes: its request is JSON. */
function action<B extends TSchema, A extends TSchema>(body: B, reply: A) {
  return { schema: { body, response: { 200: reply } } };
}

/** Work that takes long, answered by lines of JSON: any number of progress, then one result or one error. */
function work<B extends TSchema, R extends TSchema>(body: B, result: R) {
  return { schema: { body }, progress: progressView, result };
}

function request<P extends Record<string, TSchema>>(properties: P) {
  return Type.Object(properties, { additionalProperties: false });
}

/** The contract of the API, one route an operation: the appliance checks requests against it, its clients are typed by it. */
export const routes = {
  status: { ...routeTable.status, ...question(nothing, statusView) },

  pairInvite: {
    ...routeTable.pairInvite,
    ...action(request({ addresses: addressList, role: peerRole }), invitationView),
  },
  pairAccept: { ...routeTable.pairAccept, ...action(request({ code: codeText }), pairingView) },
  pairConfirm: { ...routeTable.pairConfirm, ...action(request({ peer: nameText }), pairingView) },
  pairList: { ...routeTable.pairList, ...question(nothing, pairingList) },
  pairSetAddresses: {
    ...routeTable.pairSetAddresses,
    ...action(request({ peer: nameText, addresses: addressList }), pairingView),
  },
  pairRemove: { ...routeTable.pairRemove, ...action(request({ peer: nameText }), Type.Object({ warnings: textList })) },

  agentInvite: {
    ...routeTable.agentInvite,
    ...action(request({ name: nameText, addresses: addressList }), invitationView),
  },
  agentList: { ...routeTable.agentList, ...question(nothing, agentList) },
  agentRevoke: {
    ...routeTable.agentRevoke,
    ...action(request({ name: nameText }), Type.Object({ name: Type.String() })),
  },

  datasets: { ...routeTable.datasets, ...question(nothing, datasetList) },
  snapshots: { ...routeTable.snapshots, ...question(request({ dataset: Type.Optional(nameText) }), snapshotList) },
  snapshot: { ...routeTable.snapshot, ...question(request({ reference: nameText }), snapshotView) },

  replicate: {
    ...routeTable.replicate,
    ...work(request({ dataset: Type.Optional(nameText), peer: Type.Optional(nameText) }), replicateView),
  },
  replicateExport: {
    ...routeTable.replicateExport,
    ...work(
      request({
        folder: pathText,
        peer: Type.Optional(nameText),
        dataset: Type.Optional(nameText),
        anew: Type.Optional(Type.Boolean()),
      }),
      carriedExportView,
    ),
  },
  replicateImport: {
    ...routeTable.replicateImport,
    ...work(request({ folder: pathText }), carriedImportView),
  },
  scrub: { ...routeTable.scrub, ...work(request({ heal: Type.Boolean() }), scrubView) },
  storeCheck: { ...routeTable.storeCheck, ...work(nothing, checkView) },
  storeReindex: { ...routeTable.storeReindex, ...work(nothing, reindexView) },
  catalogDigest: { ...routeTable.catalogDigest, ...question(nothing, digestView) },

  linkLimits: { ...routeTable.linkLimits, ...question(nothing, limitsView) },
  linkLimit: { ...routeTable.linkLimit, ...action(request({ ...limitScope, rate: rateText }), limitsView) },
  linkWindow: {
    ...routeTable.linkWindow,
    ...action(
      request({ ...limitScope, add: Type.Optional(windowSpec), remove: Type.Optional(Type.Integer({ minimum: 1 })) }),
      limitsView,
    ),
  },
  linkHold: {
    ...routeTable.linkHold,
    ...action(
      request({
        peer: Type.Optional(nameText),
        hold: Type.Enum(['full_speed', 'pause', 'resume']),
        untilSeconds: Type.Optional(Type.Integer({ minimum: 1, maximum: 253_402_300_799 })),
      }),
      limitsView,
    ),
  },
  linkClass: {
    ...routeTable.linkClass,
    ...action(request({ dataset: nameText, trafficClass: nameText }), limitsView),
  },

  linkHealth: {
    ...routeTable.linkHealth,
    ...question(request({ peer: Type.Optional(nameText) }), linkHealthList),
  },
  linkHistory: { ...routeTable.linkHistory, ...action(request(linkHistoryRequest), linkHistoryView) },
  linkTest: { ...routeTable.linkTest, ...work(request({ peer: nameText }), linkTestView) },

  keyRotate: {
    ...routeTable.keyRotate,
    ...action(nothing, Type.Object({ keyId: Type.String(), pendingOn: textList })),
  },
  keyKit: {
    ...routeTable.keyKit,
    ...action(
      request({ passphrase: Type.Optional(passphraseText) }),
      Type.Object({ kitText: Type.String(), kitId: Type.String() }),
    ),
  },
  keyKitKept: {
    ...routeTable.keyKitKept,
    ...action(request({ kitId: kitIdText }), Type.Object({ pendingOn: textList })),
  },
};

type Routes = typeof routes;
export type WorkName = {
  [N in keyof Routes]: Routes[N] extends { readonly result: TSchema } ? N : never;
}[keyof Routes];
export type PlainName = Exclude<keyof Routes, WorkName>;

/** What an operation takes. */
export type RequestOf<N extends keyof Routes> = Routes[N]['schema'] extends { readonly body: infer B extends TSchema }
  ? Static<B>
  : Routes[N]['schema'] extends { readonly querystring: infer Q extends TSchema }
    ? Static<Q>
    : never;

/** What an operation answers at once. */
export type ReplyOf<N extends PlainName> = Static<Routes[N]['schema']['response'][200]>;

/** What long work gives in the end. */
export type ResultOf<N extends WorkName> = Static<Routes[N]['result']>;
