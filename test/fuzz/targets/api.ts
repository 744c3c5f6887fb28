import assert from 'node:assert/strict';
import fc from 'fast-check';
import { pino } from 'pino';
import { AppError } from '#runtime';
import { buildApi } from '../../../apps/sitepair/api/build-api.ts';
import { routeTable } from '../../../apps/sitepair/api/route-table.ts';
import type { Operations } from '../../../apps/sitepair/appliance/operations.ts';
import type { SeededRandom } from '../seeded-random.ts';
import type { Target } from '../target.ts';

interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly url: string;
  readonly type: string;
  readonly body: string;
}

const honestBodies: readonly Record<string, unknown>[] = [
  { addresses: ['north.example:7400'], role: 'full' },
  { code: 'sp1-abc' },
  { peer: 'south' },
  { peer: 'south', addresses: [] },
  { name: 'laptop', addresses: [] },
  { dataset: 'data', peer: 'south' },
  { heal: true },
  { passphrase: 'correct horse' },
  {},
];

const paths = Object.values(routeTable).map(({ url }) => url);
const oddText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom('__proto__', 'constructor', '\0', '../..'),
);
const body = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(fc.constantFrom(...honestBodies), fc.dictionary(oddText, fc.jsonValue(), { maxKeys: 3 })),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.constant({}), fc.record({ addresses: fc.jsonValue(), role: fc.jsonValue(), peer: oddText })),
  },
);
const request: fc.Arbitrary<ApiRequest> = fc.record({
  method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE'),
  url: fc
    .tuple(fc.constantFrom(...paths), fc.webQueryParameters(), fc.boolean())
    .map(([path, query, asked]) => (asked ? `${path}?${query}` : path)),
  type: fc.constantFrom('application/json', 'application/json', 'text/plain', 'application/x-www-form-urlencoded', ''),
  body: fc.oneof(
    { weight: 5, arbitrary: body.map(([honest, odd]) => JSON.stringify({ ...honest, ...odd })) },
    { weight: 1, arbitrary: fc.json() },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 200 }) },
    { weight: 1, arbitrary: fc.nat(30_000).map((depth) => '['.repeat(depth)) },
    { weight: 1, arbitrary: fc.nat(90_000).map((length) => JSON.stringify({ code: 'x'.repeat(length) })) },
  ),
});

/** An appliance that refuses everything it is asked, once the request has come through. */
function refusingOperations(): Operations {
  const refuse = () => {
    throw new AppError('refused', { code: 'snapshot_unknown', advice: 'None.' });
  };
  return new Proxy({} as Operations, { get: () => refuse });
}

/** Requests to the HTTP API: whatever comes, the answer is a problem that a program can read, and never "internal". */
export function apiTargets(): Target<never>[] {
  const api = buildApi(refusingOperations(), { logger: pino({ level: 'silent' }) });
  const target: Target<ApiRequest> = {
    name: 'api request',
    share: 0.5,
    isAsync: true,
    input: (random: SeededRandom) => fc.sample(request, { seed: random.uint32(), numRuns: 1 })[0] as ApiRequest,
    async run({ method, url, type, body: payload }) {
      const withBody = method === 'GET' ? {} : { payload, headers: type === '' ? {} : { 'content-type': type } };
      const reply = await api.inject({ method, url, ...withBody });
      if (reply.statusCode === 200) {
        // Work that fails says so in its last line.
        const last = JSON.parse(reply.body.trim().split('\n').at(-1) ?? '') as { error?: { code: string } };
        assert.equal(last.error?.code, 'snapshot_unknown', reply.body);
        return;
      }
      assert.match(String(reply.headers['content-type']), /^application\/problem\+json/, reply.body);
      const { code, advice, detail, status } = JSON.parse(reply.body) as Record<string, string>;
      assert.equal(Number(status), reply.statusCode);
      throw new AppError(detail ?? '', { code: code ?? '', advice: advice ?? '' });
    },
    allocatedMax: ({ body: { length } }) => 1_000_000 + 16 * length,
    show: (input) => JSON.stringify(input),
  };
  return [target] as Target<unknown>[] as Target<never>[];
}
