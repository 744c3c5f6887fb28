export type { Channel } from './channel.ts';
export { dataConnectionsFor, type LineFacts, sendBufferBytesMax } from './data-connections.ts';
export type { DoorPurpose, VersionRange } from './first-message.ts';
export type { FrameConduit, FrameReceiver } from './frame-conduit.ts';
export type { HeartbeatOptions } from './heartbeat.ts';
export { type ChannelClass, Link, type LinkPeer, type LinkWire } from './link.ts';
export { type DoorSession, dialDoor, dialLink } from './link-dialer.ts';

export { LinkKeeper, type LinkKeeperOptions, type LinkState } from './link-keeper.ts';
export type { Hello } from './link-messages.ts';
export { LinkServer, type LinkServerOptions } from './link-server.ts';
export type { Door, DoorBook, LinkSettings, LocalIdentity, PairBook, PairSecret } from './link-settings.ts';
export type { MemoryPair, MemoryPairOptions } from './memory-conduit.ts';
export { type ChannelOptions, Mux, type MuxOptions } from './mux.ts';
export type { ServiceHandler } from './service-table.ts';
export type { StrangerLimits } from './stranger-limits.ts';
export { defaultSocketTuning, type LineReading, type SocketTuning } from './tcp-line.ts';

export { WebSocketConduit } from './websocket-conduit.ts';
export { dialUnixWebSocket } from './websocket-dial.ts';
export type { KeyPair } from './x25519.ts';
