import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { test } from 'node:test';
import { AccountNames } from './index.ts';

test('users and groups are known by number and by name', () => {
  const accounts = new AccountNames();
  assert.deepEqual([accounts.userName(0), accounts.userId('root')], ['root', 0]);
  assert.deepEqual([accounts.groupName(0), accounts.groupId('root')], ['root', 0]);
  const { uid, username } = userInfo();
  assert.equal(accounts.userName(uid), username);
  assert.equal(accounts.userId(username), uid);
});

test('every group of the local file is found, with its number', () => {
  const accounts = new AccountNames();
  for (const line of readFileSync('/etc/group', 'utf8').split('\n').filter(Boolean)) {
    const [name = '', , gid] = line.split(':');
    assert.equal(accounts.groupId(name), Number(gid), name);
  }
});

test('what nobody is called is undefined, however often it is asked', () => {
  const accounts = new AccountNames();
  for (let again = 0; again < 2; again++) {
    assert.equal(accounts.userName(0xfffffff0), undefined);
    assert.equal(accounts.groupName(0xfffffff0), undefined);
    assert.equal(accounts.userId('no-such-user-here'), undefined);
    assert.equal(accounts.groupId('no-such-group-here'), undefined);
  }
  for (const strange of ['', 'root\0x', 'x'.repeat(100_000)]) assert.equal(accounts.userId(strange), undefined);
});
