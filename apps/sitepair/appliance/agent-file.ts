import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { handshakePublicOf, pairHint } from '#keys';
import type { PairSecret } from '#link';
import { AppError, equalBytes, fromHex, toHex, writeFileDurably } from '#runtime';
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

const bytesFields = ['agentId', 'identityKey', 'secret'] as const;

/** The agents of a site, in one file that is replaced as a whole. */
export class AgentFile {
  readonly #file: string;
  #agents: readonly Agent[];
  /** Found without a MAC for each: strangers are many, and so may agents be. */
  #byHint = new Map<string, Agent>();

  constructor(paths: StatePaths) {
    this.#file = join(paths.secret, 'agents.json');
    this.#agents = existsSync(this.#file) ? decode(readFileSync(this.#file, 'utf8')) : [];
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

  /** Adds or replaces one agent, durably. */
  put(agent: Agent): void {
    this.#agents = [...this.#agents.filter((one) => !equalBytes(one.agentId, agent.agentId)), agent];
    writeFileDurably(this.#file, encode(this.#agents));
    this.#index();
  }

  #index(): void {
    this.#byHint = new Map(this.live().map((agent) => [toHex(pairHint(agent.secret)), agent]));
  }
}

function encode(agents: readonly Agent[]): string {
  const plain = agents.map((agent) => ({
    ...agent,
    ...Object.fromEntries(bytesFields.map((field) => [field, toHex(agent[field])])),
  }));
  return `${JSON.stringify({ format: 1, agents: plain }, null, 1)}\n`;
}

function decode(text: string): Agent[] {
  const { format, agents } = JSON.parse(text) as { format: number; agents: Record<string, never>[] };
  if (format !== 1)
    throw new AppError('the list of agents has a newer format', {
      code: 'state_too_new',
      advice: 'Install the version of Sitepair that wrote it.',
    });
  return agents.map((plain) => {
    const bytes = Object.fromEntries(bytesFields.map((field) => [field, fromHex(plain[field] ?? '')]));
    return { ...plain, ...bytes } as unknown as Agent;
  });
}
