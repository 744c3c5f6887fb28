import { AppError } from '#runtime';

/** A seal that does not open: another key, other associated data, or changed bytes. Which of them cannot be told apart. */
export class SealError extends AppError {
  constructor(message: string, cause?: unknown) {
    super(message, {
      code: 'seal_broken',
      advice: 'Fetch another copy of this data; if every copy fails alike, the key is the wrong one.',
      cause,
    });
  }
}

/** What may go wrong with identities, keyrings and kits; `code` of a KeysError. */
export type KeysErrorCode =
  | 'identity_damaged'
  | 'identity_newer'
  | 'keyring_damaged'
  | 'keyring_newer'
  | 'keyring_full'
  | 'keyring_conflict'
  | 'realm_conflict'
  | 'public_key_bad'
  | 'kit_unknown'
  | 'kit_wrong'
  | 'kit_unreadable'
  | 'kit_missing'
  | 'passphrase_needed'
  | 'passphrase_not_needed'
  | 'passphrase_bad';

export class KeysError extends AppError {
  declare readonly code: KeysErrorCode;

  constructor(
    code: KeysErrorCode,
    message: string,
    advice: string,
    more: { readonly details?: Readonly<Record<string, unknown>>; readonly cause?: unknown } = {},
  ) {
    super(message, { code, advice, ...more });
  }
}
