import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { toHex } from '#runtime';
import { firstMessageBytes, linkVersions } from './first-message.ts';
import { defaultHeartbeat } from './heartbeat.ts';
import { helloBytes } from './link-messages.ts';
import { dataConnectionsMax, handshakeTimeoutMs } from './link-settings.ts';
import {
  channelsMax,
  defaultCreditBytes,
  encodeFrame,
  initialCreditBytes,
  type MuxFrame,
  messageBytesMax,
  messageCostBytes,
  reportBytesMax,
} from './mux-frames.ts';
import { defaultStrangerLimits } from './stranger-limits.ts';
import { unauthenticatedFrameBytesMax, webSocketFrameBytesMax } from './websocket-conduit.ts';
import { linkPath, linkPort } from './websocket-dial.ts';

const page = readFileSync(new URL('../../proto/LINK.md', import.meta.url), 'utf8');

test('the example frames of LINK.md are what the code makes', () => {
  const examples: Record<string, MuxFrame> = {
    'open channel 1 to `echo`': { type: 'open', channel: 1, service: 'echo' },
    'message `abc` whole on channel 1': { type: 'data', channel: 1, messageBytes: 3, bytes: Buffer.from('abc') },
    '`de`, the rest of a message on channel 2': { type: 'more', channel: 2, bytes: Buffer.from('de') },
    '1 MiB of credit on channel 1': { type: 'credit', channel: 1, creditBytes: 2 ** 20 },
    'the end of channel 258': { type: 'end', channel: 258 },
    'ping 1': { type: 'ping', echo: Buffer.from('0000000000000001', 'hex') },
  };
  for (const [name, frame] of Object.entries(examples)) {
    const row = `| ${name} | \`${toHex(Buffer.concat(encodeFrame(frame)))}\` |`;
    assert.ok(page.includes(row), row);
  }
});

test('the limits in LINK.md are those of the code', () => {
  const group = (value: number) => value.toLocaleString('en-US');
  const sayings = [
    `path \`${linkPath}\`, TCP port ${linkPort}`,
    `1 to ${dataConnectionsMax} *data* connections`,
    `above ${group(webSocketFrameBytesMax)} bytes ends`,
    `${defaultStrangerLimits.perAddressMax} from one address, ${defaultStrangerLimits.allMax} in all, ${handshakeTimeoutMs / 1000} s each`,
    `at most ${unauthenticatedFrameBytesMax} bytes, one message ahead`,
    `(in all ${firstMessageBytes('control')})`,
    `(in all ${firstMessageBytes('door')})`,
    `in all ${helloBytes};`,
    `At most ${channelsMax / 2} of either end`,
    `(${group(messageBytesMax)})`,
    `and ${messageCostBytes} with its *data* frame`,
    `may send ${group(initialCreditBytes)} on a new channel`,
    `(${defaultCreditBytes / 2 ** 20} MiB unless said otherwise`,
    `\`ErrorReport\`, at most ${reportBytesMax} bytes`,
    `pings every ${defaultHeartbeat.intervalMs / 1000} s`,
    `# The link, version ${linkVersions.max}`,
  ];
  for (const saying of sayings) assert.ok(page.includes(saying), saying);
});
