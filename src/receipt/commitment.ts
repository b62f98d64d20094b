import { type Crypto, hex, utf8 } from '../canon/index.js'

type Hmac = Pick<Crypto, 'hmacSha256'>

/** Bytes of the secret that every attempt draws for itself; deleting it makes all its commitments unopenable. */
export const ATTEMPT_SECRET_BYTES = 32

/** The members of an entry that are commitments, `*_c` without the suffix. */
export type CommittedField = 'target' | 'body' | 'inputs' | 'resp' | `ops.${number}` | `probes.${number}`
export const COMMITTED_FIELD = /^(target|body|inputs|resp|(ops|probes)\.(0|[1-9][0-9]{0,4}))$/

/** Bytes of a field's key. */
export const FIELD_KEY_BYTES = 32

/**
 * Commitment to one field of one attempt, 64 hex digits: HMAC-SHA-256(HMAC-SHA-256(secret, field), value).
 * The key depends on the field, so that one field can be disclosed (`fieldKey` and value) without the others.
 * The value of a body or a response is its 32-byte SHA-256, of a target its raw bytes, of inputs their JCS.
 */
export function commitment(
  crypto: Hmac,
  secret: Uint8Array,
  field: CommittedField,
  value: Uint8Array,
): string {
  return hex(crypto.hmacSha256(fieldKey(crypto, secret, field), value))
}

/** What is handed to an auditor to disclose one field. */
export function fieldKey(crypto: Hmac, secret: Uint8Array, field: CommittedField): Uint8Array {
  return crypto.hmacSha256(secret, utf8(field))
}

/**
 * True where this key and value open a commitment. ATTACK: HMAC pads its key with zeros, so a key with a zero byte
 * behind it opens the same commitment; a field's key has exactly 32 bytes.
 */
export function opensCommitment(
  crypto: Hmac,
  committed: string,
  { key, value }: { readonly key: Uint8Array; readonly value: Uint8Array },
): boolean {
  return key.length === FIELD_KEY_BYTES && hex(crypto.hmacSha256(key, value)) === committed
}
