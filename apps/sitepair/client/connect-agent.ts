import { handshakePublicOf } from '#keys';
import { dialLink, type Link } from '#link';
import { AppError, isAppError } from '#runtime';
import { type QueryRequest, queryRequestCodec, readPage } from '../appliance/agent-query.ts';
import type { DatasetView, SnapshotView } from '../appliance/operations.ts';
import { type AgentFolder, readAgentFolder } from './agent-folder.ts';
import { agentLinkSettings } from './agent-settings.ts';
import type { ApplianceApi } from './api-client.ts';
import { overMux } from './appliance-gone.ts';
import type { ApplianceConnection } from './connect-appliance.ts';

/** Dials the appliance whose agent this folder is. Throws `appliance_unreachable`, `agent_refused`. */
export async function connectAgent(stateFolder: string): Promise<ApplianceConnection> {
  const agent = readAgentFolder(stateFolder);
  const link = await dial(agent);
  return {
    api: agentApi(agent, link, stateFolder),
    isPrivate: false,
    open: (service) => link.open(service, 'bulk'),
    [Symbol.asyncDispose]: async () => void (await link.close()),
  };
}

async function dial(agent: AgentFolder): Promise<Link> {
  const { siteId, applianceKey, addresses, secret, identity } = agent;
  const peerStaticPublic = handshakePublicOf(applianceKey);
  const pair = { peerSiteId: siteId, peerStaticPublic, psk: secret, role: 'appliance', addresses };
  const settings = agentLinkSettings(identity);
  let failure: AppError | undefined;
  for (const address of addresses) {
    try {
      return await dialLink(address, pair, settings, () => undefined);
    } catch (error) {
      if (!isAppError(error)) throw error;
      // Whoever answers and does not let us in says more than an address at which nobody is.
      if (failure === undefined || failure.code === 'dial_failed') failure = error;
    }
  }
  throw isAppError(failure, 'dial_failed') ? unreachable(agent, failure) : refused(agent, failure);
}

/** What agents ask goes over the link; everything else is the appliance's business. */
function agentApi(agent: AgentFolder, link: Link, stateFolder: string): ApplianceApi {
  const ask = (request: QueryRequest) => overMux(() => query(link, request));
  const answers: Record<string, (asked: Record<string, string>) => Promise<unknown>> = {
    datasets: async () => (await ask({ datasets: {} })).datasets,
    snapshots: async ({ dataset }) => (await ask({ snapshots: { dataset: dataset ?? '' } })).snapshots,
    snapshot: async ({ reference }) => (await ask({ snapshot: { reference: reference ?? '' } })).snapshots[0],
  };
  return {
    call: async (operation, asked) => {
      const answer = answers[operation];
      if (answer === undefined) throw notAnAppliance(agent, stateFolder);
      return (await answer(asked as Record<string, string>)) as never;
    },
    run: async () => {
      throw notAnAppliance(agent, stateFolder);
    },
  };
}

async function query(link: Link, request: QueryRequest) {
  const channel = await link.open('query', 'control');
  await channel.send(queryRequestCodec.encode(request));
  const datasets: DatasetView[] = [];
  const snapshots: SnapshotView[] = [];
  for (let bytes = await channel.receive(); bytes !== undefined; bytes = await channel.receive()) {
    const page = readPage(bytes);
    datasets.push(...page.datasets);
    snapshots.push(...page.snapshots);
  }
  await channel.end();
  return { datasets, snapshots };
}

function notAnAppliance({ name, site }: AgentFolder, stateFolder: string): AppError {
  return new AppError(`${stateFolder} is the state of agent "${name}": it can only back up, list and restore`, {
    code: 'not_an_appliance',
    advice: `Run this at the appliance of ${site}.`,
  });
}

function unreachable({ site, addresses }: AgentFolder, cause: AppError | undefined): AppError {
  return new AppError(`the appliance of ${site} cannot be reached at ${addresses.join(' or ')}`, {
    code: 'appliance_unreachable',
    retryable: true,
    advice: 'Check that "sitepair serve" runs there with --listen, and that a firewall lets this machine through.',
    cause,
  });
}

function refused({ name, site }: AgentFolder, cause: AppError | undefined): AppError {
  return new AppError(`the appliance of ${site} does not let agent "${name}" in`, {
    code: 'agent_refused',
    advice:
      'Look with "sitepair agent list" there: it was revoked, or the appliance was rebuilt. Enrol with a new invitation.',
    cause,
  });
}
