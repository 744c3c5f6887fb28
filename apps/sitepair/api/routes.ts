import { type Static, type TSchema, Type } from 'typebox';
import {
  addressList,
  agentList,
  checkView,
  codeText,
  datasetList,
  digestView,
  invitationView,
  nameText,
  pairingList,
  pairingView,
  passphraseText,
  peerRole,
  progressView,
  reindexView,
  replicateView,
  scrubView,
  snapshotList,
  snapshotView,
  statusView,
  textList,
} from './views.ts';

export const apiPrefix = '/api/v1';
export const clientProtocolPath = '/client/v1';

const nothing = Type.Object({}, { additionalProperties: false });

/** A question: GET, its request in the query string. */
function question<Q extends TSchema, A extends TSchema>(path: string, query: Q, reply: A) {
  return { method: 'GET', url: apiPrefix + path, schema: { querystring: query, response: { 200: reply } } } as const;
}

/** Something to do, done when the answer comes: POST, its request as JSON. */
function action<B extends TSchema, A extends TSchema>(path: string, body: B, reply: A) {
  return { method: 'POST', url: apiPrefix + path, schema: { body, response: { 200: reply } } } as const;
}

/** Work that takes long: POST, answered by lines of JSON: any number of progress, then one result or one error. */
function work<B extends TSchema, R extends TSchema>(path: string, body: B, result: R) {
  return { method: 'POST', url: apiPrefix + path, schema: { body }, progress: progressView, result } as const;
}

function request<P extends Record<string, TSchema>>(properties: P) {
  return Type.Object(properties, { additionalProperties: false });
}

/** The contract of the API: the appliance serves these, the command line asks them. One route an operation. */
export const routes = {
  status: question('/status', nothing, statusView),

  pairInvite: action('/pair/invite', request({ addresses: addressList, role: peerRole }), invitationView),
  pairAccept: action('/pair/accept', request({ code: codeText }), pairingView),
  pairConfirm: action('/pair/confirm', request({ peer: nameText }), pairingView),
  pairList: question('/pair', nothing, pairingList),
  pairSetAddresses: action('/pair/addresses', request({ peer: nameText, addresses: addressList }), pairingView),
  pairRemove: action('/pair/remove', request({ peer: nameText }), Type.Object({ warnings: textList })),

  datasets: question('/datasets', nothing, datasetList),
  snapshots: question('/snapshots', request({ dataset: Type.Optional(nameText) }), snapshotList),
  snapshot: question('/snapshot', request({ reference: nameText }), snapshotView),

  replicate: work(
    '/replicate',
    request({ dataset: Type.Optional(nameText), peer: Type.Optional(nameText) }),
    replicateView,
  ),
  scrub: work('/scrub', request({ heal: Type.Boolean() }), scrubView),
  storeCheck: work('/store/check', nothing, checkView),
  storeReindex: work('/store/reindex', nothing, reindexView),
  catalogDigest: question('/catalog/digest', nothing, digestView),

  keyRotate: action('/key/rotate', nothing, Type.Object({ keyId: Type.String(), pendingOn: textList })),
  keyKit: action(
    '/key/kit',
    request({ passphrase: Type.Optional(passphraseText) }),
    Type.Object({ kitText: Type.String() }),
  ),

  agentInvite: action('/agents/invite', request({ name: nameText, addresses: addressList }), invitationView),
  agentList: question('/agents', nothing, agentList),
  agentRevoke: action('/agents/revoke', request({ name: nameText }), nothing),
};

type AnyRoute = (typeof routes)[keyof typeof routes];
export type WorkRoute = Extract<AnyRoute, { readonly result: TSchema }>;
export type PlainRoute = Exclude<AnyRoute, WorkRoute>;

/** What a route takes. */
export type RequestOf<R> = R extends { readonly schema: { readonly body: infer B extends TSchema } }
  ? Static<B>
  : R extends { readonly schema: { readonly querystring: infer Q extends TSchema } }
    ? Static<Q>
    : never;

/** What a plain route answers. */
export type ReplyOf<R> = R extends { readonly schema: { readonly response: { readonly 200: infer A extends TSchema } } }
  ? Static<A>
  : never;

/** What a work route gives in the end. */
export type ResultOf<R> = R extends { readonly result: infer A extends TSchema } ? Static<A> : never;
