import { assert } from '#runtime';
import type { Channel } from './channel.ts';
import { isServiceName } from './mux-frames.ts';

/**
 * Serves one channel. When it returns, the channel is ended; an AppError that it throws reaches the other end with code,
 * message, advice and retryable, anything else only as `internal`.
 */
export type ServiceHandler = (channel: Channel) => Promise<void>;

/** The services that the other end may open, shared by all connections of a link. */
export class ServiceTable {
  readonly #handlers = new Map<string, ServiceHandler>();

  serve(service: string, handler: ServiceHandler): void {
    assert(isServiceName(service), `a service may not be called "${service}"`);
    assert(!this.#handlers.has(service), `"${service}" is served already`);
    this.#handlers.set(service, handler);
  }

  find(service: string): ServiceHandler | undefined {
    return this.#handlers.get(service);
  }
}
