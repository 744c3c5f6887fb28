import type { Catalog, DatasetView } from '#catalog';
import type { Channel, Link } from '#link';
import { asId, parseSnapshotReference } from '#model';
import { receiveUpload, serveReads, VisibleIds } from '#replication';
import { AppError, equalBytes, toHex } from '#runtime';
import type { TrafficClass } from '#shaper';
import { notForAgents } from './agent-errors.ts';
import type { Agent } from './agent-file.ts';
import { datasetPages, queryRequestCodec, snapshotPages } from './agent-query.ts';
import type { Agents } from './agents.ts';
import type { ClientServices } from './client-services.ts';
import type { DatasetOwners } from './dataset-owners.ts';
import type { SnapshotView } from './operations.ts';
import type { SnapshotBook } from './snapshot-book.ts';

export interface AgentServicesOptions {
  readonly siteId: Uint8Array;
  readonly siteName: string;
  readonly catalog: Catalog;
  readonly clients: ClientServices;
  readonly book: SnapshotBook;
  readonly owners: DatasetOwners;
  readonly agents: () => Agents;
}

const refusedServices = ['pair', 'catalog', 'replicate', 'records', 'fetch'];
/** Uploads that ended early and are remembered until they are taken up again; of more the oldest begin anew. */
const unfinishedMax = 64;
const beginBytesMax = 65_536;
/** Of one agent at once: each may hold a window of records in memory; one backup needs one. */
const uploadsMax = 4;

/** What an agent may do over its link: back up into its own datasets, read and list them. Everything else is refused. */
export class AgentServices {
  readonly #options: AgentServicesOptions;
  /** What unfinished sessions have brought, by agent and dataset. */
  readonly #unfinished = new Map<string, VisibleIds>();
  /** Uploads under way, by agent. */
  readonly #uploads = new Map<string, number>();

  constructor(options: AgentServicesOptions) {
    this.#options = options;
  }

  /** Registers everything in the turn in which a link is there; each channel is judged when it is opened. */
  serve(link: Link): void {
    const agent = () => this.#options.agents().of(link);
    const serve = (service: string, trafficClass: TrafficClass, work: (channel: Channel) => Promise<void>) =>
      link.serve(service, (channel) => {
        channel.trafficClass = trafficClass;
        return work(channel);
      });
    serve('upload', 'interactive', (channel) => this.#receive(channel, agent));
    serve('read', 'restore', async (channel) => this.#serveReads(channel, agent()));
    serve('query', 'interactive', async (channel) => this.#answer(channel, agent()));
    for (const service of refusedServices)
      link.serve(service, async () => {
        throw notForAgents(service);
      });
  }

  async #receive(channel: Channel, agentNow: () => Agent): Promise<void> {
    const agent = agentNow();
    const key = toHex(agent.agentId);
    const running = this.#uploads.get(key) ?? 0;
    if (running >= uploadsMax) throw tooManyUploads();
    this.#uploads.set(key, running + 1);
    try {
      await this.#receiveOf(channel, agent, agentNow);
    } finally {
      const left = (this.#uploads.get(key) ?? 1) - 1;
      if (left === 0) this.#uploads.delete(key);
      else this.#uploads.set(key, left);
    }
  }

  async #receiveOf(channel: Channel, agent: Agent, agentNow: () => Agent): Promise<void> {
    const { clients } = this.#options;
    await receiveUpload(channel, {
      ...clients.uploadParts(),
      checkHashes: true,
      begin: async (begin) => {
        const bytes = begin.host.length + begin.paths.reduce((sum, path) => sum + path.length + 4, 0);
        if (begin.host.length > 255 || bytes > beginBytesMax) throw tooLong();
        const target = await clients.begin(begin, agent);
        return { ...target, visible: this.#visible(agent, target.datasetId) };
      },
      recordSnapshot: async (target, snapshotId, manifest) => {
        // Whoever was revoked in the meantime makes no snapshot any more.
        agentNow();
        await clients.record(target, snapshotId, manifest);
        this.#unfinished.delete(keyOf(agent, target.datasetId));
      },
    });
  }

  async #serveReads(channel: Channel, agent: Agent): Promise<void> {
    await serveReads(channel, {
      ...this.#options.clients.readParts(),
      open: (snapshotId) => {
        const snapshot = this.#ownSnapshots(agent, toHex(snapshotId), 1)[0];
        if (snapshot === undefined) throw snapshotUnknown();
        return { domainId: snapshot.domainId };
      },
      cutOut: true,
    });
  }

  async #answer(channel: Channel, agent: Agent): Promise<void> {
    const request = await channel.receive();
    if (request === undefined) return;
    const { datasets, snapshots, snapshot } = queryRequestCodec.decode(request);
    const pages = datasets
      ? datasetPages(this.#datasets(agent))
      : snapshots
        ? snapshotPages(this.#list(agent, snapshots.dataset))
        : snapshotPages(snapshot ? [this.#find(agent, snapshot.reference)] : []);
    for (const page of pages) await channel.send(page);
  }

  #datasets(agent: Agent) {
    const own = new Set(this.#ownDatasets(agent).map((row) => toHex(row.datasetId)));
    return this.#options.book.datasets().filter((view) => own.has(view.datasetId));
  }

  #list(agent: Agent, wanted: string): SnapshotView[] {
    const own = this.#ownDatasets(agent).flatMap((row) => row.name ?? []);
    const name = wanted === '' ? undefined : this.#localName(wanted);
    if (name !== undefined && !own.includes(name)) throw datasetUnknown(wanted, own);
    return [...new Set(own)]
      .filter((one) => name === undefined || one === name)
      .flatMap((one) => this.#options.book.snapshots(one));
  }

  /** What a reference means among the agent's own: what others have neither answers it nor makes it ambiguous. */
  #find(agent: Agent, text: string): SnapshotView {
    const { book } = this.#options;
    const reference = parseSnapshotReference(text);
    if (reference.by === 'id') {
      const found = this.#ownSnapshots(agent, reference.prefix, 2);
      if (found.length === 1 && found[0] !== undefined) return book.snapshot(toHex(found[0].snapshotId));
      throw found.length === 0 ? snapshotUnknown() : snapshotAmbiguous(reference.prefix);
    }
    const own = this.#ownDatasets(agent).flatMap((row) => row.name ?? []);
    const { dataset, site, at } = reference;
    if (this.#localName(site === undefined ? dataset : `${site}/${dataset}`) !== dataset || !own.includes(dataset))
      throw datasetUnknown(dataset, own);
    return book.snapshot(`${dataset}@${at}`);
  }

  /** Of [SITE/]DATASET the dataset, when the site is this one. */
  #localName(text: string): string | undefined {
    const slash = text.indexOf('/');
    if (slash < 0) return text;
    return text.slice(0, slash) === this.#options.siteName ? text.slice(slash + 1) : undefined;
  }

  #ownDatasets(agent: Agent): DatasetView[] {
    const { owners, catalog, siteId } = this.#options;
    const rows = owners.ownedBy(agent.name).flatMap((name) => catalog.views.datasetsNamed(name));
    return rows.filter((row) => equalBytes(row.siteId, siteId));
  }

  #ownSnapshots(agent: Agent, prefix: string, max: number) {
    const { catalog, siteId } = this.#options;
    const own = new Set(this.#ownDatasets(agent).map((row) => toHex(row.datasetId)));
    return catalog.views
      .snapshotsById(prefix, 1000)
      .filter((row) => equalBytes(row.siteId, siteId) && own.has(toHex(row.datasetId)))
      .slice(0, max);
  }

  #visible(agent: Agent, datasetId: Uint8Array): VisibleIds {
    const key = keyOf(agent, datasetId);
    const visible = this.#unfinished.get(key) ?? new VisibleIds();
    // The newest last, so that the oldest goes.
    this.#unfinished.delete(key);
    this.#unfinished.set(key, visible);
    const [oldest] = this.#unfinished.keys();
    if (this.#unfinished.size > unfinishedMax && oldest !== undefined) this.#unfinished.delete(oldest);
    return visible;
  }
}

function keyOf(agent: Agent, datasetId: Uint8Array): string {
  return toHex(agent.agentId) + toHex(asId('DatasetId', datasetId));
}

function snapshotUnknown(): AppError {
  return new AppError('this machine has no such snapshot', {
    code: 'snapshot_unknown',
    advice: 'List those there are with "sitepair snapshots".',
  });
}

function snapshotAmbiguous(prefix: string): AppError {
  return new AppError(`several snapshots begin with ${prefix}`, {
    code: 'snapshot_ambiguous',
    advice: 'Give more digits: "sitepair snapshots" has them.',
  });
}

function datasetUnknown(name: string, own: readonly string[]): AppError {
  return new AppError(`this machine has no dataset "${name.slice(0, 80)}"`, {
    code: 'dataset_unknown',
    advice:
      own.length > 0
        ? `Choose one of: ${own.slice(0, 20).join(', ')}.`
        : 'Make the first one: "sitepair backup PATH --dataset NAME".',
  });
}

function tooManyUploads(): AppError {
  return new AppError(`this machine has ${uploadsMax} uploads under way already`, {
    code: 'too_many_uploads',
    retryable: true,
    advice: 'Wait until one of them has ended, then run the command again.',
  });
}

function tooLong(): AppError {
  return new AppError('the list of paths is too long', {
    code: 'paths_too_long',
    advice: 'Name folders instead of the files in them.',
  });
}
