import type { Agent } from 'node:http';
import type { AppError, Clock, Random, Timers } from '#runtime';
import type { LinkShaper } from '#shaper';
import type { DoorPurpose, VersionRange } from './first-message.ts';
import type { HeartbeatOptions } from './heartbeat.ts';
import type { Hello } from './link-messages.ts';
import type { SocketTuning } from './tcp-line.ts';
import type { KeyPair } from './x25519.ts';

/** What both ends of a pair keep. */
export interface PairSecret {
  readonly peerSiteId: Uint8Array;
  readonly peerStaticPublic: Uint8Array;
  readonly psk: Uint8Array;
  /** Said at pairing: full, blind, agent; the link itself treats all alike. */
  readonly role: string;
  /** Where to dial, tried in turn; empty when only the peer can dial. */
  readonly addresses: readonly string[];
}

/** The pairs of this site. Asked anew each time, so that changes hold from the next connection on. */
export interface PairBook {
  byHint(hint: Uint8Array): PairSecret | undefined;
  byPeer(siteId: Uint8Array): PairSecret | undefined;
}

/** A way in for somebody who is not paired: he knows `psk`, from an invitation or a recovery kit. */
export interface Door {
  readonly psk: Uint8Array;
  readonly purpose: DoorPurpose;
}

export interface DoorBook<D extends Door = Door> {
  byHint(hint: Uint8Array): D | undefined;
}

/** Who this end is, now: keys rotate and incarnations change while it runs. */
export interface LocalIdentity {
  /** 16 bytes; empty for an end that has no site yet. */
  readonly siteId: Uint8Array;
  readonly incarnation: number;
  readonly staticKeyPair: KeyPair;
}

/** Everything that dialling and answering have in common. */
export interface LinkSettings {
  readonly identity: () => LocalIdentity;
  /** 8 random bytes, made once a process. */
  readonly instance: Uint8Array;
  /** This software's version, printable ASCII of at most 32 bytes. */
  readonly software: string;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  /** Learns what a service handler threw that was no AppError. */
  readonly onHandlerError: (error: unknown, service: string) => void;
  /**
   * Learns for what a service ended a channel of somebody, and for what breach of the protocol a link or door was closed
   * (service "link"). `siteId` is that of the peer, proved but at a door.
   */
  readonly onRefusal?: (error: AppError, service: string, siteId: Uint8Array) => void;
  readonly versions?: VersionRange;
  /** Data connections that this end opens when it dials; 1 to 16, default 1. */
  readonly dataConnections?: number;
  /** Of Noise messages; default 65,535. 16 KiB suits a slow line. */
  readonly messageBytesMax?: number;
  readonly heartbeat?: HeartbeatOptions;
  /** The limit of the link to a peer: each of its connections has a gate there. */
  readonly shaper?: (peerSiteId: Uint8Array) => LinkShaper;
  /** What the kernel does with the sockets of data connections, at either end; left alone when not given. */
  readonly sockets?: SocketTuning;
  /** For dialling through an HTTP proxy. */
  readonly agent?: Agent;
}

/** Everything between accepting a connection, or dialling, and knowing who is there. */
export const handshakeTimeoutMs = 10_000;

export const dataConnectionsMax = 16;

/** This end's Hello, without what the handshake fills in. */
export function helloOf(settings: LinkSettings): Omit<Hello, 'version' | 'versionMin' | 'versionMax'> {
  const { siteId, incarnation } = settings.identity();
  return {
    siteId,
    incarnation,
    instance: settings.instance,
    software: settings.software,
    clockSeconds: Math.floor(settings.clock.nowMs() / 1000),
    dataConnections: settings.dataConnections ?? 1,
  };
}
