import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MemberView } from '#catalog';
import { asId } from '#model';
import { isAppError } from '#runtime';
import { checkOwner } from './check-owner.ts';

const id = (byte: number) => asId('SiteId', new Uint8Array(16).fill(byte));
const [cellar, north, stranger] = [id(1), id(2), id(3)];
const member = (siteId: typeof cellar, role: 'full' | 'blind') => ({ siteId, role }) as MemberView;
const words = (members: MemberView[], removed: (typeof cellar)[] = []) => ({
  members: () => members,
  removedSites: () => removed,
});
const refused = (error: unknown) => isAppError(error, 'not_of_this_realm');

test('the first owner of a vault is believed, and stays it', () => {
  checkOwner(words([member(cellar, 'blind')]), cellar, { siteId: north, name: 'north' });
  checkOwner(words([member(cellar, 'blind'), member(north, 'full')]), cellar, { siteId: north, name: 'north' });
});

test('who only says that it belongs to the realm gets nothing of its vault', () => {
  const known = words([member(cellar, 'blind'), member(north, 'full')]);
  assert.throws(() => checkOwner(known, cellar, { siteId: stranger, name: 'stranger' }), refused);
});

test('who was removed from the realm is out of its vault, too', () => {
  const known = words([member(cellar, 'blind'), member(north, 'full')], [stranger]);
  assert.throws(() => checkOwner(known, cellar, { siteId: stranger, name: 'stranger' }), refused);
});
