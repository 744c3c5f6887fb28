import { join } from 'node:path';
import { handshakeKeyOf, handshakePublicOf } from '#keys';
import { dialLink, type Link, type PairSecret } from '#link';
import { systemClock } from '#runtime';
import { readAgentFolder } from '../../apps/sitepair/client/agent-folder.ts';
import { agentLinkSettings } from '../../apps/sitepair/client/agent-settings.ts';
import { enroll } from '../../apps/sitepair/client/enroll.ts';
import type { WorldSite } from './hostile-world.ts';
import type { RawPair } from './raw-peer.ts';

/** An enrolled machine that a test speaks for. */
export class WorldAgent {
  readonly name: string;
  readonly state: string;
  readonly north: WorldSite;

  private constructor(name: string, state: string, north: WorldSite) {
    this.name = name;
    this.state = state;
    this.north = north;
  }

  static async enroll(root: string, north: WorldSite, name: string): Promise<WorldAgent> {
    const state = join(root, `agent-${name}`);
    const { code } = await north.appliance.operations.agentInvite({ name, addresses: [] });
    await enroll(state, code, systemClock);
    return new WorldAgent(name, state, north);
  }

  link(): Promise<Link> {
    const { identity } = readAgentFolder(this.state);
    return dialLink(this.north.address, this.pair, agentLinkSettings(identity), () => undefined);
  }

  get pair(): PairSecret {
    const { siteId, applianceKey, secret } = readAgentFolder(this.state);
    const peerStaticPublic = handshakePublicOf(applianceKey);
    return { peerSiteId: siteId, peerStaticPublic, psk: secret, role: 'appliance', addresses: [this.north.address] };
  }

  get raw(): RawPair {
    const { identity } = readAgentFolder(this.state);
    const { psk, peerStaticPublic } = this.pair;
    const own = handshakeKeyOf(identity.key);
    return { address: this.north.address, psk, own, remoteStatic: peerStaticPublic, siteId: identity.siteId };
  }
}

/** The agents of north: alice is honest and has something, eve wants it. */
export interface Agents {
  readonly alice: WorldAgent;
  readonly eve: WorldAgent;
}
