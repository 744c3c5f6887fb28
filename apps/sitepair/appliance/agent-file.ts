import { join } from 'node:path';
import { handshakePublicOf, pairHint } from '#keys';
import type { PairSecret } from '#link';
import { equalBytes, toHex } from '#runtime';
import { bytesIn, readStateFile, writeStateFile } from './state-file.ts';
import type { StatePaths } from './state-folder.ts';

/** Another machine that backs up to this site, or did. */
export interface Agent {
  /** 16 bytes; stands where a site has its id. */
  readonly agentId: Uint8Array;
  readonly name: string;
  readonly identityKey: Uint8Array;
  /** PSK of the pair; empty once it is revoked. */
  readonly secret: Uint8Array;
  readonly enrolledSeconds: number;
  readonly revoked: boolean;
}

/** With the lengths that each may have. */
const bytesFields = { agentId: [16], identityKey: [32], secret: [0, 32] } as const;
const fieldNames = Object.keys(bytesFields) as (keyof typeof bytesFields)[];

/** The agents of a site, in one file that is replaced as a whole. */
export class AgentFile {
  readonly #file: string;
  #agents: readonly Agent[];
  /** Found without a MAC for each: strangers are many, and so may agents be. */
  #byHint = new Map<string, Agent>();

  constructor(paths: StatePaths) {
    this.#file = join(paths.secret, 'agents.json');
    this.#agents = readStateFile(this.#file, damagedAdvice, decode) ?? [];
    this.#index();
  }

  /** The revoked ones among them. */
  all(): readonly Agent[] {
    return this.#agents;
  }

  live(): readonly Agent[] {
    return this.#agents.filter((agent) => !agent.revoked);
  }

  find(agentId: Uint8Array): Agent | undefined {
    return this.#agents.find((agent) => equalBytes(agent.agentId, agentId));
  }

  /** Under what an agent may dial; its link has the role "agent". */
  pairByHint(hint: Uint8Array): PairSecret | undefined {
    const agent = this.#byHint.get(toHex(hint));
    return (
      agent && {
        peerSiteId: agent.agentId,
        peerStaticPublic: handshakePublicOf(agent.identityKey),
        psk: agent.secret,
        role: 'agent',
        addresses: [],
      }
    );
  }

  /** Adds or replaces one agent, durably. Throws `state_write_failed`: then all is as it was. */
  put(agent: Agent): void {
    const agents = [...this.#agents.filter((one) => !equalBytes(one.agentId, agent.agentId)), agent];
    writeStateFile(this.#file, encode(agents));
    this.#agents = agents;
    this.#index();
  }

  #index(): void {
    this.#byHint = new Map(this.live().map((agent) => [toHex(pairHint(agent.secret)), agent]));
  }
}

const damagedAdvice =
  'Restore this file from a copy of the state folder; without one, remove it and enrol the agents again: their datasets stay theirs.';

function encode(agents: readonly Agent[]) {
  const plain = agents.map((agent) => ({
    ...agent,
    ...Object.fromEntries(fieldNames.map((field) => [field, toHex(agent[field])])),
  }));
  return { agents: plain };
}

function decode(content: Readonly<Record<string, unknown>>): Agent[] {
  const agents = content.agents as Record<string, unknown>[];
  return agents.map((plain) => {
    const bytes = Object.fromEntries(fieldNames.map((field) => [field, bytesIn(plain, field, bytesFields[field])]));
    const agent = { ...plain, ...bytes } as unknown as Agent;
    if (agent.secret.length === 0 && !agent.revoked) throw new Error(`agent ${agent.name} has no secret`);
    return agent;
  });
}
