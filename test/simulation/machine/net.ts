// Stands in for node:net where libs/link asks whether something is a socket.
import { EventEmitter } from 'node:events';
import type { ConnectionEnd } from './network.ts';

export { isIPv6 } from 'node:net';

// What Node's sockets take before they ask to wait.
const highWaterMarkBytes = 65_536;

/** What libs/link use of a TCP socket. */
export class Socket extends EventEmitter {
  readonly end: ConnectionEnd;
  destroyed = false;
  /** Told before `close`, for the WebSocket above. */
  onDestroy: (() => void) | undefined;

  constructor(end: ConnectionEnd) {
    super();
    this.end = end;
  }

  get remoteAddress(): string {
    return this.end.remoteSite;
  }

  get writableLength(): number {
    return this.end.queuedBytes;
  }

  get writableNeedDrain(): boolean {
    return this.end.queuedBytes > highWaterMarkBytes;
  }

  setNoDelay(): this {
    return this;
  }

  destroy(): this {
    if (this.destroyed) return this;
    this.destroyed = true;
    this.end.destroy();
    this.closed();
    return this;
  }

  /** The connection is over, for whatever reason. */
  closed(): void {
    this.destroyed = true;
    queueMicrotask(() => {
      this.onDestroy?.();
      this.emit('close');
    });
  }
}
