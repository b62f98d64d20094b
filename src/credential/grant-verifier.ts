import { createHash, createPublicKey, type KeyObject } from 'node:crypto'
import { compactVerify } from 'jose'
import { base64url, CountersignError, fromBase64url, isAcceptablePoint, keyIdOf } from '../canon/index.js'
import type { GrantRefusal } from '../link/index.js'
import type { Slot } from '../protocol/index.js'
import {
  CLAIM_OF_SLOT,
  GRANT_ALG,
  type GrantClaims,
  MAX_GRANT_CHARS,
  MAX_GRANT_TTL_SECONDS,
  parseClaims,
  parseHeader,
} from './grant-claims.js'
import { grantOf } from './grant-issuer.js'
import type { GrantVerdict, GrantVerifier } from './ports.js'
import { Recent } from './recent.js'

export interface GrantVerifierOptions {
  /** Raw Ed25519 public keys (32 bytes) that may have signed: the current one, and the previous one while its grants live. */
  readonly keys: readonly Uint8Array[]
  readonly origin: string
  /** Asked on every use, also for a token verified before. Where it fails the grant is refused. */
  readonly isRevoked: (jti: string, issuedMs: number) => boolean | Promise<boolean>
  /** Verified tokens remembered, so that a signature is checked once; 4,096 unless told. */
  readonly maxRemembered?: number
}

/** Issuer and verifier share a host, but a clock may be set back by a few seconds between the two. */
const CLOCK_SKEW_MS = 5_000

/**
 * Verifies grants. A token must be ours to the letter: our algorithm, type and key id, no other header, the exact
 * claims, this origin, at most an hour, its own slot, not revoked.
 */
export function grantVerifier(options: GrantVerifierOptions): GrantVerifier {
  const keys = new Map(options.keys.map(raw => [keyIdOf(raw), publicKeyOf(raw)]))
  const remembered = new Recent<string, GrantClaims>(options.maxRemembered ?? 4_096)

  async function verify(token: string, slot: Slot, nowMs: number): Promise<GrantVerdict> {
    const claims = await authentic(token)
    if (typeof claims === 'string') return refused(claims)
    if (claims.iss !== options.origin || claims.aud !== options.origin) return refused('grant_audience')
    if (claims.exp - claims.iat > MAX_GRANT_TTL_SECONDS) return refused('grant_malformed')
    if (claims.exp * 1_000 <= nowMs || claims.iat * 1_000 > nowMs + CLOCK_SKEW_MS)
      return refused('grant_expired')
    if (claims.slot !== CLAIM_OF_SLOT[slot]) return refused('grant_slot')
    const revoked = await revocation(claims)
    const grant = grantOf(claims)
    // No token leaves the keeper before its grant is in the log.
    return revoked === null ? { kind: 'grant', grant } : { kind: 'ended', code: revoked, grant, noted: true }
  }

  /** The claims that one of our keys signed. */
  async function authentic(token: string): Promise<GrantClaims | GrantRefusal> {
    if (token.length > MAX_GRANT_CHARS) return 'grant_malformed'
    const digest = createHash('sha256').update(token).digest('base64url')
    const known = remembered.get(digest)
    if (known !== undefined) return known
    const parts = tokenParts(token)
    const kid = parts && parseHeader(parts.header)
    if (parts === undefined || kid === undefined) return 'grant_malformed'
    const key = keys.get(kid)
    if (key === undefined || !(await isSigned(token, key))) return 'grant_signature'
    const claims = parseClaims(parts.payload)
    if (claims === undefined) return 'grant_malformed'
    remembered.set(digest, claims)
    return claims
  }

  async function revocation({ jti, iat }: GrantClaims): Promise<GrantRefusal | null> {
    try {
      return (await options.isRevoked(jti, iat * 1_000)) ? 'grant_revoked' : null
    } catch {
      return 'grant_unverifiable'
    }
  }

  return { verify }
}

function refused(code: GrantRefusal): GrantVerdict {
  return { kind: 'refused', code }
}

/** Header and payload of a compact JWS; undefined for any spelling that an encoder would not have written. */
function tokenParts(token: string): { header: Uint8Array; payload: Uint8Array } | undefined {
  const [header, payload, signature, ...rest] = token.split('.')
  if (header === undefined || payload === undefined || signature === undefined || rest.length > 0)
    return undefined
  try {
    // INVARIANT: one signed grant has one spelling, the signature's unused bits included.
    if (fromBase64url(signature).length !== 64) return undefined
    return { header: fromBase64url(header), payload: fromBase64url(payload) }
  } catch (error) {
    if (error instanceof CountersignError) return undefined
    throw error
  }
}

async function isSigned(token: string, key: KeyObject): Promise<boolean> {
  try {
    await compactVerify(token, key, { algorithms: [GRANT_ALG] })
    return true
  } catch {
    return false
  }
}

function publicKeyOf(raw: Uint8Array): KeyObject {
  if (!isAcceptablePoint(raw)) throw new TypeError('a grant key must be a canonical Ed25519 point')
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: base64url(raw) }, format: 'jwk' })
}
