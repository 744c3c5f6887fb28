import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { AppError, isAppError } from '#runtime';
import { ApiClient } from '../client/api-client.ts';
import { calm, mail, scriptedOperations, south, unknownSnapshot } from '../testing/scripted-operations.ts';
import { serveApi } from '../testing/served-api.ts';

function ask(stateFolder: string, method: string, path: string, body?: string): ClientRequest {
  const headers = body === undefined ? {} : { 'content-type': 'application/json' };
  const asked = request({ socketPath: join(stateFolder, 'control.sock'), method, path, headers, agent: false });
  asked.end(body);
  return asked;
}

async function answer(asked: ClientRequest): Promise<{ readonly response: IncomingMessage; readonly body: string }> {
  const [response] = await once(asked, 'response');
  return { response, body: await text(response) };
}

test('each operation is asked with what the client gave, and its answer comes back as it was', async () => {
  const operations = scriptedOperations({
    status: () => calm,
    snapshots: () => [mail],
    snapshot: () => mail,
    datasets: () => [{ name: 'mail', site: 'north', datasetId: '04', snapshots: 0, latest: undefined }],
    pairInvite: async ({ addresses }) => ({ code: 'sp1-x', expiresAt: '2026-02-01T08:00:00Z', addresses }),
    pairRemove: async () => ({ warnings: ['what it had it can still read'] }),
    pairSetAddresses: async ({ addresses }) => ({ ...south, addresses }),
    agentRevoke: async ({ name }) => ({ name }),
    keyKit: async () => ({ kitText: 'kit', kitId: '0123456789abcdef' }),
  });
  await using served = await serveApi(operations);
  const api = new ApiClient(served.stateFolder);

  assert.deepEqual(await api.call('status', {}), calm);
  assert.deepEqual(await api.call('snapshots', { dataset: 'north/mail' }), [mail]);
  assert.deepEqual(await api.call('snapshots', {}), [mail]);
  assert.deepEqual(await api.call('snapshot', { reference: 'north/mail@2026-01-31T08:00:00+01:00' }), mail);
  assert.deepEqual(await api.call('datasets', {}), [{ name: 'mail', site: 'north', datasetId: '04', snapshots: 0 }]);
  const invitation = await api.call('pairInvite', { addresses: ['a:1', 'b:2'], role: 'blind' });
  assert.deepEqual(invitation, { code: 'sp1-x', expiresAt: '2026-02-01T08:00:00Z', addresses: ['a:1', 'b:2'] });
  assert.deepEqual(await api.call('pairRemove', { peer: 'south' }), {
    warnings: ['what it had it can still read'],
  });
  assert.deepEqual(await api.call('pairSetAddresses', { peer: 'south', addresses: ['c:3'] }), {
    ...south,
    addresses: ['c:3'],
  });
  assert.deepEqual(await api.call('agentRevoke', { name: 'laptop' }), { name: 'laptop' });
  assert.deepEqual(await api.call('keyKit', {}), { kitText: 'kit', kitId: '0123456789abcdef' });

  assert.deepEqual(JSON.parse(JSON.stringify(operations.asked)), [
    { operation: 'status' },
    { operation: 'snapshots', request: { dataset: 'north/mail' } },
    { operation: 'snapshots', request: {} },
    { operation: 'snapshot', request: { reference: 'north/mail@2026-01-31T08:00:00+01:00' } },
    { operation: 'datasets' },
    { operation: 'pairInvite', request: { addresses: ['a:1', 'b:2'], role: 'blind' } },
    { operation: 'pairRemove', request: { peer: 'south' } },
    { operation: 'pairSetAddresses', request: { peer: 'south', addresses: ['c:3'] } },
    { operation: 'agentRevoke', request: { name: 'laptop' } },
    { operation: 'keyKit', request: {} },
  ]);
});

test('an error goes out as a problem and comes back as the same error', async () => {
  const operations = scriptedOperations({
    snapshot: () => {
      throw unknownSnapshot();
    },
  });
  await using served = await serveApi(operations);
  const { response, body } = await answer(ask(served.stateFolder, 'GET', '/api/v1/snapshot?reference=mail'));
  assert.equal(response.statusCode, 404);
  assert.match(response.headers['content-type'] ?? '', /^application\/problem\+json/);
  assert.deepEqual(JSON.parse(body), {
    type: 'urn:sitepair:error:snapshot_unknown',
    title: 'snapshot unknown',
    status: 404,
    code: 'snapshot_unknown',
    detail: 'there is no snapshot mail@2020-01-01',
    why: 'the oldest is of 2026-01-31',
    advice: 'See those there are with "sitepair snapshots mail".',
    retryable: false,
    details: { dataset: 'mail' },
  });
  const api = new ApiClient(served.stateFolder);
  await assert.rejects(api.call('snapshot', { reference: 'mail' }), (error) => {
    assert.ok(isAppError(error, 'snapshot_unknown'));
    assert.equal(error.message, 'there is no snapshot mail@2020-01-01');
    assert.equal((error.cause as Error).message, 'the oldest is of 2026-01-31');
    assert.deepEqual(error.details, { dataset: 'mail' });
    return true;
  });
});

test('a request that does not fit is refused before any operation sees it', async () => {
  const operations = scriptedOperations();
  await using served = await serveApi(operations);
  const wrong = [
    ['POST', '/api/v1/pair/invite', '{"addresses":[],"role":"half"}'],
    ['POST', '/api/v1/pair/invite', '{"addresses":"a:1","role":"full"}'],
    ['POST', '/api/v1/pair/confirm', '{"peer":7}'],
    ['POST', '/api/v1/pair/confirm', '{"peer":"south","more":1}'],
    ['POST', '/api/v1/pair/confirm', '{"peer":'],
    ['POST', '/api/v1/scrub', '{}'],
    ['POST', '/api/v1/scrub', undefined],
    ['GET', '/api/v1/snapshot', undefined],
    ['GET', '/api/v1/status?all=1', undefined],
  ] as const;
  for (const [method, path, body] of wrong) {
    const answered = await answer(ask(served.stateFolder, method, path, body));
    assert.equal(answered.response.statusCode, 400, `${path} ${body}`);
    assert.equal(JSON.parse(answered.body).code, 'bad_request', `${path} ${body}`);
  }
  const large = await answer(
    ask(served.stateFolder, 'POST', '/api/v1/pair/accept', `{"code":"${'x'.repeat(100_000)}"}`),
  );
  assert.equal(JSON.parse(large.body).code, 'bad_request');
  const missing = await answer(ask(served.stateFolder, 'GET', '/api/v2/status'));
  assert.equal(missing.response.statusCode, 404);
  assert.equal(JSON.parse(missing.body).code, 'unknown_route');
  assert.deepEqual(operations.asked, []);
});

test('what nobody foresaw is told as "internal", with its message as the reason', async () => {
  const operations = scriptedOperations({
    status: () => {
      throw new TypeError('x is not a function');
    },
  });
  await using served = await serveApi(operations);
  const { response, body } = await answer(ask(served.stateFolder, 'GET', '/api/v1/status'));
  assert.equal(response.statusCode, 500);
  assert.equal(JSON.parse(body).code, 'internal');
  assert.equal(JSON.parse(body).why, 'x is not a function');
});

test('long work tells its progress, then its result, as lines of JSON', async () => {
  const result = { packs: 2, bytes: 10, findings: [] };
  const operations = scriptedOperations({
    scrub: async (_, run) => {
      for (let doneBytes = 0; doneBytes < 1000; doneBytes++) run.progress({ doing: 'reading', doneBytes });
      return result;
    },
  });
  await using served = await serveApi(operations);
  const { response, body } = await answer(ask(served.stateFolder, 'POST', '/api/v1/scrub', '{"heal":true}'));
  assert.equal(response.statusCode, 200);
  assert.equal(response.headers['content-type'], 'application/x-ndjson');
  assert.equal(
    body,
    `{"progress":{"doing":"reading","doneBytes":999}}\n{"result":{"packs":2,"bytes":10,"findings":[]}}\n`,
  );

  const seen: number[] = [];
  const api = new ApiClient(served.stateFolder);
  const onProgress = ({ doneBytes }: { readonly doneBytes: number }) => seen.push(doneBytes);
  assert.deepEqual(await api.run('scrub', { heal: false }, { onProgress }), result);
  assert.deepEqual(seen, [999]);
});

test('long work that fails ends with its error', async () => {
  const operations = scriptedOperations({
    replicate: async () => {
      throw new AppError('south does not answer', { code: 'peer_down', retryable: true, advice: 'Wait for the link.' });
    },
  });
  await using served = await serveApi(operations);
  const api = new ApiClient(served.stateFolder);
  await assert.rejects(
    api.run('replicate', {}),
    (error) => isAppError(error, 'peer_down') && error.retryable && error.advice === 'Wait for the link.',
  );
});

test('a client that goes stops a scrub, but not a replication', async () => {
  const started = Promise.withResolvers<void>();
  const stopped = Promise.withResolvers<unknown>();
  const replication = Promise.withResolvers<AbortSignal>();
  const operations = scriptedOperations({
    scrub: (_, { signal }) => {
      signal.addEventListener('abort', () => stopped.resolve(signal.reason));
      started.resolve();
      return new Promise((__, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    },
    replicate: async (_, { signal }) => {
      replication.resolve(signal);
      return Promise.withResolvers<never>().promise;
    },
  });
  await using served = await serveApi(operations);
  const api = new ApiClient(served.stateFolder);

  const wish = new AbortController();
  const scrub = api.run('scrub', { heal: false }, { signal: wish.signal });
  await started.promise;
  wish.abort(new AppError('enough', { code: 'interrupted', advice: 'None.' }));
  await assert.rejects(scrub, (error) => isAppError(error, 'interrupted'));
  assert.ok(isAppError(await stopped.promise, 'cancelled'));

  const leaving = ask(served.stateFolder, 'POST', '/api/v1/replicate', '{}');
  leaving.on('error', () => undefined);
  const signal = await replication.promise;
  leaving.destroy();
  // A whole exchange later the appliance has seen that the client is gone.
  await answer(ask(served.stateFolder, 'GET', '/api/v1/nothing'));
  assert.equal(signal.aborted, false);
});

test('an appliance that stops tells work under way, and its client, why', async () => {
  const started = Promise.withResolvers<void>();
  const operations = scriptedOperations({
    replicate: (_, { signal }) => {
      started.resolve();
      return new Promise((__, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    },
  });
  const served = await serveApi(operations);
  const work = new ApiClient(served.stateFolder).run('replicate', {});
  work.catch(() => undefined);
  await started.promise;
  await served[Symbol.asyncDispose]();
  await assert.rejects(work, (error) => isAppError(error, 'appliance_stopping') && error.retryable);
});
