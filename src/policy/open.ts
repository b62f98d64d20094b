import {
  type Crypto,
  contentId,
  decodeEnvelope,
  type JsonObject,
  PAYLOAD_TYPES,
  parseCanonical,
} from '../canon/index.js'
import { policyFault } from './error-table.js'
import { requireSigners } from './signers.js'
import type { TrustRoot } from './trust.js'

export interface OpenPolicyContext {
  readonly crypto: Crypto
  readonly trust: TrustRoot
  /** Deployment that wants to load it. */
  readonly audience: string
  readonly nowMs: number
  /** The highest policy that was ever activated here; null where none was. */
  readonly highest: { readonly version: number; readonly cid: string } | null
}

export interface OpenedPayload {
  /** Content id of the payload. */
  readonly cid: string
  readonly payload: JsonObject
}

/**
 * Opens a sealed policy, or throws the code of the first reason not to load it: type, signatures, canonical form,
 * revocation, audience, expiry, floor and rollback. What the payload means is for `activate` to check.
 */
export function openPolicy(bytes: Uint8Array, context: OpenPolicyContext): OpenedPayload {
  const envelope = decodeEnvelope(bytes)
  if (envelope.payloadType !== PAYLOAD_TYPES.policy) throw policyFault('payload_type', envelope.payloadType)
  requireSigners(context.crypto, envelope, context.trust, 'policy')
  const payload = parseCanonical(envelope.payload) as JsonObject
  const cid = contentId(context.crypto, envelope.payload)
  if (context.trust.revoked.ids.includes(cid)) throw policyFault('policy_id_revoked', cid)
  requireAudience(payload, context.audience)
  requireUnexpired(payload, context.nowMs)
  requireProgress(payload, cid, context)
  return { cid, payload }
}

function requireAudience({ audience }: JsonObject, wanted: string): void {
  if (!Array.isArray(audience) || !audience.includes(wanted)) throw policyFault('policy_audience', wanted)
}

function requireUnexpired({ expires }: JsonObject, nowMs: number): void {
  if (typeof expires !== 'number') throw policyFault('policy_no_expiry')
  if (expires <= nowMs) throw policyFault('policy_past_expiry', new Date(expires).toISOString())
}

/** Versions only grow, and one version is one policy. */
function requireProgress({ version }: JsonObject, cid: string, { trust, highest }: OpenPolicyContext): void {
  if (typeof version !== 'number') throw policyFault('compiled_policy_malformed', 'version')
  if (version < trust.minPolicyVersion)
    throw policyFault('policy_below_floor', `${version} < ${trust.minPolicyVersion}`)
  if (highest === null) return
  if (version < highest.version) throw policyFault('policy_rollback', `${version} < ${highest.version}`)
  if (version === highest.version && cid !== highest.cid)
    throw policyFault('policy_version_reused', `version ${version}`)
}
