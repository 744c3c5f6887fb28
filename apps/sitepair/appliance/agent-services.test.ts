import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Channel, Link } from '#link';
import { isAppError, systemTimers } from '#runtime';
import { AgentServices, type AgentServicesOptions } from './agent-services.ts';

test('an agent has four uploads at once and no more, whatever others do; one that has ended makes room', async () => {
  const services = new Map<string, (channel: Channel) => Promise<void>>();
  const agentOf = new Map<Link, object>();
  const serving = new AgentServices({
    clients: { uploadParts: () => ({ timers: systemTimers, windowBytes: 1 }) },
    agents: () => ({ of: (link: Link) => agentOf.get(link) }),
  } as unknown as AgentServicesOptions);
  const connect = (agentId: number) => {
    const link = { serve: (name: string, work: (channel: Channel) => Promise<void>) => services.set(name, work) };
    agentOf.set(link as unknown as Link, { agentId: new Uint8Array(16).fill(agentId), name: `agent-${agentId}` });
    serving.serve(link as unknown as Link);
    const receive = services.get('upload');
    return (channel: Channel) => receive?.(channel) ?? Promise.reject(new Error('uploads are not served'));
  };
  const begin = (upload: (channel: Channel) => Promise<void>) => {
    const over = Promise.withResolvers<undefined>();
    const channel = {
      send: async () => undefined,
      receive: () => over.promise,
      end: async () => undefined,
      abort: () => undefined,
    };
    const done = upload(channel as unknown as Channel).then(
      () => undefined,
      (error: unknown) => error,
    );
    return { done, end: () => over.resolve(undefined) };
  };
  const [first, second, other] = [connect(1), connect(1), connect(2)];
  const running = [begin(first), begin(first), begin(second), begin(second)];
  assert.ok(isAppError(await begin(first).done, 'too_many_uploads'));
  const elsewhere = begin(other);
  running[0]?.end();
  await running[0]?.done;
  const next = begin(second);
  assert.ok(isAppError(await begin(second).done, 'too_many_uploads'));
  for (const one of [...running, elsewhere, next]) one.end();
  for (const one of [...running, elsewhere, next]) assert.ok(!isAppError(await one.done, 'too_many_uploads'));
});
