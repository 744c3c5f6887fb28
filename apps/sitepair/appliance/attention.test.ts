import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asId, type SiteId } from '#model';
import { namesTakenTwice } from './attention.ts';

test('a name that two sites go by is told, but not that of a site which the realm has removed', () => {
  const id = (byte: number) => asId('SiteId', new Uint8Array(16).fill(byte));
  const sites = ['north', 'south', 'north', 'east', 'east'].map((name, i) => ({ siteId: id(i), name }));
  const views = { sites: () => sites as never, removedSites: (): SiteId[] => [id(4)] };
  assert.deepEqual(namesTakenTwice(views), ['north']);
});
