import { AppError } from '#runtime';
import type { PairingView } from '../../appliance/operations.ts';
import type { ApplianceApi } from '../../client/api-client.ts';
import { collect, type SitepairCommand } from '../command.ts';
import type { Invocation } from '../invocation.ts';
import { invitationText, linkTable, pairingSentence, wordsText } from './pairing-text.ts';

export function addPair(program: SitepairCommand, invocation: Invocation): void {
  const pair = program
    .command('pair')
    .summary('trust between two sites')
    .description('Makes two sites peers. One invites, the other accepts, and both admins confirm the same six words.')
    .teach([
      { run: 'sitepair pair invite', what: 'at the first site: shows a code' },
      { run: 'sitepair pair accept CODE', what: 'at the second site: shows six words and asks whether they agree' },
      { run: 'sitepair pair confirm south', what: 'at the first site: the words agree' },
    ]);
  addInvite(pair, invocation);
  addAccept(pair, invocation);
  addConfirm(pair, invocation);
  addList(pair, invocation);
  addSetAddress(pair, invocation);
  addRemove(pair, invocation);
}

function addInvite(pair: SitepairCommand, invocation: Invocation): void {
  pair
    .command('invite')
    .summary('invite another site')
    .description('Shows a code, as text and QR, that lets one other site begin to pair with this one.')
    .option(
      '--address <host:port>',
      'where the other site reaches this one; may be repeated (default: what it listens on)',
      collect,
    )
    .option('--blind', 'the other site will hold, scrub and return what it cannot read')
    .teach(
      [
        {
          run: 'sitepair pair invite --address backup.example.org:7400',
          what: 'for a site behind NAT: the address as seen from outside',
        },
        { run: 'sitepair pair invite --blind', what: 'for a site that others run' },
        { run: 'sitepair pair invite --json', what: 'prints {"code": ...} for scripts' },
      ],
      ['Send the code by a way that strangers do not read. It is good once.'],
    )
    .action(async ({ address, blind }: { address?: string[]; blind?: true }) => {
      await using appliance = await invocation.connect();
      const invitation = await appliance.api.call('pairInvite', {
        addresses: address ?? [],
        role: blind ? 'blind' : 'full',
      });
      const text = invocation.json
        ? ''
        : await invitationText(invitation, 'At the other site: sitepair pair accept CODE');
      invocation.print(invitation, () => text);
    });
}

function addAccept(pair: SitepairCommand, invocation: Invocation): void {
  pair
    .command('accept')
    .summary('take the invitation of another site')
    .description(
      'Dials the site that invited, and shows six words. When both sites show the same, nobody is in between.',
    )
    .argument('<code>', 'what "sitepair pair invite" showed there')
    .teach(
      [
        {
          run: 'sitepair pair accept sp1-...',
          what: 'shows the words and asks whether they agree; yes confirms this end',
        },
        { run: 'sitepair pair accept sp1-... --yes', what: 'confirms this end without asking, for scripts' },
      ],
      ['Without a terminal and without --yes this end stays unconfirmed: sitepair pair confirm PEER.'],
    )
    .action(async (code: string) => {
      await using appliance = await invocation.connect();
      const pairing = await appliance.api.call('pairAccept', { code });
      const canDecide = invocation.yes || (invocation.terminal.canAsk && !invocation.json);
      const now = canDecide ? await decide(pairing, appliance.api, invocation) : pairing;
      invocation.print(now, () => `${canDecide ? '' : wordsText(pairing)}${pairingSentence(now)}`);
    });
}

function addConfirm(pair: SitepairCommand, invocation: Invocation): void {
  pair
    .command('confirm')
    .summary('say that the six words agree')
    .description('Confirms this end of a pairing. The sites are peers once both ends are confirmed.')
    .argument('<peer>', 'name of the other site')
    .teach([
      { run: 'sitepair pair confirm south', what: 'shows the words and asks whether they agree' },
      { run: 'sitepair pair confirm south --yes', what: 'they were compared already' },
    ])
    .action(async (peer: string) => {
      await using appliance = await invocation.connect();
      const pairing = await findPairing(appliance.api, peer);
      const now = pairing.state === 'words' ? await decide(pairing, appliance.api, invocation) : pairing;
      invocation.print(now, () => pairingSentence(now));
    });
}

/** Asks whether the words agree. Yes confirms this end; no ends the pairing, because somebody may be in between. */
async function decide(pairing: PairingView, api: ApplianceApi, invocation: Invocation): Promise<PairingView> {
  if (!invocation.yes) invocation.note(wordsText(pairing));
  const { peer } = pairing;
  if (await invocation.confirm('Do the words agree at both ends?')) return api.call('pairConfirm', { peer });
  await api.call('pairRemove', { peer });
  throw new AppError(`the words did not agree: the pairing with ${peer} is removed again`, {
    code: 'words_disagree',
    advice: 'Somebody may be between the sites. Make a new invitation, and send it by another way.',
  });
}

function addList(pair: SitepairCommand, invocation: Invocation): void {
  pair
    .command('list')
    .summary('peers and pairings under way')
    .description('Lists the peers of this site, pairings that wait for somebody, and those that have ended.')
    .teach([
      { run: 'sitepair pair list', what: 'one line a peer' },
      { run: "sitepair pair list --json | jq -r '.[].peer'", what: 'names only' },
    ])
    .action(async () => {
      await using appliance = await invocation.connect();
      const pairings = await appliance.api.call('pairList', {});
      invocation.print(pairings, () =>
        pairings.length === 0
          ? 'No peers: one site is one fire. Invite one: sitepair pair invite'
          : [linkTable(pairings), ...pairings.flatMap(({ ended }) => (ended === '' ? [] : [`! ${ended}`]))].join('\n'),
      );
    });
}

function addSetAddress(pair: SitepairCommand, invocation: Invocation): void {
  pair
    .command('set-address')
    .summary('where a peer is reached')
    .description('Replaces the addresses under which this site dials a peer.')
    .argument('<peer>', 'name of the other site')
    .argument('<host:port...>', 'its addresses, the best one first')
    .teach([
      { run: 'sitepair pair set-address south south.example.org:7400', what: 'the peer has moved' },
      { run: 'sitepair pair set-address south 10.0.0.7:7400 192.0.2.7:7400', what: 'two ways to the same peer' },
    ])
    .action(async (peer: string, addresses: string[]) => {
      await using appliance = await invocation.connect();
      const pairing = await appliance.api.call('pairSetAddresses', { peer, addresses });
      invocation.print(pairing, () => `${peer} is dialled at ${pairing.addresses.join(', then ')}.`);
    });
}

function addRemove(pair: SitepairCommand, invocation: Invocation): void {
  pair
    .command('remove')
    .summary('end the trust in a peer')
    .description(
      'Ends a pairing; of one that has ended already, takes it off the list. New data is sealed under keys that the removed site does not get.',
    )
    .argument('<peer>', 'name of the other site')
    .teach(
      [
        { run: 'sitepair pair remove south', what: 'asks first' },
        { run: 'sitepair pair remove south --yes', what: 'does not ask' },
      ],
      ['What the removed site had it can still read: only new data is closed to it.'],
      'the removal has consequences that are listed',
    )
    .action(async (peer: string) => {
      await using appliance = await invocation.connect();
      const { state } = await findPairing(appliance.api, peer);
      if (state === 'removed') {
        const dismissed = await appliance.api.call('pairRemove', { peer });
        return invocation.print(dismissed, () => `The ended pairing with ${peer} is off the list.`);
      }
      const sure = await invocation.confirm(`Remove ${peer}? What it holds it can still read; nothing new goes there.`);
      if (!sure) return invocation.note('Nothing was changed.');
      const removed = await appliance.api.call('pairRemove', { peer });
      if (removed.warnings.length > 0) invocation.exitCode = 3;
      invocation.print(removed, () =>
        [`${peer} is removed.`, ...removed.warnings.map((text) => `! ${text}`)].join('\n'),
      );
    });
}

async function findPairing(api: ApplianceApi, peer: string): Promise<PairingView> {
  const pairings = await api.call('pairList', {});
  const live = pairings.find((pairing) => pairing.peer === peer && pairing.state !== 'removed');
  const found = live ?? pairings.find(({ peer: name, siteId }) => name === peer || isIdPrefix(peer, siteId));
  if (found !== undefined) return found;
  const names = pairings.map((pairing) => pairing.peer).join(', ');
  throw new AppError(`there is no pairing with ${peer}`, {
    code: 'peer_unknown',
    advice: names === '' ? 'Begin one with "sitepair pair invite".' : `Those there are: ${names}.`,
  });
}

/** As the appliance takes it: the beginning of a site's id names it, too. */
function isIdPrefix(text: string, siteId: string): boolean {
  return text.length >= 6 && siteId.startsWith(text);
}
