import { createHash } from 'node:crypto'
import { decodeJwt, errors, type JWTPayload, jwtVerify } from 'jose'
import type { GrantRefusal } from '../link/index.js'
import { isPlainText, MAX_GRANT_CHARS, MAX_GRANT_TTL_SECONDS } from './grant-claims.js'
import type { IssuerKeys } from './issuer-keys.js'
import { Recent } from './recent.js'

/*
 * A token that the kubelet renews for a pod (a projected service account token, RFC 7519), as far as it is read:
 *
 *     {"aud":["<origin>"],"exp":1790003600,"iat":1790000000,"iss":"https://kubernetes.default.svc",
 *      "kubernetes.io":{"namespace":"agents","pod":{"name":"coder-1","uid":"…"},"serviceaccount":{"name":"coder","uid":"…"}},
 *      "sub":"system:serviceaccount:agents:coder"}
 */

/** Who somebody else says that the agent is. */
export interface PodIdentity {
  readonly issuer: string
  readonly subject: string
  /** Null where the issuer is no Kubernetes. */
  readonly pod: { readonly namespace: string; readonly name: string; readonly uid: string } | null
  /** A UUID made of the hash of what the issuer has signed: each renewal has another. */
  readonly id: string
  readonly issuedMs: number
  readonly expiresMs: number
}

export type IdentityVerdict =
  | { readonly kind: 'identity'; readonly identity: PodIdentity }
  | { readonly kind: 'refused'; readonly code: GrantRefusal }

export interface IdentityIssuer {
  /** `iss`, to the letter. */
  readonly issuer: string
  readonly keys: IssuerKeys
  /** Asks the issuer itself whether the token still holds; null where its signature is enough. May throw. */
  readonly review: ((token: string, subject: string, nowMs: number) => Promise<boolean>) | null
}

export interface IdentityVerifierOptions {
  readonly issuers: readonly IdentityIssuer[]
  /** The one audience that a token may have. */
  readonly origin: string
  /** Tokens of another pod are refused; null where the sidecar serves several. */
  readonly podUid: string | null
}

export interface IdentityVerifier {
  /** True where the token says that it is of one of the issuers: nobody else here verifies it then. */
  claims(token: string): boolean
  /** True where tokens of this issuer are verified. */
  knows(issuer: string): boolean
  /** Never throws. Whatever can't be found out is a refusal. */
  verify(token: string, nowMs: number): Promise<IdentityVerdict>
}

/** RFC 7518 §3.1: keys that only the issuer has. What both sides know, or nobody, isn't among them. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
]
const SKEW_SECONDS = 5
const MAX_REMEMBERED = 1_024

export function identityVerifier({ issuers, origin, podUid }: IdentityVerifierOptions): IdentityVerifier {
  const known = new Map(issuers.map(each => [each.issuer, each]))
  const remembered = new Recent<string, PodIdentity>(MAX_REMEMBERED)

  async function authentic(token: string, nowMs: number): Promise<PodIdentity | GrantRefusal> {
    const digest = sha256(token).toString('base64url')
    const before = remembered.get(digest)
    if (before !== undefined) return before
    const issuer = issuerOf(token)
    const at = issuer === null ? undefined : known.get(issuer)
    if (at === undefined) return 'grant_signature'
    try {
      const { payload } = await jwtVerify(token, header => at.keys.find(header, nowMs), {
        algorithms: ALGORITHMS,
        issuer: at.issuer,
        audience: origin,
        clockTolerance: SKEW_SECONDS,
        currentDate: new Date(nowMs),
        requiredClaims: ['exp', 'iat', 'sub'],
      })
      // ATTACK: a token that was revoked, with its signature in another spelling. Spare bits of its last character, and
      // the s of ECDSA, can be had otherwise by whoever has the token.
      const id = uuidOf(sha256(token.slice(0, token.lastIndexOf('.'))))
      const identity = identityOf(payload, at.issuer, id)
      if (identity === null) return 'grant_malformed'
      remembered.set(digest, identity)
      return identity
    } catch (error) {
      return refusalOf(error)
    }
  }

  return {
    claims: token => known.has(issuerOf(token) ?? ''),
    knows: issuer => known.has(issuer),
    verify: async (token, nowMs) => {
      if (token.length > MAX_GRANT_CHARS) return refused('grant_malformed')
      const identity = await authentic(token, nowMs)
      if (typeof identity === 'string') return refused(identity)
      // Remembered or not: it ends when it ends.
      if (identity.expiresMs <= nowMs || identity.issuedMs > nowMs + SKEW_SECONDS * 1_000)
        return refused('grant_expired')
      // ATTACK: a token that another pod's agent has read out of its own.
      if (podUid !== null && identity.pod?.uid !== podUid) return refused('grant_audience')
      const review = known.get(identity.issuer)?.review ?? null
      try {
        if (review !== null && !(await review(token, identity.subject, nowMs)))
          return refused('grant_revoked')
      } catch {
        return refused('grant_unverifiable')
      }
      return { kind: 'identity', identity }
    },
  }
}

/** What the payload says of itself, unverified. */
function issuerOf(token: string): string | null {
  if (token.length > MAX_GRANT_CHARS) return null
  try {
    return decodeJwt(token).iss ?? null
  } catch {
    return null
  }
}

/** Null for a token that says too little, or more than one thing. */
function identityOf(payload: JWTPayload, issuer: string, id: string): PodIdentity | null {
  const { sub, aud, exp, iat } = payload
  if (!isPlainText(sub) || !Number.isSafeInteger(exp) || !Number.isSafeInteger(iat)) return null
  // ATTACK: one token for several places is known to several.
  if (Array.isArray(aud) && aud.length !== 1) return null
  const [issuedSeconds, endSeconds] = [iat as number, exp as number]
  if (endSeconds - issuedSeconds > MAX_GRANT_TTL_SECONDS) return null
  const pod = podOf(payload['kubernetes.io'], sub)
  if (pod === undefined) return null
  return { issuer, subject: sub, pod, id, issuedMs: issuedSeconds * 1_000, expiresMs: endSeconds * 1_000 }
}

/** Null where nothing is said of a pod, undefined where what is said doesn't fit together. */
function podOf(value: unknown, subject: string): PodIdentity['pod'] | undefined {
  if (value === undefined) return null
  const { namespace, pod, serviceaccount } = (value ?? {}) as Readonly<Record<string, unknown>>
  const { name, uid } = (pod ?? {}) as Readonly<Record<string, unknown>>
  const account = ((serviceaccount ?? {}) as Readonly<Record<string, unknown>>).name
  if (![namespace, name, uid, account].every(isPlainText)) return undefined
  if (subject !== `system:serviceaccount:${namespace}:${account}`) return undefined
  return { namespace: namespace as string, name: name as string, uid: uid as string }
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** RFC 9562 §5.8: a UUID of our own making, from the first 128 bits of a hash. */
export function uuidOf(digest: Uint8Array): string {
  const bytes = Buffer.from(digest.subarray(0, 16))
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x80
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

function refusalOf(error: unknown): GrantRefusal {
  if (error instanceof errors.JWTExpired) return 'grant_expired'
  if (error instanceof errors.JWTClaimValidationFailed)
    return error.claim === 'aud'
      ? 'grant_audience'
      : error.claim === 'nbf'
        ? 'grant_expired'
        : 'grant_malformed'
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'grant_signature'
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JOSEAlgNotAllowed)
    return 'grant_signature'
  if (error instanceof errors.JOSEError) return 'grant_malformed'
  // The keys could not be had.
  return 'grant_unverifiable'
}

function refused(code: GrantRefusal): IdentityVerdict {
  return { kind: 'refused', code }
}
