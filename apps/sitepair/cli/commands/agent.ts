import type { AgentView } from '../../appliance/operations.ts';
import { collect, type SitepairCommand } from '../command.ts';
import { formatTime } from '../format.ts';
import type { Invocation } from '../invocation.ts';
import { table } from '../table.ts';
import { invitationText } from './pairing-text.ts';

export function addAgent(program: SitepairCommand, invocation: Invocation): void {
  const agent = program
    .command('agent')
    .summary('other machines that back up to this site')
    .description('Lets other machines back up to this appliance, and closes the door again.')
    .teach([
      { run: 'sitepair agent invite laptop', what: 'shows a code for the machine called laptop' },
      { run: 'sitepair agent enroll CODE', what: 'on that machine: it may back up here now' },
      { run: 'sitepair agent list', what: 'who may back up here' },
      { run: 'sitepair agent revoke laptop', what: 'not any more' },
    ]);
  agent
    .command('invite')
    .summary('let a machine in')
    .description('Shows a code, as text and QR, that lets one machine enrol as a client of this site.')
    .argument('<name>', 'what the machine is called here')
    .option(
      '--address <host:port>',
      'where it reaches this site; may be repeated (default: what this listens on)',
      collect,
    )
    .teach(
      [
        { run: 'sitepair agent invite laptop', what: 'the machine sees its own datasets only' },
        { run: 'sitepair agent invite web1 --address 10.0.0.5:7400 --json', what: 'prints {"code": ...} for scripts' },
      ],
      [
        'The code alone lets in: send it by a way that strangers do not read. It is good once.',
        'With the name of a revoked agent the machine takes over its datasets.',
      ],
    )
    .action(async (name: string, { address }: { address?: string[] }) => {
      await using appliance = await invocation.connect();
      const invitation = await appliance.api.call('agentInvite', { name, addresses: address ?? [] });
      const text = invocation.json
        ? ''
        : await invitationText(invitation, 'On that machine: sitepair agent enroll CODE');
      invocation.print(invitation, () => text);
    });
  agent
    .command('enroll')
    .summary('make this machine an agent')
    .description('Takes the invitation of an appliance: from then on this machine backs up there, over the network.')
    .argument('<code>', 'what "sitepair agent invite" showed at the appliance')
    .teach(
      [
        { run: 'sitepair agent enroll sp1-... --state ~/.sitepair', what: 'keeps what the agent needs in ~/.sitepair' },
        {
          run: 'sitepair backup ~/work --dataset laptop-work --state ~/.sitepair',
          what: 'then: backs up; snapshots, ls and restore work alike',
        },
      ],
      ["The state folder holds no key to anybody's data. Its secret lets its holder see what this machine backed up."],
    )
    .action(async (code: string) => {
      const { enroll } = await import('../../client/enroll.ts');
      const enrolled = await enroll(invocation.state, code, invocation.clock);
      invocation.print(
        enrolled,
        () =>
          `This machine is agent "${enrolled.agent}" of ${enrolled.site} (fingerprint ${enrolled.fingerprint}).\n` +
          `There "sitepair agent list" shows it as ${enrolled.ownFingerprint}.\n` +
          'Next: sitepair backup PATH --dataset NAME',
      );
    });
  agent
    .command('list')
    .summary('machines that may back up here')
    .description('Lists the agents of this site, and those that were revoked.')
    .teach([{ run: 'sitepair agent list', what: 'one line an agent' }])
    .action(async () => {
      await using appliance = await invocation.connect();
      const agents = await appliance.api.call('agentList', {});
      invocation.print(agents, () =>
        agents.length === 0 ? 'No agents. Invite one: sitepair agent invite NAME' : agentTable(agents),
      );
    });
  agent
    .command('revoke')
    .summary('let a machine in no more')
    .description('Closes the door to an agent. What it backed up stays.')
    .argument('<name>', 'what the machine is called here')
    .teach([{ run: 'sitepair agent revoke laptop --yes', what: 'does not ask' }])
    .action(async (name: string) => {
      await using appliance = await invocation.connect();
      if (!(await invocation.confirm(`Let ${name} in no more?`))) {
        return invocation.note('Nothing was changed.');
      }
      invocation.print(
        await appliance.api.call('agentRevoke', { name }),
        () => `${name} is let in no more. Its snapshots stay.`,
      );
    });
}

function agentTable(agents: readonly AgentView[]): string {
  return table([
    { head: 'AGENT', cells: agents.map(({ name }) => name) },
    { head: 'STATE', cells: agents.map(stateText) },
    { head: 'SINCE', cells: agents.map(({ enrolledAt }) => (enrolledAt === '' ? '' : formatTime(enrolledAt))) },
    { head: 'FINGERPRINT', cells: agents.map(({ fingerprint }) => fingerprint) },
    { head: 'DATASETS', cells: agents.map(({ datasets }) => datasets.join(', ')) },
  ]);
}

function stateText({ state, connected }: AgentView): string {
  return connected ? 'connected' : state.replaceAll('_', ' ');
}
