import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAppError } from '#runtime';
import { checkName, type Introduction } from './introduction.ts';

const id = (byte: number) => new Uint8Array(16).fill(byte);
const named = (name: string, siteId: Uint8Array) => ({ name, siteId }) as Introduction;

test('a newcomer may not go by the name of any site of the realm, and a site that comes again keeps its own', () => {
  const realm = [named('north', id(1)), named('east', id(3))];
  assert.throws(
    () => checkName(named('east', id(2)), realm),
    (error) => isAppError(error, 'same_site_name'),
  );
  checkName(named('east', id(3)), realm);
  checkName(named('west', id(2)), realm);
});
