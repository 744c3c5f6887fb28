import { hash } from 'node:crypto';
import { AppError } from '#runtime';
import { codecOf } from '#wire';

/** `InvitationCode` of pairing.proto. */
export interface InvitationFields {
  addresses: string[];
  inviterFingerprint: Uint8Array;
  secret: Uint8Array;
  role: number;
  expiresSeconds: number;
  purpose: number;
}

export const invitationRoles = { full: 1, blind: 2 } as const;
export const invitationPurposes = { site: 1, agent: 2 } as const;

const codec = codecOf<InvitationFields>('pairing.proto', 'sitepair.pairing.v1.InvitationCode');
const prefix = 'sp1-';
const addressesMax = 8;

/** The text that people carry: `sp1-` ‖ base64url(message ‖ first 4 bytes of its SHA-256). */
export function encodeInvitation(fields: InvitationFields): string {
  const message = codec.encode(fields);
  return prefix + Buffer.concat([message, checksum(message)]).toString('base64url');
}

/** Reads a code as typed or scanned: white space is left out. Throws `invitation_unreadable`. */
export function decodeInvitation(text: string): InvitationFields {
  const code = text.replace(/\s+/g, '');
  const bytes =
    code.startsWith(prefix) && code.length < 2048
      ? Buffer.from(code.slice(prefix.length), 'base64url')
      : Buffer.alloc(0);
  const message = bytes.subarray(0, Math.max(0, bytes.length - 4));
  if (bytes.length < 5 || !checksum(message).equals(bytes.subarray(message.length))) throw unreadable();
  const fields = codec.decode(message);
  const fits =
    fields.secret.length === 32 &&
    fields.inviterFingerprint.length === 16 &&
    fields.addresses.length >= 1 &&
    fields.addresses.length <= addressesMax &&
    fields.addresses.every((address) => address.length <= 255);
  if (!fits) throw unreadable();
  return fields;
}

function checksum(message: Uint8Array): Buffer {
  return hash('sha256', message, 'buffer').subarray(0, 4);
}

function unreadable(): AppError {
  return new AppError('this is no invitation code, or a part of it is missing', {
    code: 'invitation_unreadable',
    advice: 'Copy the whole code that "sitepair pair invite" or "sitepair agent invite" printed; it begins with sp1-.',
  });
}
