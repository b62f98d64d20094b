import { timingSafeEqual } from 'node:crypto'
import { hex } from '../canon/index.js'
import { nativeCrypto } from '../native/index.js'
import {
  type CredentialScope,
  requestSignature,
  SIGV4_ALGORITHM,
  signingKey,
  UNSIGNED_PAYLOAD,
} from '../protocol/index.js'
import { type AuthFault, authRefusal } from './aws-auth-faults.js'
import type { AwsDialect } from './aws-dialect.js'
import type { AwsIdentity, Caller } from './aws-identity.js'
import { AwsRefusal } from './aws-refusal.js'
import { type AwsRequest, headerOf } from './aws-request.js'

/** What a request says about its own signature, before any of it is believed. */
export interface SignatureClaim {
  readonly presigned: boolean
  readonly accessKeyId: string
  readonly scope: CredentialScope
  readonly signedHeaders: readonly string[]
  /** Lower-case hex. */
  readonly signature: string
  readonly token: string | null
  /** Presigned URLs only: seconds from `scope.date`. */
  readonly lastsSeconds: number | null
}

/** AWS refuses a request whose clock is further off, and so bounds how long a signature can be sent again. */
const MAX_SKEW_MS = 15 * 60 * 1000
const MAX_PRESIGNED_SECONDS = 7 * 24 * 3600

/** Reads the claim from `Authorization` or the query. A fault instead when there is none, several, or one that isn't SigV4. */
export function claimOf(request: AwsRequest): SignatureClaim | AuthFault {
  const authorizations = request.headers.filter(([name]) => name === 'authorization')
  const presigned = request.query.some(([name]) => name === 'X-Amz-Algorithm' || name === 'X-Amz-Signature')
  if (authorizations.length + Number(presigned) > 1) return 'malformed'
  if (presigned) return presignedClaim(request)
  return authorizations.length === 0 ? 'missing' : headerClaim(request, authorizations[0]?.[1] ?? '')
}

/**
 * Verifies a request as AWS does: the key is known and its session alive, the token is the session's own, the clock
 * agrees, everything that has to be signed is, the payload is the body's, and the signature is right over the raw
 * target. Throws `AwsRefusal` in the dialect's own terms.
 */
export function verifySignature(
  request: AwsRequest,
  claim: SignatureClaim,
  identity: AwsIdentity,
  dialect: AwsDialect,
  now: Date,
): Caller {
  const disbelieve = (fault: AuthFault) => authRefusal(fault, dialect)
  const { caller, secret, token } = keyOf(identity, claim.accessKeyId) ?? {}
  if (caller === undefined || secret === undefined) throw disbelieve('unknown key')
  if ((token ?? null) !== claim.token) throw disbelieve('wrong token')
  if (caller.kind === 'session' && caller.session.expiresAt <= now) throw disbelieve('expired')
  if (!isTimely(claim, now)) throw disbelieve('skewed')
  if (!isCoveredBySignature(request, claim)) throw disbelieve('unsigned header')
  if (headerOf(request, 'x-amz-content-sha256')?.startsWith('STREAMING-'))
    throw new AwsRefusal('NotImplemented', 'This stand-in does not decode aws-chunked bodies.', 501)
  const payload = payloadOf(request, claim)
  if (payload === null) throw disbelieve('payload')
  if (!isRight(request, claim, payload, secret)) throw disbelieve('signature')
  return caller
}

function isRight(request: AwsRequest, claim: SignatureClaim, payload: string, secret: string): boolean {
  const headers = request.headers.filter(([name]) => claim.signedHeaders.includes(name))
  let expected: string
  try {
    expected = requestSignature(
      { method: request.method, target: request.target, headers, payload },
      claim.scope,
      signingKey(secret, claim.scope, nativeCrypto),
      nativeCrypto,
    )
  } catch {
    // A path or a query that isn't percent-encoded UTF-8 can't have been signed.
    return false
  }
  return timingSafeEqual(Buffer.from(expected, 'hex'), Buffer.from(claim.signature, 'hex'))
}

function keyOf(
  identity: AwsIdentity,
  accessKeyId: string,
): { caller: Caller; secret: string; token?: string } | undefined {
  const session = identity.sessions.get(accessKeyId)
  if (session !== undefined)
    return { caller: { kind: 'session', session }, secret: session.secret, token: session.token }
  for (const user of identity.users.values()) {
    const key = user.accessKeys.find(each => each.id === accessKeyId)
    if (key !== undefined) return { caller: { kind: 'user', user }, secret: key.secret }
  }
  return undefined
}

function isTimely({ scope, lastsSeconds }: SignatureClaim, now: Date): boolean {
  const signedAtMs = Date.parse(
    scope.date.replace(/^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/, '$1-$2-$3T$4:$5:$6Z'),
  )
  if (Number.isNaN(signedAtMs)) return false
  const ageMs = now.getTime() - signedAtMs
  return ageMs >= -MAX_SKEW_MS && ageMs <= (lastsSeconds === null ? MAX_SKEW_MS : lastsSeconds * 1000)
}

/** ATTACK: an `x-amz-` header that isn't signed changes the operation under a signature that stays right. */
function isCoveredBySignature(request: AwsRequest, { signedHeaders, presigned }: SignatureClaim): boolean {
  const needed = request.headers
    .map(([name]) => name)
    .filter(name => name.startsWith('x-amz-') && !(presigned && name === 'x-amz-content-sha256'))
  const sent = new Set(request.headers.map(([name]) => name))
  return (
    ['host', ...needed].every(name => signedHeaders.includes(name)) &&
    signedHeaders.every(name => sent.has(name))
  )
}

/** The payload hash that was signed; null when it isn't the body's. */
function payloadOf(request: AwsRequest, claim: SignatureClaim): string | null {
  const isS3 = claim.scope.service === 's3'
  const sent = headerOf(request, 'x-amz-content-sha256')
  if (isS3 && claim.presigned && sent === undefined) return UNSIGNED_PAYLOAD
  if (isS3 && sent === UNSIGNED_PAYLOAD) return UNSIGNED_PAYLOAD
  const actual = hex(nativeCrypto.sha256(request.body))
  if (sent === undefined) return isS3 ? null : actual
  return sent === actual ? actual : null
}

function headerClaim(request: AwsRequest, authorization: string): SignatureClaim | AuthFault {
  const match =
    /^(\S+) Credential=([^\s,]+),\s*SignedHeaders=([a-z0-9;_.-]+),\s*Signature=([0-9a-f]{64})$/.exec(
      authorization,
    )
  const date = headerOf(request, 'x-amz-date')
  if (match === null || match[1] !== SIGV4_ALGORITHM || date === undefined) return 'malformed'
  const token = headerOf(request, 'x-amz-security-token') ?? null
  return scopedClaim(match[2] as string, date, {
    presigned: false,
    signedHeaders: (match[3] as string).split(';'),
    signature: match[4] as string,
    token,
    lastsSeconds: null,
  })
}

function presignedClaim(request: AwsRequest): SignatureClaim | AuthFault {
  const only = (name: string) => {
    const values = request.query.filter(([each]) => each === name)
    return values.length === 1 ? values[0]?.[1] : undefined
  }
  const [algorithm, credential, date, signature] = ['Algorithm', 'Credential', 'Date', 'Signature'].map(
    name => only(`X-Amz-${name}`),
  )
  const lastsSeconds = Number(only('X-Amz-Expires') ?? 'absent')
  const wellFormed =
    algorithm === SIGV4_ALGORITHM &&
    /^[0-9a-f]{64}$/.test(signature ?? '') &&
    Number.isInteger(lastsSeconds) &&
    lastsSeconds >= 1 &&
    lastsSeconds <= MAX_PRESIGNED_SECONDS
  if (!wellFormed || credential === undefined || date === undefined) return 'malformed'
  return scopedClaim(credential, date, {
    presigned: true,
    signedHeaders: (only('X-Amz-SignedHeaders') ?? '').split(';'),
    signature: signature as string,
    token: only('X-Amz-Security-Token') ?? null,
    lastsSeconds,
  })
}

function scopedClaim(
  credential: string,
  date: string,
  rest: Omit<SignatureClaim, 'accessKeyId' | 'scope'>,
): SignatureClaim | AuthFault {
  const [accessKeyId, day, region, service, terminator, ...more] = credential.split('/')
  if (!accessKeyId || !region || !service || terminator !== 'aws4_request' || more.length > 0)
    return 'malformed'
  if (!/^\d{8}T\d{6}Z$/.test(date) || day !== date.slice(0, 8)) return 'malformed'
  return { ...rest, accessKeyId, scope: { date, region, service } }
}
