import type { Codec } from '#wire';
import { codecOf } from '#wire';
import { sendFailure } from './errors.ts';
import type { MessageChannel } from './ports.ts';

/** The decoded forms of `proto/session.proto`: of each message exactly one body is set. */
export interface Acknowledged {
  belowSequence: number;
}
export interface UploadRequest {
  begin?: { datasetName: string; host: string; paths: Uint8Array[] } | null;
  have?: { batch: number; leafHashes: Uint8Array; nodeHashes: Uint8Array } | null;
  leaf?: { sequence: number; hashes: Uint8Array; compression: number; body: Uint8Array } | null;
  node?: { sequence: number; hash: Uint8Array; compression: number; body: Uint8Array } | null;
  commit?: { manifestHash: Uint8Array; records: number } | null;
}
export interface UploadBegan {
  sessionId: Uint8Array;
  datasetId: Uint8Array;
  siteId: Uint8Array;
  chunkerKey: Uint8Array;
  previousManifestHash: Uint8Array;
  windowBytes: number;
}
export interface UploadReply {
  began?: UploadBegan | null;
  have?: { batch: number; wanted: Uint8Array } | null;
  acknowledged?: Acknowledged | null;
  committed?: { snapshotId: Uint8Array } | null;
}
export interface ReadRequest {
  open?: { snapshotId: Uint8Array; fromSite: Uint8Array } | null;
  nodes?: { request: number; hashes: Uint8Array } | null;
  chunks?: { request: number; hashes: Uint8Array } | null;
}
export interface ReadFrame {
  request: number;
  places: number[];
  hashes: Uint8Array;
  compression: number;
  body: Uint8Array;
}
export interface ReadReply {
  opened?: { manifestHash: Uint8Array } | null;
  node?: { request: number; hash: Uint8Array; compression: number; body: Uint8Array } | null;
  frame?: ReadFrame | null;
  done?: { request: number; missingHashes: Uint8Array } | null;
}
export interface Offer {
  snapshotId: Uint8Array;
  datasetId: Uint8Array;
  domainId: Uint8Array;
  baseCandidates: Uint8Array[];
}
export interface ReplicateRequest {
  offer?: Offer | null;
  ids?: { batch: number; counts: number[]; ids: Uint8Array } | null;
  done?: { records: number } | null;
  working?: object | null;
}
export interface ReplicateReply {
  granted?: { sessionId: Uint8Array; baseSnapshotId: Uint8Array; windowBytes: number; opensPacked?: boolean } | null;
  alreadyHeld?: object | null;
  wanted?: { batch: number; wanted: Uint8Array } | null;
  acknowledged?: Acknowledged | null;
  proved?: object | null;
  stillMissing?: { ids: Uint8Array } | null;
  working?: object | null;
  lacking?: { firstSequence: number } | null;
}
export interface FetchRequest {
  domainId: Uint8Array;
  ids: Uint8Array;
  /** FetchPurpose of session.proto. */
  purpose?: number;
}
export interface FetchReply {
  record?: Uint8Array;
  done?: { missingIds: Uint8Array } | null;
}

const file = 'session.proto';
const codecs = {
  uploadRequest: codecOf<UploadRequest>(file, 'sitepair.session.v1.UploadRequest'),
  uploadReply: codecOf<UploadReply>(file, 'sitepair.session.v1.UploadReply'),
  readRequest: codecOf<ReadRequest>(file, 'sitepair.session.v1.ReadRequest'),
  readReply: codecOf<ReadReply>(file, 'sitepair.session.v1.ReadReply'),
  replicateRequest: codecOf<ReplicateRequest>(file, 'sitepair.session.v1.ReplicateRequest'),
  replicateReply: codecOf<ReplicateReply>(file, 'sitepair.session.v1.ReplicateReply'),
  fetchRequest: codecOf<FetchRequest>(file, 'sitepair.session.v1.FetchRequest'),
  fetchReply: codecOf<FetchReply>(file, 'sitepair.session.v1.FetchReply'),
};

/** A message channel that speaks one pair of messages. */
export interface TypedChannel<Out, In> {
  /** Rejects with what the other end said, when that is why it takes no more. */
  send(message: Out): Promise<void>;
  /** Undefined at a clean end. Rejects with `malformed_message` or what the other end said. */
  receive(): Promise<In | undefined>;
  readonly raw: MessageChannel;
}

function typed<Out extends object, In>(
  raw: MessageChannel,
  out: Codec<Out>,
  incoming: Codec<In>,
): TypedChannel<Out, In> {
  return {
    raw,
    async send(message) {
      try {
        await raw.send(out.encode(message));
      } catch (error) {
        throw sendFailure(error);
      }
    },
    async receive() {
      const bytes = await raw.receive();
      return bytes === undefined ? undefined : incoming.decode(bytes);
    },
  };
}

export const uploadClientChannel = (raw: MessageChannel) => typed(raw, codecs.uploadRequest, codecs.uploadReply);
export const uploadServerChannel = (raw: MessageChannel) => typed(raw, codecs.uploadReply, codecs.uploadRequest);
export const readClientChannel = (raw: MessageChannel) => typed(raw, codecs.readRequest, codecs.readReply);
export const readServerChannel = (raw: MessageChannel) => typed(raw, codecs.readReply, codecs.readRequest);
export const senderChannel = (raw: MessageChannel) => typed(raw, codecs.replicateRequest, codecs.replicateReply);
export const receiverChannel = (raw: MessageChannel) => typed(raw, codecs.replicateReply, codecs.replicateRequest);
export const fetchClientChannel = (raw: MessageChannel) => typed(raw, codecs.fetchRequest, codecs.fetchReply);
export const fetchServerChannel = (raw: MessageChannel) => typed(raw, codecs.fetchReply, codecs.fetchRequest);
