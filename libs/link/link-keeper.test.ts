import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from '#runtime';
import { dialLink } from './link-dialer.ts';
import { LinkKeeper, type LinkState } from './link-keeper.ts';
import type { LinkSettings, PairSecret } from './link-settings.ts';
import { retryDelayMs } from './retry-delay.ts';
import { serveEcho } from './testing/mux-pair.ts';
import { SimulatedTime, settle } from './testing/simulated-time.ts';
import { bookOf, pairUp, type TestSite, type TestSiteOptions, testSite } from './testing/two-sites.ts';

interface KeptSite extends AsyncDisposable {
  readonly site: TestSite;
  readonly keeper: LinkKeeper;
  readonly states: LinkState[];
}

async function keptSite(options: TestSiteOptions = {}, settings: Partial<LinkSettings> = {}): Promise<KeptSite> {
  const site = await testSite(options);
  const states: LinkState[] = [];
  const keeper = new LinkKeeper({
    settings: { ...site.settings, ...settings },
    pairs: bookOf(site.pairs),
    onLink: serveEcho,
    onChange: (_peer, state) => states.push(state),
  });
  site.onLink = (link) => keeper.accept(link);
  return {
    site,
    keeper,
    states,
    async [Symbol.asyncDispose]() {
      await keeper.close();
      await site[Symbol.asyncDispose]();
    },
  };
}

const eventually = async (holds: () => boolean) => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
};

function sameLink(left: KeptSite, right: KeptSite): boolean {
  const [a, b] = [left.keeper.link(right.site.siteId), right.keeper.link(left.site.siteId)];
  return a !== undefined && b !== undefined && toHex(a.handshakeHash) === toHex(b.handshakeHash);
}

const without = (pair: PairSecret): PairSecret => ({ ...pair, addresses: [] });

test('one side that can dial is enough', async () => {
  await using left = await keptSite();
  await using right = await keptSite();
  pairUp(left.site, right.site);
  right.site.pairs[0] = without(right.site.pairs[0]!);
  right.keeper.start(left.site.siteId);
  assert.equal(right.keeper.state(left.site.siteId).state, 'listening');
  left.keeper.start(right.site.siteId);
  await eventually(() => sameLink(left, right));
  const channel = await right.keeper.link(left.site.siteId)!.open('echo', 'bulk');
  await channel.send(Buffer.from('x'));
  assert.equal((await channel.receive())?.length, 1);
});

test('when both dial at once, both end up with the same one link', async () => {
  for (let round = 0; round < 5; round += 1) {
    await using left = await keptSite();
    await using right = await keptSite();
    pairUp(left.site, right.site);
    left.keeper.start(right.site.siteId);
    right.keeper.start(left.site.siteId);
    await eventually(() => sameLink(left, right));
    const link = left.keeper.link(right.site.siteId);
    // Nothing of a second link is left to disturb it.
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(left.keeper.link(right.site.siteId), link);
    assert.ok(sameLink(left, right));
  }
});

test('of two links that are both up, the one that the smaller site id dialled stays', async () => {
  await using left = await keptSite({ siteId: new Uint8Array(16).fill(1) });
  await using right = await keptSite({ siteId: new Uint8Array(16).fill(2) });
  pairUp(left.site, right.site);
  left.site.pairs[0] = without(left.site.pairs[0]!);
  left.keeper.start(right.site.siteId);
  right.keeper.start(left.site.siteId);
  await eventually(() => sameLink(left, right));
  assert.equal(left.keeper.link(right.site.siteId)?.dialledByUs, false);
  const old = right.keeper.link(left.site.siteId);

  // A second one by the smaller id, dialled from the side, as if it had crossed the first.
  const pair = { ...left.site.pairs[0]!, addresses: [right.site.address] };
  await dialLink(right.site.address, pair, left.site.settings, (link) => left.keeper.accept(link));
  await eventually(() => sameLink(left, right) && left.keeper.link(right.site.siteId)?.dialledByUs === true);
  assert.equal((await old?.closed)?.code, 'link_superseded');

  const other = dialLink(left.site.address, right.site.pairs[0]!, right.site.settings, (link) =>
    right.keeper.accept(link),
  );
  await assert.rejects(other);
  assert.equal(left.keeper.link(right.site.siteId)?.dialledByUs, true);
});

test('a peer that was started anew replaces its old link at once', async () => {
  await using left = await keptSite({ siteId: new Uint8Array(16).fill(1) });
  await using right = await keptSite({ siteId: new Uint8Array(16).fill(2) });
  pairUp(left.site, right.site);
  right.site.pairs[0] = without(right.site.pairs[0]!);
  left.keeper.start(right.site.siteId);
  right.keeper.start(left.site.siteId);
  await eventually(() => sameLink(left, right));
  const old = left.keeper.link(right.site.siteId);
  const anew = { ...right.site.settings, instance: new Uint8Array(8).fill(9) };
  const pair = { ...right.site.pairs[0]!, addresses: [left.site.address] };
  const link = await dialLink(left.site.address, pair, anew, () => undefined);
  await eventually(() => {
    const kept = left.keeper.link(right.site.siteId);
    return kept !== undefined && kept !== old;
  });
  void link.close();
});

test('a lost link comes back by itself', async () => {
  await using left = await keptSite();
  await using right = await keptSite();
  pairUp(left.site, right.site);
  left.keeper.start(right.site.siteId);
  right.keeper.start(left.site.siteId);
  await eventually(() => sameLink(left, right));
  left.site.cutAllSockets();
  right.site.cutAllSockets();
  await eventually(() => !sameLink(left, right));
  await eventually(() => sameLink(left, right));
  assert.ok(left.states.some((state) => state.state === 'waiting' && state.reason?.code === 'connection_lost'));
});

test('a stopped peer is told and refused until it is started again', async () => {
  await using left = await keptSite();
  await using right = await keptSite();
  pairUp(left.site, right.site);
  right.site.pairs[0] = without(right.site.pairs[0]!);
  left.keeper.start(right.site.siteId);
  right.keeper.start(left.site.siteId);
  await eventually(() => sameLink(left, right));
  await right.keeper.stop(left.site.siteId);
  await eventually(() => left.keeper.state(right.site.siteId).state === 'waiting');
  const stopped = left.keeper.state(right.site.siteId);
  assert.equal(stopped.state === 'waiting' && stopped.reason?.code, 'link_stopped');
  left.keeper.nudge(right.site.siteId);
  await eventually(() => left.states.filter((state) => state.state === 'waiting').length >= 2);
  assert.equal(right.keeper.state(left.site.siteId).state, 'stopped');
  right.keeper.start(left.site.siteId);
  left.keeper.nudge(right.site.siteId);
  await eventually(() => sameLink(left, right));
});

test('an address that is changed holds from the next dial on; the addresses are tried in turn', async () => {
  await using left = await keptSite();
  await using right = await keptSite();
  const { leftPair } = pairUp(left.site, right.site);
  left.site.pairs[0] = { ...leftPair, addresses: ['127.0.0.1:1', 'not an address'] };
  right.site.pairs[0] = without(right.site.pairs[0]!);
  right.keeper.start(left.site.siteId);
  left.keeper.start(right.site.siteId);
  await eventually(() => left.keeper.state(right.site.siteId).state === 'waiting');
  const waiting = left.keeper.state(right.site.siteId);
  assert.equal(waiting.state === 'waiting' && waiting.reason?.code, 'address_invalid');
  left.site.pairs[0] = { ...leftPair, addresses: ['127.0.0.1:1', right.site.address] };
  left.keeper.nudge(right.site.siteId);
  await eventually(() => sameLink(left, right));
  const dialled = left.states.flatMap((state) => (state.state === 'dialling' ? [state.address] : []));
  assert.deepEqual(dialled, ['127.0.0.1:1', 'not an address', '127.0.0.1:1', right.site.address]);
});

test('attempts are spaced from one second to a minute, with chance in it', async () => {
  const random = (fraction: number) => ({ bytes: () => new Uint8Array(0), fraction: () => fraction });
  assert.deepEqual(
    [1, 2, 3, 7, 50].map((failures) => retryDelayMs(failures, random(1))),
    [1000, 2000, 4000, 60_000, 60_000],
  );
  assert.equal(retryDelayMs(1, random(0)), 500);

  const time = new SimulatedTime();
  await using left = await keptSite({}, { clock: time, timers: time, random: random(1) });
  left.site.pairs.push({
    peerSiteId: new Uint8Array(16),
    peerStaticPublic: left.site.staticKeyPair.publicKey,
    psk: new Uint8Array(32),
    role: 'full',
    addresses: ['127.0.0.1:1'],
  });
  const dials = () => left.states.filter((state) => state.state === 'dialling').length;
  const waits = () => left.states.filter((state) => state.state === 'waiting').length;
  left.keeper.start(new Uint8Array(16));
  for (const [index, delayMs] of [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000].entries()) {
    await eventually(() => waits() === index + 1);
    assert.equal(dials(), index + 1);
    await time.advance(delayMs - 1);
    assert.equal(dials(), index + 1);
    await time.advance(1);
    await settle();
  }
});
