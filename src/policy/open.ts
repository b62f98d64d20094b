import type { Crypto, JsonObject, JsonValue } from '../canon/index.js'
import { policyFault } from './error-table.js'
import { openSigned, type SignedPayload } from './open-signed.js'
import type { TrustRoot } from './trust.js'

export interface OpenPolicyOptions {
  readonly crypto: Pick<Crypto, 'sha256' | 'verify'>
  readonly trust: TrustRoot
  /** The deployment that is to load it. */
  readonly audience: string
  readonly nowMs: number
  /** The highest version that was ever activated, as the ledger remembers it; null before the first. */
  readonly highest: { readonly version: number; readonly cid: string } | null
}

/**
 * Opens a sealed policy and throws one code per refusal: `envelope_malformed`, `payload_type_wrong`,
 * `signing_key_revoked`, `signing_key_unknown`, `signature_invalid`, `signatures_short`, `not_canonical`,
 * `content_revoked`, `compiled_policy_malformed`, `audience_wrong`, `expiry_missing`, `expiry_past`,
 * `version_below_floor`, `version_below_highest`, `version_reused`. The rest of the payload, unknown fields and
 * catalogs among it, is checked by `activate`.
 */
export function openPolicy(bytes: Uint8Array, options: OpenPolicyOptions): SignedPayload {
  const { crypto, trust, audience, nowMs, highest } = options
  const sealed = openSigned(bytes, 'policy', trust, crypto)
  const policy = readSealedMetadata(sealed.payload)
  if (!policy.audience.includes(audience)) throw policyFault('audience_wrong', audience)
  if (nowMs >= policy.expiresMs) throw policyFault('expiry_past', new Date(policy.expiresMs).toISOString())
  if (policy.version < trust.minPolicyVersion) {
    throw policyFault('version_below_floor', `${policy.version} is below ${trust.minPolicyVersion}`)
  }
  if (highest !== null) checkNoRollback(policy.version, sealed.cid, highest)
  return sealed
}

/** ATTACK: an older version, or another policy under the same number, is validly signed as well. */
function checkNoRollback(
  version: number,
  cid: string,
  highest: { readonly version: number; readonly cid: string },
): void {
  if (version < highest.version) {
    throw policyFault('version_below_highest', `${version} is below ${highest.version}`)
  }
  if (version === highest.version && cid !== highest.cid) {
    throw policyFault('version_reused', `version ${version} was ${highest.cid}`)
  }
}

/** What a seal is judged by. */
export interface SealedMetadata {
  readonly name: string
  readonly version: number
  readonly expiresMs: number
  readonly audience: readonly string[]
}

/** Reads what a seal is judged by; throws `expiry_missing` or `compiled_policy_malformed`. */
export function readSealedMetadata(payload: JsonObject): SealedMetadata {
  const { v, name, version, expires, audience } = (payload as JsonObject | null) ?? {}
  if (expires === undefined) throw policyFault('expiry_missing')
  const sound =
    v === 1 && typeof name === 'string' && isCount(version) && isCount(expires) && isListOfText(audience)
  if (!sound) throw policyFault('compiled_policy_malformed', 'its version, expiry or audience')
  return { name, version, expiresMs: expires, audience }
}

function isCount(value: JsonValue | undefined): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0
}

function isListOfText(value: JsonValue | undefined): value is string[] {
  return Array.isArray(value) && value.every(each => typeof each === 'string')
}
