import { timingSafeEqual } from 'node:crypto'
import type { Crypto } from '../canon/index.js'
import type { AwsGrantKeys, Grant } from '../credential/index.js'
import { type AdmitRequest, type BodySummary, POD_GRANT, type SignedRequest } from '../link/index.js'
import {
  EMPTY_PAYLOAD,
  type Operation,
  type Recognised,
  requestSignature,
  SIGV4_ALGORITHM,
  scopeText,
  signedHeaderNames,
  signingKey,
  UNSIGNED_PAYLOAD,
} from '../protocol/index.js'

/*
 * The agent's own AWS signature. The gate says what was signed; whether it was is found out here, because the secret
 * that signs is the keeper's. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */

/** As at AWS: how far a signature's time may lie from now, either way. */
const SKEW_MS = 900_000
/** As at AWS: a presigned URL is good for seven days at most. */
const MAX_EXPIRES_SECONDS = 604_800
const SLOT = 'aws-sigv4'
const HASH = /^[0-9a-f]{64}$/
const UNSIGNED_TRAILER = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER'
const SIGNED_CHUNKS = 'STREAMING-AWS4-HMAC-SHA256'
const STREAMING: readonly string[] = [
  UNSIGNED_TRAILER,
  `${SIGNED_CHUNKS}-PAYLOAD`,
  `${SIGNED_CHUNKS}-PAYLOAD-TRAILER`,
]
/** Operations whose body may go upstream under no hash: they store bytes that nothing was decided on. */
const UNREAD_BODIES: readonly string[] = ['s3:PutObject', 's3:UploadPart']
/** Headers that the upstream's own signature brings along. */
const REPLACED: readonly string[] = [
  'authorization',
  'host',
  'x-amz-content-sha256',
  'x-amz-date',
  'x-amz-security-token',
]
/** What a presigned URL says of its signature, each of them once. */
const PRESIGNED = [
  'X-Amz-Algorithm',
  'X-Amz-Credential',
  'X-Amz-Date',
  'X-Amz-Expires',
  'X-Amz-SignedHeaders',
  'X-Amz-Signature',
  'X-Amz-Security-Token',
] as const

/** Some presigners also say there what stands for the payload. */
const PAYLOAD_PARAMETER = 'X-Amz-Content-Sha256'

/** A signature that was found good. */
export interface VerifiedSignature {
  readonly signed: SignedRequest
  /** The agent's signing key for the day, region and service. */
  readonly key: Uint8Array
  /** Unix milliseconds; from then on nobody can present it any more. */
  readonly untilMs: number
}

export type SignatureVerdict =
  /** Null where the slot asks for none. */
  | { readonly kind: 'good'; readonly signature: VerifiedSignature | null }
  | { readonly kind: 'flawed'; readonly code: string }

/** One request whose grant was verified, with what the gate recognised in it and what that means. */
export interface SignatureCase {
  readonly request: AdmitRequest
  readonly grant: Grant
  readonly recognised: readonly Recognised[]
  readonly operations: readonly Operation[]
  /** Where the request would go if it were of this region; undefined where the policy has no such endpoint. */
  readonly originIn: (region: string) => string | undefined
  readonly nowMs: number
}

/**
 * Whether the request is signed by the secret of its grant, now, for this region, and in everything that is to go
 * upstream. Answers a code of the link's table where it isn't. Never throws.
 */
export function verifySignature(
  at: SignatureCase,
  keys: AwsGrantKeys,
  crypto: Pick<Crypto, 'sha256' | 'hmacSha256'>,
): SignatureVerdict {
  const { request, grant } = at
  const { signed } = request
  if (request.presented?.slot !== SLOT)
    return signed === null ? { kind: 'good', signature: null } : flawed('signature_stray')
  if (signed === null) return flawed('signature_missing')
  const code =
    (signed.accessKeyId === accessKeyOf(grant) ? null : 'signature_access_key') ??
    timeFlaw(signed, at.nowMs) ??
    scopeFlaw(signed, at) ??
    headerFlaw(signed) ??
    targetFlaw(signed, request) ??
    payloadFlaw(signed, request.body, at.operations)
  if (code !== null) return flawed(code)
  const key = keysOf(grant, signed, keys, crypto).find(each =>
    isSignedWith(each, signed, request.method, crypto),
  )
  if (key === undefined) return flawed('signature_mismatch')
  return { kind: 'good', signature: { signed, key, untilMs: Math.min(endMs(signed), grant.expiresMs) } }
}

/**
 * A pod's client signs with a word that everybody knows: its grant is what identifies it, and the signature says only
 * that nothing was changed on the way by mistake. It is held to everything else all the same.
 */
function accessKeyOf({ identity, jti }: Grant): string {
  return identity === undefined ? jti : POD_GRANT
}

function keysOf(
  { identity, jti }: Grant,
  signed: SignedRequest,
  keys: AwsGrantKeys,
  crypto: Pick<Crypto, 'sha256' | 'hmacSha256'>,
): readonly Uint8Array[] {
  return identity === undefined ? keys.signingKeys(jti, signed) : [signingKey(POD_GRANT, signed, crypto)]
}

/** Base64 of the key that every chunk of the body is signed with as well; null where none is. */
export function chunkKeyOf(signature: VerifiedSignature | null): string | null {
  if (signature === null || !signature.signed.payload.startsWith(SIGNED_CHUNKS)) return null
  return Buffer.from(signature.key).toString('base64')
}

/** What the upstream's signature says of the body: the bytes that are forwarded, not those that came. */
export function outboundPayload({ payload }: SignedRequest, body: BodySummary): string {
  switch (body.kind) {
    case 'none':
      return EMPTY_PAYLOAD
    case 'inspected':
      return body.sha256
    case 'streamed':
      return HASH.test(payload) ? payload : UNSIGNED_PAYLOAD
  }
}

/** Unix milliseconds of `20260422T101500Z`; NaN for a time that no calendar has. */
function timeMs(date: string): number {
  const iso = date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6.000Z')
  const ms = Date.parse(iso)
  return !Number.isNaN(ms) && new Date(ms).toISOString() === iso ? ms : Number.NaN
}

/** The first moment at which the signature is good no more. */
function endMs({ place, date, expiresSeconds }: SignedRequest): number {
  const ms = timeMs(date)
  return place === 'header' ? ms + SKEW_MS + 1 : ms + (expiresSeconds ?? 0) * 1_000
}

/** The day of the credential scope needs no look of its own: the signing key is made of this date's. */
function timeFlaw(signed: SignedRequest, nowMs: number): string | null {
  const { place, expiresSeconds } = signed
  const presigned = place === 'query'
  if (presigned !== (expiresSeconds !== null)) return 'signature_target'
  if (expiresSeconds !== null && (expiresSeconds < 1 || expiresSeconds > MAX_EXPIRES_SECONDS))
    return 'signature_expired'
  const ms = timeMs(signed.date)
  // Written so that NaN is refused.
  return ms <= nowMs + SKEW_MS && nowMs < endMs(signed) ? null : 'signature_expired'
}

/**
 * The request is for the region that it was signed for. Clients of a service with one endpoint for all sign for the
 * region that they were given: that is as good, if the service has no endpoint there.
 */
function scopeFlaw(
  { region }: SignedRequest,
  { recognised, operations, originIn }: SignatureCase,
): string | null {
  const served = new Set(recognised.map(one => one.region))
  const described = operations.every(({ scope }) => scope.region === undefined || served.has(scope.region))
  if (served.size !== 1 || !described) return 'signature_scope'
  return served.has(region) || originIn(region) === undefined ? null : 'signature_scope'
}

/**
 * ATTACK: a header that changes the operation (`x-amz-acl`, `x-amz-copy-source`) added to a request that was signed
 * without it, and a request that is carried to another host.
 */
function headerFlaw({ headers, outbound }: SignedRequest): string | null {
  const unsigned = outbound.some(([name, value]) => {
    const lower = name.toLowerCase()
    if (REPLACED.includes(lower)) return true
    return lower.startsWith('x-amz-') && !headers.some(header => header[0] === name && header[1] === value)
  })
  return unsigned || !headers.some(([name]) => name === 'host') ? 'signature_unsigned_header' : null
}

/** ATTACK: a gate that has one target signed and another one sent. */
function targetFlaw(signed: SignedRequest, { api, target, presented }: AdmitRequest): string | null {
  const sent = signed.place === 'header' ? signed.target : withoutSignature(signed, presented?.token ?? '')
  // A bare `/aws` is the API's `/`.
  const bare = target === '/' || target.startsWith('/?') ? `/${api}${target.slice(1)}` : target
  return sent === target || sent === `/${api}${target}` || sent === bare ? null : 'signature_target'
}

/**
 * A presigned target without what its signature added, or null unless that is there once and says the same as the
 * gate. The lifetime is signed as a parameter only, so that the gate's word for it would otherwise be believed.
 */
function withoutSignature(signed: SignedRequest, token: string): string | null {
  const question = signed.target.indexOf('?')
  if (question < 0) return null
  const said = new Map<string, string>()
  const kept: string[] = []
  for (const pair of signed.target.slice(question + 1).split('&')) {
    const equals = pair.indexOf('=')
    const name = equals < 0 ? pair : pair.slice(0, equals)
    if (!(PRESIGNED as readonly string[]).includes(name) && name !== PAYLOAD_PARAMETER) kept.push(pair)
    else if (said.has(name)) return null
    else said.set(name, equals < 0 ? '' : pair.slice(equals + 1))
  }
  const expected: Record<(typeof PRESIGNED)[number], string> = {
    'X-Amz-Algorithm': SIGV4_ALGORITHM,
    'X-Amz-Credential': `${signed.accessKeyId}/${scopeText(signed)}`,
    'X-Amz-Date': signed.date,
    'X-Amz-Expires': String(signed.expiresSeconds),
    'X-Amz-SignedHeaders': signedHeaderNames(signed.headers),
    'X-Amz-Signature': signed.signature,
    'X-Amz-Security-Token': token,
  }
  const payload = decoded(said.get(PAYLOAD_PARAMETER)) ?? signed.payload
  if (payload !== signed.payload) return null
  if (PRESIGNED.some(name => decoded(said.get(name)) !== expected[name])) return null
  return signed.target.slice(0, question) + (kept.length === 0 ? '' : `?${kept.join('&')}`)
}

function decoded(text: string | undefined): string | undefined {
  try {
    return text === undefined ? undefined : decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** The hash of a body that was streamed is held against it by the gate, which keeps its last part back until it fits. */
function payloadFlaw(
  { service, payload, headers, receivedSha256 }: SignedRequest,
  body: BodySummary,
  operations: readonly Operation[],
): string | null {
  const declared = headers.filter(([name]) => name === 'x-amz-content-sha256')
  if (declared.some(([, value]) => value.trim() !== payload)) return 'signature_payload'
  if (HASH.test(payload)) {
    const actual = body.kind === 'none' ? EMPTY_PAYLOAD : body.kind === 'inspected' ? receivedSha256 : payload
    return payload === actual ? null : 'signature_payload'
  }
  if (service !== 's3' || (payload !== UNSIGNED_PAYLOAD && !STREAMING.includes(payload)))
    return 'signature_payload'
  // Its chunks are checked as they pass: there is no such thing as a signed chunk of a body that was read before.
  if (payload.startsWith(SIGNED_CHUNKS) && body.kind !== 'streamed') return 'signature_payload'
  if (body.kind === 'streamed' && !operations.every(({ name }) => UNREAD_BODIES.includes(name)))
    return 'signature_body_unsigned'
  return null
}

function isSignedWith(
  key: Uint8Array,
  signed: SignedRequest,
  method: string,
  crypto: Pick<Crypto, 'sha256' | 'hmacSha256'>,
): boolean {
  const { target, headers, payload } = signed
  try {
    const expected = requestSignature({ method, target, headers, payload }, signed, key, crypto)
    return timingSafeEqual(Buffer.from(expected, 'hex'), Buffer.from(signed.signature, 'hex'))
  } catch {
    // Percent-encoding that is no UTF-8: there is no canonical form, so nobody has signed it.
    return false
  }
}

function flawed(code: string): SignatureVerdict {
  return { kind: 'flawed', code }
}
