import { AppError, toHex } from '#runtime';
import { softwareVersion } from '../software-version.ts';
import type { Appliance } from './appliance.ts';
import { attentionOf } from './attention.ts';
import { CarriedDisks } from './carried-disks.ts';
import { scrubbedBy } from './content-sources.ts';
import { KitChange } from './kit-change.ts';
import { linkHealthViews, linkHistoryView } from './link-health-view.ts';
import { linkTestView } from './link-test-view.ts';
import type { Operations, Run } from './operations.ts';
import { pairingView } from './pairing-view.ts';
import type { Peer } from './peers.ts';
import { rotateDataKey } from './rotate-data-key.ts';
import { checkStore, scrub } from './scrub-work.ts';
import { ShapingChanges } from './shaping-changes.ts';

/** What an appliance does when it is asked: the one list of it. */
export function operationsOf(appliance: Appliance): Operations {
  const { pairing, unpairing, door, peers, realm, book, store, catalog, identity, keys } = appliance;
  const view = (peer: Peer) => pairingView(peer, appliance.links.state(peer.siteId));
  const shown = () => [...peers.all(), ...peers.ended()].map(view);
  const carried = new CarriedDisks(appliance);
  const kitChange = new KitChange(appliance);
  const limits = new ShapingChanges(appliance.shapingFile, appliance.shaping, peers);
  return {
    status: () => {
      const { packs, records, bytes } = store.statistics();
      const views = shown();
      return {
        site: appliance.site.name,
        siteId: toHex(identity.siteId),
        realmId: toHex(keys.keyring.realmId),
        address: appliance.site.address,
        version: softwareVersion(),
        incarnation: catalog.incarnation()?.number ?? 0,
        listening: appliance.listening,
        store: { packs, records, bytes, freeBytes: appliance.machine.facts?.freeBytes ?? 0 },
        peers: views,
        attention: attentionOf(appliance, views),
      };
    },
    serveClient: (mux) => appliance.clients.serve(mux),
    pairInvite: async ({ addresses, role }) =>
      appliance.invitations.make(identity, reachableAt(appliance, addresses), role),
    pairAccept: async ({ code }) => view(await door.accept(code)),
    pairConfirm: async ({ peer }) => view(await pairing.confirm(peer)),
    pairList: shown,
    pairSetAddresses: async ({ peer, addresses }) => {
      const changed = peers.change(peers.named(peer).siteId, { addresses, addressesAreSet: addresses.length > 0 });
      appliance.links.keep(changed.siteId);
      return view(changed);
    },
    pairRemove: ({ peer }) => unpairing.remove(peer),
    agentInvite: async ({ name, addresses }) => appliance.agents.invite(name, reachableAt(appliance, addresses)),
    agentList: () => appliance.agents.list(),
    agentRevoke: async ({ name }) => {
      await appliance.agents.revoke(name);
      return { name };
    },
    datasets: () => book.datasets(),
    snapshots: ({ dataset }) => book.snapshots(dataset),
    snapshot: ({ reference }) => book.snapshot(reference),
    replicate: (request, run) => replicate(appliance, request, run),
    replicateExport: (request, run) => carried.writeTo(request, run),
    replicateImport: (request, run) => carried.takeFrom(request, run),
    scrub: async ({ heal }, run) => scrub(await scrubbedBy(appliance), heal, run),
    storeCheck: async (run) => checkStore(await scrubbedBy(appliance), run),
    storeReindex: async (run) => {
      run.progress({ doing: 'making the index anew', doneBytes: 0 });
      await store.reindex();
      const { packs, records } = store.statistics();
      return { packs, records };
    },
    catalogDigest: () => ({
      digest: toHex(catalog.digest()),
      heads: catalog.heads().map((head) => ({
        site: realm.siteName(head.siteId),
        incarnation: toHex(head.incarnationId).slice(0, 8),
        sequence: head.seq,
      })),
    }),
    linkLimits: () => limits.view(),
    linkLimit: (request) => limits.setRate(request),
    linkWindow: (request) => limits.changeWindows(request),
    linkHold: (request) => limits.hold(request),
    linkClass: (request) => limits.setClass(request),
    linkHealth: ({ peer }) => linkHealthViews(appliance, peer),
    linkHistory: (request) => linkHistoryView(appliance, request),
    linkTest: (request, run) => linkTestView(appliance, request.peer, run),
    keyRotate: () => rotateDataKey(appliance),
    keyKit: ({ passphrase }) => kitChange.make(passphrase),
    keyKitKept: async ({ kitId }) => ({ pendingOn: [...(await kitChange.keep(kitId))] }),
  };
}

async function replicate(
  appliance: Appliance,
  request: { readonly dataset?: string; readonly peer?: string },
  run: Run,
) {
  const { peers, replicator } = appliance;
  const wanted = request.peer === undefined ? peers.paired() : [peers.named(request.peer)];
  if (wanted.length === 0) throw noPeer();
  const results = [];
  for (const peer of wanted) results.push(await replicator.bring(peer, request.dataset, run));
  return { peers: results };
}

/** The addresses for an invitation: those given, else what this listens on. */
function reachableAt({ realm }: Appliance, given: readonly string[]): readonly string[] {
  const addresses = given.length > 0 ? given : realm.introduction().addresses;
  if (addresses.length === 0) throw notListening();
  return addresses;
}

function notListening(): AppError {
  return new AppError('nobody can reach this appliance: it listens on no address', {
    code: 'not_listening',
    advice: 'Start it with "sitepair serve --listen HOST:PORT", or name an address that leads here with --address.',
  });
}

function noPeer(): AppError {
  return new AppError('this site has no peer: one site is one fire', {
    code: 'no_peer',
    advice: 'Pair with another appliance: "sitepair pair invite --help".',
  });
}
