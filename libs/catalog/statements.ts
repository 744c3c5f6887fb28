import { asId, type IncarnationId } from '#model';
import { codecOf, sha256 } from '#wire';
import { malformedCatalog } from './catalog-errors.ts';
import type { CutPoint, IncarnationStatement, MemberStatement, Role } from './entries.ts';
import { bytesField, countField, type Fields, messageField, optionalBytes } from './fields.ts';
import { hashBytes, kitIdBytes, publicKeyBytes } from './limits.ts';

const incarnationCodec = codecOf<Fields>('catalog.proto', 'sitepair.catalog.v1.IncarnationStatement');
const memberCodec = codecOf<Fields>('catalog.proto', 'sitepair.catalog.v1.MemberStatement');

const roleNumbers: Readonly<Record<Role, number>> = { full: 1, blind: 2 };

/** The bytes that a kit, or the key before, signs for purpose "catalog incarnation". */
export function encodeIncarnationStatement(statement: IncarnationStatement): Uint8Array {
  return incarnationCodec.encode({ ...statement });
}

/** Throws AppError `catalog_malformed` or `malformed_message`. */
export function decodeIncarnationStatement(bytes: Uint8Array): IncarnationStatement {
  const fields = incarnationCodec.decode(bytes);
  const cut = messageField(fields, 'cut');
  const number = countField(fields, 'number');
  if (number === 0) throw malformedCatalog('an incarnation without number');
  return {
    siteId: asId('SiteId', bytesField(fields, 'siteId')),
    nonce: bytesField(fields, 'nonce', 16),
    number,
    publicKey: bytesField(fields, 'publicKey', publicKeyBytes),
    cut: cut === undefined ? undefined : decodeCut(cut),
    kitId: optionalBytes(fields, 'kitId', kitIdBytes),
    ...(fields.keepsCopies === true ? { keepsCopies: true } : {}),
  };
}

/** The id of the incarnation that these bytes open. */
export function incarnationIdOf(statement: Uint8Array): IncarnationId {
  return asId('IncarnationId', new Uint8Array(sha256(statement).subarray(0, 16)));
}

/** The bytes that a newcomer countersigns for purpose "catalog member". */
export function encodeMemberStatement(statement: MemberStatement): Uint8Array {
  return memberCodec.encode({ ...statement, role: roleNumbers[statement.role] });
}

/** Throws AppError `catalog_malformed` or `malformed_message`. */
export function decodeMemberStatement(bytes: Uint8Array): MemberStatement {
  const fields = memberCodec.decode(bytes);
  const role = countField(fields, 'role');
  if (role !== roleNumbers.full && role !== roleNumbers.blind) throw malformedCatalog('a member without a known role');
  return {
    realmId: asId('RealmId', bytesField(fields, 'realmId')),
    bySiteId: asId('SiteId', bytesField(fields, 'bySiteId')),
    siteId: asId('SiteId', bytesField(fields, 'siteId')),
    publicKey: bytesField(fields, 'publicKey', publicKeyBytes),
    kitId: optionalBytes(fields, 'kitId', kitIdBytes),
    kitPublicKey: optionalBytes(fields, 'kitPublicKey', publicKeyBytes),
    role: role === roleNumbers.full ? 'full' : 'blind',
  };
}

function decodeCut(fields: Fields): CutPoint {
  return {
    incarnationId: asId('IncarnationId', bytesField(fields, 'incarnationId')),
    seq: countField(fields, 'seq'),
    hash: bytesField(fields, 'hash', hashBytes),
  };
}
