import { handshakePublicOf, type SiteIdentity, sign, verify } from '#keys';
import { asId, checkedName, type SiteId } from '#model';
import { AppError, concatBytes, equalBytes } from '#runtime';
import { codecOf } from '#wire';
import { nameTaken } from './pairing-errors.ts';

/** `Introduction` of pairing.proto. */
export interface Introduction {
  siteId: Uint8Array;
  name: string;
  realmId: Uint8Array;
  identityKey: Uint8Array;
  addresses: string[];
  fullMembers: number;
  softwareVersion: string;
  doorKey: Uint8Array;
  incarnationId: Uint8Array;
  incarnationNumber: number;
  kitId: Uint8Array;
  kitPublicKey: Uint8Array;
}

const codec = codecOf<Introduction>('pairing.proto', 'sitepair.pairing.v1.Introduction');
const signedCodec = codecOf<{ introduction: Uint8Array; signature: Uint8Array }>(
  'pairing.proto',
  'sitepair.pairing.v1.SignedIntroduction',
);
const purpose = 'introduction';
const introductionMaxBytes = 4096;

/** Says who this site is, bound to one handshake. */
export function signIntroduction(
  identity: SiteIdentity,
  handshakeHash: Uint8Array,
  introduction: Introduction,
): Uint8Array {
  const bytes = codec.encode(introduction);
  return signedCodec.encode({
    introduction: bytes,
    signature: sign(identity.key, purpose, concatBytes([handshakeHash, bytes])),
  });
}

/**
 * Checks an introduction: its size and fields, its signature over this very handshake, and that the identity key is the
 * one the handshake was made with. Throws `introduction_refused`.
 */
export function checkIntroduction(
  signed: Uint8Array,
  handshakeHash: Uint8Array,
  remoteStatic: Uint8Array,
): Introduction {
  if (signed.length > introductionMaxBytes) throw refused('it is too long');
  const { introduction: bytes, signature } = signedCodec.decode(signed);
  const introduction = codec.decode(bytes);
  asId('SiteId', introduction.siteId);
  asId('RealmId', introduction.realmId);
  asId('IncarnationId', introduction.incarnationId);
  checkedName('site', introduction.name);
  if (introduction.identityKey.length !== 32) throw refused('a key has a wrong length');
  if (introduction.doorKey.length !== 0 && introduction.doorKey.length !== 32)
    throw refused('a key has a wrong length');
  const kitFits = introduction.kitId.length === 8 && introduction.kitPublicKey.length === 32;
  if (!kitFits) throw refused('it names no recovery kit');
  if (introduction.addresses.length > 8) throw refused('it names too many addresses');
  if (!verify(introduction.identityKey, purpose, concatBytes([handshakeHash, bytes]), signature))
    throw refused('its signature is wrong');
  if (!equalBytes(handshakePublicOf(introduction.identityKey), remoteStatic))
    throw refused('its key is not the one of this connection');
  return introduction;
}

/** Refuses what could not be undone later: two sites of one name, two organisations each with several members. */
export function checkJoining(own: Introduction, other: Introduction, role: 'full' | 'blind'): void {
  if (equalBytes(own.siteId, other.siteId)) {
    throw new AppError('the other appliance is a copy of this one: it has the same site id', {
      code: 'same_site',
      advice:
        'Do not run copies of a state folder. Make the other site anew with "sitepair init" or "sitepair rebuild".',
    });
  }
  if (own.name === other.name) {
    throw new AppError(`both sites are called "${own.name}"`, {
      code: 'same_site_name',
      advice: 'Make the newer site anew under another name ("sitepair init --site NAME").',
    });
  }
  const apart = !equalBytes(own.realmId, other.realmId);
  if (role === 'full' && apart && own.fullMembers > 1 && other.fullMembers > 1) {
    throw new AppError('both sites belong to realms that have several members already', {
      code: 'two_realms',
      advice: 'Remove one of them from its realm first ("sitepair pair remove"), or pair as blind ("--blind").',
    });
  }
}

/** Refuses a name that another site of the realm goes by, also one that is no peer of this site: SITE/DATASET means one thing. */
export function checkName(
  { name, siteId }: Introduction,
  known: readonly { readonly siteId: Uint8Array; readonly name: string }[],
): void {
  if (known.some((site) => site.name === name && !equalBytes(site.siteId, siteId))) throw nameTaken(name);
}

/** The id of the site that introduced itself. */
export function siteIdOf(introduction: Introduction): SiteId {
  return asId('SiteId', introduction.siteId);
}

function refused(why: string): AppError {
  return new AppError(`the other appliance's introduction is refused: ${why}`, {
    code: 'introduction_refused',
    advice: 'Make a new invitation and try again; if it happens again, somebody may sit between the two sites.',
  });
}
