import type { Catalog } from '#catalog';
import { pairSecret, type SiteIdentity, siteFingerprint } from '#keys';
import type { DoorSession, Link } from '#link';
import { checkedName } from '#model';
import { type Clock, equalBytes, toHex } from '#runtime';
import { agentExists, agentInvitationUsed, agentRevoked, agentUnknown, tooMany } from './agent-errors.ts';
import { type Agent, AgentFile } from './agent-file.ts';
import { type AgentIntroduction, checkAgentIntroduction, enrollReplyCodec } from './agent-introduction.ts';
import type { DatasetOwners } from './dataset-owners.ts';
import { type Introduction, signIntroduction } from './introduction.ts';
import type { Invitations, OpenInvitation } from './invitations.ts';
import type { AgentView, Invitation } from './operations.ts';
import type { StatePaths } from './state-folder.ts';

export interface AgentsOptions {
  readonly paths: StatePaths;
  readonly identity: SiteIdentity;
  readonly catalog: Catalog;
  readonly invitations: Invitations;
  readonly owners: DatasetOwners;
  /** This site's introduction as peers get it. */
  readonly introduction: () => Introduction;
  readonly clock: Clock;
  /** Registers what an agent may open. */
  readonly serveLink: (link: Link) => void;
}

// One appliance serves an organisation's machines, not a hosting centre's.
const agentsMax = 1024;
/** Links of one agent at a time: a nightly backup, restores beside it, and some that died without a word. */
const linksMax = 8;

/** Other machines that back up to this site: who they are, and which of them are here now. PROTOCOL.md section 8. */
export class Agents {
  readonly file: AgentFile;
  readonly #options: AgentsOptions;
  readonly #links = new Map<string, Set<Link>>();

  constructor(options: AgentsOptions) {
    this.#options = options;
    this.file = new AgentFile(options.paths);
  }

  invite(name: string, addresses: readonly string[]): Invitation {
    checkedName('agent', name);
    if (this.file.live().some((agent) => agent.name === name)) throw agentExists(name);
    if (this.file.live().length >= agentsMax) throw tooMany('agents', agentsMax);
    return this.#options.invitations.makeForAgent(this.#options.identity, addresses, name);
  }

  /** Somebody came through the door of an invitation: the code alone lets in, to a role that is narrow. */
  welcome(invitation: OpenInvitation, name: string, session: DoorSession): void {
    const { invitations, identity, introduction } = this.#options;
    session.mux.serve('enroll', async (channel) => {
      const request = await channel.receive();
      if (request === undefined) return;
      const newcomer = checkAgentIntroduction(request, session.handshakeHash, session.remoteStatic);
      this.#check(newcomer, name);
      if (!invitations.use(invitation.secret, newcomer.agentId)) throw agentInvitationUsed();
      await this.#enroll(newcomer, name, pairSecret(session.chainingKey, session.handshakeHash));
      // The door key is for peers: whoever knocks with it says that this site has burnt.
      const own: Introduction = { ...introduction(), doorKey: new Uint8Array(0) };
      const appliance = signIntroduction(identity, session.handshakeHash, own);
      await channel.send(enrollReplyCodec.encode({ appliance, name }));
    });
  }

  /** An agent has dialled; called in the turn in which the link is there. */
  accept(link: Link): void {
    const key = toHex(link.peer.siteId);
    const links = this.#links.get(key) ?? new Set();
    if (links.size >= linksMax) {
      void link.close(tooMany('connections of this machine', linksMax));
      return;
    }
    this.#links.set(key, links.add(link));
    this.#options.serveLink(link);
    void link.closed.then(() => {
      links.delete(link);
      if (links.size === 0) this.#links.delete(key);
    });
  }

  /** The agent of a link. Throws `agent_revoked` from the moment on in which it is. */
  of(link: Link): Agent {
    const agent = this.file.find(link.peer.siteId);
    if (agent === undefined || agent.revoked) throw agentRevoked();
    return agent;
  }

  /** Those of this machine's file, and those that only the log of a site that has burnt remembers. */
  list(): AgentView[] {
    const { owners } = this.#options;
    const views = this.file.all().map(({ name, agentId, identityKey, enrolledSeconds, revoked }) => ({
      name,
      state: revoked ? ('revoked' as const) : ('enrolled' as const),
      enrolledAt: new Date(enrolledSeconds * 1000).toISOString(),
      fingerprint: siteFingerprint(identityKey),
      datasets: [...owners.ownedBy(name)],
      connected: this.#links.has(toHex(agentId)),
    }));
    const lost = this.#lost().map(({ name, publicKey }) => ({
      name: name ?? '',
      state: 'must_enroll_again' as const,
      enrolledAt: '',
      fingerprint: siteFingerprint(publicKey),
      datasets: [...owners.ownedBy(name ?? '')],
      connected: false,
    }));
    return [...views, ...lost].sort((a, b) => a.name.localeCompare(b.name));
  }

  /** Closes the door to an agent and ends what it is doing. What it backed up stays. */
  async revoke(name: string): Promise<void> {
    const { catalog, invitations } = this.#options;
    const agent = this.file.live().find((one) => one.name === name);
    const keys = this.#lost()
      .filter((row) => row.name === name)
      .map((row) => row.publicKey);
    if (agent !== undefined) keys.push(agent.identityKey);
    if (keys.length === 0) throw agentUnknown(name, this.#names());
    // The log first: a crash before the second line leaves an agent that is still listed, and can be revoked again.
    await catalog.append(keys.map((publicKey) => ({ kind: 'agentRevoked' as const, publicKey })));
    invitations.withdrawForAgent(name);
    if (agent === undefined) return;
    this.file.put({ ...agent, revoked: true, secret: new Uint8Array(0) });
    for (const link of this.#links.get(toHex(agent.agentId)) ?? []) void link.close(agentRevoked());
  }

  /** What cannot be undone later: an id or a key of somebody else's, a name that is taken, somebody revoked who comes again. */
  #check({ agentId, identityKey }: AgentIntroduction, name: string): void {
    const known = this.file.find(agentId);
    if (known?.revoked) throw agentRevoked();
    if (known !== undefined && (known.name !== name || !equalBytes(known.identityKey, identityKey)))
      throw agentExists(known.name);
    const namesake = this.file.live().find((agent) => agent.name === name);
    if (namesake !== undefined && !equalBytes(namesake.agentId, agentId)) throw agentExists(name);
  }

  async #enroll({ agentId, identityKey: publicKey }: AgentIntroduction, name: string, secret: Uint8Array) {
    const { catalog, owners, clock } = this.#options;
    const predecessors = this.#lost().filter((row) => row.name === name && !equalBytes(row.publicKey, publicKey));
    await catalog.append([
      ...predecessors.map((row) => ({ kind: 'agentRevoked' as const, publicKey: row.publicKey })),
      { kind: 'agentEnrolled', name, publicKey, datasetNames: owners.ownedBy(name) },
    ]);
    const enrolledSeconds = Math.floor(clock.nowMs() / 1000);
    const [id, key] = [agentId.slice(), publicKey.slice()];
    this.file.put({ agentId: id, name, identityKey: key, secret, enrolledSeconds, revoked: false });
  }

  /** Agents that this site's log has and its secret folder has not, after a rebuild. */
  #lost() {
    const held = new Set(this.file.all().map((agent) => toHex(agent.identityKey)));
    const rows = this.#options.catalog.views.agents(this.#options.identity.siteId);
    return rows.filter((row) => !row.revoked && row.name !== undefined && !held.has(toHex(row.publicKey)));
  }

  #names(): string[] {
    return this.list().flatMap(({ name, state }) => (state === 'revoked' ? [] : [name]));
  }
}
