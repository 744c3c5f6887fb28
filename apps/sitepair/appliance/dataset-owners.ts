import type { Catalog } from '#catalog';
import { asId } from '#model';
import { datasetTaken, tooMany } from './agent-errors.ts';

/** Far above what one machine divides its data into; the names stand in one entry of the log. */
const datasetsMax = 64;

/**
 * Whose a dataset is, as the catalog has it, so that it outlives the appliance: an agent's, by the agent's name, or the
 * site's own. Nobody else writes to an agent's dataset, since the agent may read all that is in it.
 */
export class DatasetOwners {
  readonly #catalog: Catalog;
  readonly #siteId: Uint8Array;

  constructor(catalog: Catalog, siteId: Uint8Array) {
    this.#catalog = catalog;
    this.#siteId = siteId;
  }

  /** Names of the datasets of all agents that have or had this name: a successor gets what its predecessor had. */
  ownedBy(agent: string): readonly string[] {
    const rows = this.#rows().filter((row) => row.name === agent);
    return [...new Set(rows.flatMap((row) => [...row.datasetNames]))];
  }

  /** Undefined: the site's own, or nobody's yet. */
  ownerOf(dataset: string): string | undefined {
    return this.#rows().find((row) => row.datasetNames.includes(dataset))?.name;
  }

  /** Lets a writer (undefined: the admin) use a name, which an agent claims by its first use. Throws `dataset_taken`. */
  async admit(
    dataset: string,
    agent: { readonly name: string; readonly identityKey: Uint8Array } | undefined,
    exists: boolean,
  ): Promise<void> {
    const owner = this.ownerOf(dataset);
    if (owner === agent?.name) return;
    if (agent === undefined || owner !== undefined || exists) throw datasetTaken(dataset);
    const owned = this.ownedBy(agent.name);
    if (owned.length >= datasetsMax) throw tooMany('datasets of this machine', datasetsMax);
    const { name, identityKey: publicKey } = agent;
    await this.#catalog.append([{ kind: 'agentEnrolled', name, publicKey, datasetNames: [...owned, dataset] }]);
  }

  #rows() {
    return this.#catalog.views.agents(asId('SiteId', this.#siteId)).filter((row) => row.name !== undefined);
  }
}
