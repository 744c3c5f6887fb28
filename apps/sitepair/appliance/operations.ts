import type { Mux } from '#link';
import type { LinkHealthView, LinkHistoryView } from './link-health-view.ts';
import type { LinkTestView } from './link-test-view.ts';

/** Everything that people and programs may ask of an appliance: the HTTP API is this, and the command line is its client. */
export interface Operations {
  status(): Status;
  /** What a client connected on control.sock (the admin) speaks: services "upload" and "read" on its mux. */
  serveClient(mux: Mux): void;

  pairInvite(request: { readonly addresses: readonly string[]; readonly role: PeerRole }): Promise<Invitation>;
  /** Dials the inviter; returns once both ends know each other and the words can be compared. */
  pairAccept(request: { readonly code: string }): Promise<PairingView>;
  /** This end's admin says that the words agree. Returns when that is noted; `state` says whether the other end has confirmed too. */
  pairConfirm(request: { readonly peer: string }): Promise<PairingView>;
  pairList(): PairingView[];
  pairSetAddresses(request: { readonly peer: string; readonly addresses: readonly string[] }): Promise<PairingView>;
  pairRemove(request: { readonly peer: string }): Promise<{ readonly warnings: readonly string[] }>;

  agentInvite(request: { readonly name: string; readonly addresses: readonly string[] }): Promise<Invitation>;
  agentList(): AgentView[];
  agentRevoke(request: { readonly name: string }): Promise<{ readonly name: string }>;

  datasets(): DatasetView[];
  snapshots(request: { readonly dataset?: string }): SnapshotView[];
  /** Resolves [SITE/]DATASET@latest, @TIME, or an id prefix. Throws `snapshot_unknown`, `snapshot_ambiguous`. */
  snapshot(request: { readonly reference: string }): SnapshotView;

  replicate(request: { readonly dataset?: string; readonly peer?: string }, run: Run): Promise<ReplicateResult>;
  /** Writes what a peer lacks into a folder on a disk that is carried there. */
  replicateExport(
    request: { readonly folder: string; readonly peer?: string; readonly dataset?: string; readonly anew?: boolean },
    run: Run,
  ): Promise<CarriedExportView>;
  /** Takes what such a folder brings. */
  replicateImport(request: { readonly folder: string }, run: Run): Promise<CarriedImportView>;
  scrub(request: { readonly heal: boolean }, run: Run): Promise<ScrubResult>;
  storeCheck(run: Run): Promise<CheckResult>;
  storeReindex(run: Run): Promise<{ readonly records: number; readonly packs: number }>;
  catalogDigest(): { readonly digest: string; readonly heads: readonly HeadView[] };

  /** All limits: what is set, and what is in force now. */
  linkLimits(): LimitsView;
  /** `rate` as people write it, "none" for no limit. Without a peer it is of all links together. Throws `bad_rate`, `peer_unknown`. */
  linkLimit(request: LimitScope & { readonly rate: string }): LimitsView;
  linkWindow(request: LimitScope & { readonly add?: WindowSpec; readonly remove?: number }): LimitsView;
  /** Full speed or pause, both ways, until a time or until `resume`, which takes back both. Without a peer: all links. */
  linkHold(request: {
    readonly peer?: string;
    readonly hold: 'full_speed' | 'pause' | 'resume';
    readonly untilSeconds?: number;
  }): LimitsView;
  linkClass(request: { readonly dataset: string; readonly trafficClass: string }): LimitsView;

  /** How the links are: of one peer, or of all. */
  linkHealth(request: { readonly peer?: string }): LinkHealthView[];
  /** How one was: counts of the last seconds, minutes or hours. */
  linkHistory(request: {
    readonly peer: string;
    readonly sinceSeconds: number;
    readonly stepSeconds?: number;
  }): LinkHistoryView;
  /** What the line to a peer gives: fills it for 10 s, within the limit. Throws `peer_unreachable`, `link_paused`, `line_test_busy`. */
  linkTest(request: { readonly peer: string }, run: Run): Promise<LinkTestView>;

  keyRotate(): Promise<{ readonly keyId: string; readonly pendingOn: readonly string[] }>;
  /** A new recovery kit. The old one stays valid beside it until `keyKitKept` is called with its id. */
  keyKit(request: { readonly passphrase?: string }): Promise<{ readonly kitText: string; readonly kitId: string }>;
  /** The new kit is in its owner's hands: every other one of this site is void. Names the peers that have not heard. */
  keyKitKept(request: { readonly kitId: string }): Promise<{ readonly pendingOn: readonly string[] }>;
}

/** Progress and cancelling of one long piece of work. */
export interface Run {
  readonly signal: AbortSignal;
  progress(progress: Progress): void;
}

export interface Progress {
  /** One short phrase: what is being done now ("replicating north/mail@... to south"). */
  readonly doing: string;
  readonly doneBytes: number;
  /** Absent while nobody knows. */
  readonly totalBytes?: number;
  readonly doneItems?: number;
  readonly totalItems?: number;
}

export type PeerRole = 'full' | 'blind';

export interface Status {
  readonly site: string;
  readonly siteId: string;
  readonly realmId: string;
  readonly address: string;
  readonly version: string;
  readonly incarnation: number;
  readonly listening: readonly string[];
  readonly store: {
    readonly packs: number;
    readonly records: number;
    readonly bytes: number;
    readonly freeBytes: number;
  };
  readonly peers: readonly PairingView[];
  /** Sentences that need an admin: "one site is one fire", a pending key, damage, a clock off by years. */
  readonly attention: readonly string[];
}

export interface Invitation {
  readonly code: string;
  readonly expiresAt: string;
  readonly addresses: readonly string[];
}

export interface PairingView {
  readonly peer: string;
  readonly siteId: string;
  readonly role: PeerRole;
  readonly state: 'words' | 'waiting_for_peer' | 'paired' | 'removed';
  /** Six words to compare; only while pairing. */
  readonly words: readonly string[];
  readonly fingerprint: string;
  readonly addresses: readonly string[];
  readonly link: 'up' | 'down' | 'none';
  /** Why it is down, or since when it is up. */
  readonly linkDetail: string;
  /** Of one that was removed: by whom and when, what it means and what to do; else empty. */
  readonly ended: string;
}

export interface AgentView {
  readonly name: string;
  /** "must_enroll_again": the log knows it, but the appliance was rebuilt since. */
  readonly state: 'enrolled' | 'must_enroll_again' | 'revoked';
  readonly enrolledAt: string;
  readonly fingerprint: string;
  readonly datasets: readonly string[];
  readonly connected: boolean;
}

export interface DatasetView {
  readonly name: string;
  readonly site: string;
  readonly datasetId: string;
  readonly snapshots: number;
  readonly latest: string | undefined;
}

export interface SnapshotView {
  readonly id: string;
  readonly site: string;
  readonly dataset: string;
  /** SITE/DATASET@TIME: a reference that names exactly this one. */
  readonly name: string;
  readonly startedAt: string;
  readonly host: string;
  readonly paths: readonly string[];
  readonly files: number;
  readonly contentBytes: number;
  readonly problems: number;
  /** Names of the sites that hold it, proved. */
  readonly copies: readonly string[];
}

export interface LimitScope {
  readonly peer?: string;
  /** Up: what this site sends. Down: what it takes in. */
  readonly direction: 'up' | 'down';
}

export interface WindowSpec {
  /** 1 is Monday. */
  readonly days: readonly number[];
  /** HH:MM. */
  readonly from: string;
  readonly to: string;
  readonly rate: string;
}

export interface LimitsView {
  readonly timeZone: string;
  readonly limits: readonly LimitView[];
  /** Datasets that are not of class backup. */
  readonly classes: readonly { readonly dataset: string; readonly trafficClass: string }[];
}

export interface LimitView {
  /** Absent: all links together. */
  readonly peer?: string;
  readonly direction: 'up' | 'down';
  readonly rate: string;
  readonly windows: readonly WindowSpec[];
  /** What holds now, and why; a peer that takes in less is counted. */
  readonly now: string;
  readonly why: string;
  /** Until when a pause or full speed lasts; absent: until it is taken back. */
  readonly until?: string;
}

export interface ReplicateResult {
  readonly peers: readonly {
    readonly peer: string;
    readonly snapshots: number;
    readonly alreadyThere: number;
    /** Of all files of the snapshots that were sent; 0 where this site cannot read them. */
    readonly contentBytes: number;
    /** Records as they lie in packs, as far as the peer lacked them. */
    readonly newBytes: number;
    readonly sentRecords: number;
    /** What brought the records: less than they are, where the peer had something like them. */
    readonly sentBytes: number;
    /** All messages, both ways. */
    readonly lineBytes: number;
    readonly seconds: number;
  }[];
}

export interface CarriedExportView {
  readonly peer: string;
  readonly disk: string;
  readonly snapshots: number;
  readonly writtenRecords: number;
  readonly writtenBytes: number;
  /** All packs on the disk. */
  readonly diskBytes: number;
  /** For another disk: this one is full. 0 when all that the peer lacks is on its way. */
  readonly leftBytes: number;
  /** Disks written before that the peer needs, too. */
  readonly otherDisks: number;
}

export interface CarriedImportView {
  readonly peer: string;
  readonly disk: string;
  /** SITE/DATASET@TIME of those that are whole here now. */
  readonly snapshots: readonly string[];
  readonly alreadyHeld: number;
  /** `missing` is the number of contents, counted to 4096. */
  readonly incomplete: readonly { readonly snapshot: string; readonly missing: number }[];
  readonly takenRecords: number;
  readonly takenBytes: number;
}

export interface ScrubFinding {
  readonly pack: string;
  readonly offset: number;
  readonly what: string;
  /** SITE/DATASET and file paths that would suffer; empty when nothing reachable is hurt. */
  readonly affects: readonly { readonly snapshot: string; readonly path: string }[];
  readonly healed: boolean;
}

export interface ScrubResult {
  readonly packs: number;
  readonly bytes: number;
  readonly findings: readonly ScrubFinding[];
}

export interface CheckResult {
  readonly packs: number;
  readonly records: number;
  readonly snapshots: number;
  readonly findings: readonly string[];
}

export interface HeadView {
  readonly site: string;
  /** The beginning of the incarnation's id. */
  readonly incarnation: string;
  readonly sequence: number;
}
