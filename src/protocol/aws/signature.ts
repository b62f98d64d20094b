import type { Unclassifiable } from '../operation.js'
import type { Header } from '../request.js'
import { isUnclassifiable, unclassifiable } from '../unclassifiable.js'
import { SIGV4_ALGORITHM, UNSIGNED_PAYLOAD } from './sigv4.js'

/*
 * Where a client says that it signed, and what for. Nothing is verified here: the keeper alone holds the key.
 *
 *   Authorization: AWS4-HMAC-SHA256 Credential=<id>/20260422/eu-west-1/ec2/aws4_request, SignedHeaders=host;x-amz-date,
 *     Signature=<64 hex>
 *   GET /bucket/key?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=<id>%2F20260422%2F…&X-Amz-Date=…&X-Amz-Expires=900
 *     &X-Amz-SignedHeaders=host&X-Amz-Signature=<64 hex>
 *
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html
 */

/** What a signature says of itself. */
export interface CredentialClaim {
  readonly accessKeyId: string
  readonly region: string
  /** Signing name of the service: `monitoring`. */
  readonly service: string
  /** First eight characters of the date: `20260422`. */
  readonly day: string
  /** Lower-case, in canonical order; `host` is one of them. */
  readonly signedHeaders: readonly string[]
  /** 64 lower-case hex digits. */
  readonly signature: string
}

/** A signed request as its client wrote it. */
export interface RequestSignature extends CredentialClaim {
  readonly place: 'header' | 'query'
  /** `20260422T101500Z` */
  readonly date: string
  /** 1–604800 for a presigned URL, null otherwise. */
  readonly expiresSeconds: number | null
  /**
   * What stands for the payload in what was signed: 64 lower-case hex digits, `UNSIGNED-PAYLOAD`, `STREAMING-…`; null
   * where the client named nothing, and it is the SHA-256 of the body.
   */
  readonly payload: string | null
  readonly securityToken: string | null
  /** The target as the upstream will get it: of a presigned URL, without what signed it. */
  readonly targetWithoutSignature: string
}

const ALGORITHM = 'X-Amz-Algorithm'
const CREDENTIAL = 'X-Amz-Credential'
const DATE = 'X-Amz-Date'
const EXPIRES = 'X-Amz-Expires'
const SIGNED_HEADERS = 'X-Amz-SignedHeaders'
const SIGNATURE = 'X-Amz-Signature'
const SECURITY_TOKEN = 'X-Amz-Security-Token'
const CONTENT_SHA256 = 'X-Amz-Content-Sha256'

/** Parameters of a presigned URL that are about its signature; lower-case name → the one spelling. */
const PARAMETERS: ReadonlyMap<string, string> = new Map(
  [ALGORITHM, CREDENTIAL, DATE, EXPIRES, SIGNED_HEADERS, SIGNATURE, SECURITY_TOKEN, CONTENT_SHA256].map(
    name => [name.toLowerCase(), name],
  ),
)

const AUTHORIZATION = new RegExp(
  `^${SIGV4_ALGORITHM} Credential=([^ ,]{1,512}), ?SignedHeaders=([^ ,]{1,4096}), ?Signature=([^ ,]{1,128})$`,
)
/** A grant's id is no AWS key, so that more than AWS's own form is taken. */
const ACCESS_KEY = /^[A-Za-z0-9_-]{1,128}$/
/** No longer than the link to the keeper takes it, as with the names of payloads below. */
const REGION = /^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/
/** `IoTSecuredTunneling`: not all are lower-case. */
const SERVICE = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}[A-Za-z0-9])?$/
const TIMESTAMP = /^[0-9]{8}T(?:[01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]Z$/
const DIGEST = /^[0-9a-f]{64}$/
const PAYLOAD = /^(?:[0-9a-f]{64}|UNSIGNED-PAYLOAD|STREAMING-[A-Z0-9-]{1,54})$/
const HEADER_NAMES = /^[a-z0-9-]+(?:;[a-z0-9-]+)*$/
/** Seven days: the longest that AWS takes. */
const MAX_EXPIRES_SECONDS = 604_800

/**
 * Reads the one SigV4 signature of a request, from Authorization or from the query of a presigned URL. Null where
 * there is none; a refusal where there are two, where it is of another kind (SigV4A, SigV2), or where anything in it
 * is not as AWS's own signers write it. `headers` are lower-case, duplicates kept.
 */
export function readSignature(
  rawTarget: string,
  headers: readonly Header[],
): RequestSignature | Unclassifiable | null {
  const authorizations = valuesOf(headers, 'authorization')
  const inHeader = authorizations.some(value => /^AWS/i.test(value.trim()))
  const parameters = signatureParameters(rawTarget)
  if (isUnclassifiable(parameters)) return parameters
  if (isSigV4a(headers, authorizations, parameters.values, rawTarget)) return unclassifiable('aws_sigv4a')
  if (!inHeader && parameters.values.size === 0) return null
  // ATTACK: a signature in each place; which of the two counts is the server's choice.
  if (authorizations.length > 0 && (parameters.values.size > 0 || authorizations.length > 1))
    return unclassifiable('aws_signature_twice')
  const read = inHeader
    ? headerSignature(authorizations[0] as string, rawTarget, headers)
    : querySignature(parameters, headers)
  return isUnclassifiable(read) ? read : (refuseUnsigned(read, headers) ?? read)
}

/** The claim of an Authorization header; a refusal where it is no SigV4 one. */
export function readAuthorization(value: string): CredentialClaim | Unclassifiable {
  if (value.startsWith('AWS4-ECDSA')) return unclassifiable('aws_sigv4a')
  const match = AUTHORIZATION.exec(value)
  if (match === null) return unclassifiable('aws_signature_malformed', 'in Authorization')
  const [, credential, names, signature] = match as unknown as [string, string, string, string]
  return claimOf(credential, names, signature)
}

/**
 * The headers of a presigned request as if it had been signed in Authorization, which is how a catalog reads them.
 * Those of any other request are returned as they are.
 */
export function headersAsSigned(signature: RequestSignature, headers: readonly Header[]): readonly Header[] {
  if (signature.place === 'header') return headers
  const { accessKeyId, day, region, service, signedHeaders, payload } = signature
  const scope = `${accessKeyId}/${day}/${region}/${service}/aws4_request`
  const text = `${SIGV4_ALGORITHM} Credential=${scope}, SignedHeaders=${signedHeaders.join(';')}, Signature=${signature.signature}`
  const named = headers.some(([name]) => name === 'x-amz-content-sha256')
  return [
    ...headers,
    ['authorization', text],
    ...(payload === null || named ? [] : [['x-amz-content-sha256', payload] as const]),
  ]
}

/** The target of a presigned URL without what signed it, byte for byte; any other target as it is. */
export function withoutSignature(rawTarget: string): string {
  const read = signatureParameters(rawTarget)
  return isUnclassifiable(read) ? rawTarget : read.rest
}

interface SignatureParameters {
  /** Decoded, by their one spelling. */
  readonly values: ReadonlyMap<string, string>
  /** The target without them. */
  readonly rest: string
}

/** ATTACK: `x-amz-signature=` or a second `X-Amz-Credential=`, which one server sees and another doesn't. */
function signatureParameters(rawTarget: string): SignatureParameters | Unclassifiable {
  const question = rawTarget.indexOf('?')
  const values = new Map<string, string>()
  if (question < 0) return { values, rest: rawTarget }
  const kept: string[] = []
  for (const pair of rawTarget.slice(question + 1).split('&')) {
    const equals = pair.indexOf('=')
    const raw = equals < 0 ? pair : pair.slice(0, equals)
    const name = PARAMETERS.get((decoded(raw) ?? raw).toLowerCase())
    if (name === undefined) {
      kept.push(pair)
      continue
    }
    const value = equals < 0 ? null : decoded(pair.slice(equals + 1))
    if (raw !== name || value === null || value === '')
      return unclassifiable('aws_signature_malformed', 'in the query')
    if (values.has(name)) return unclassifiable('aws_signature_twice')
    values.set(name, value)
  }
  if (values.size === 0) return { values, rest: rawTarget }
  const path = rawTarget.slice(0, question)
  return { values, rest: kept.length === 0 ? path : `${path}?${kept.join('&')}` }
}

function isSigV4a(
  headers: readonly Header[],
  authorizations: readonly string[],
  parameters: ReadonlyMap<string, string>,
  rawTarget: string,
): boolean {
  return (
    authorizations.some(value => /AWS4-ECDSA/i.test(value)) ||
    /AWS4-ECDSA/i.test(parameters.get(ALGORITHM) ?? '') ||
    valuesOf(headers, 'x-amz-region-set').length > 0 ||
    /[?&]x-amz-region-set(?:=|&|$)/i.test(rawTarget)
  )
}

function headerSignature(
  authorization: string,
  rawTarget: string,
  headers: readonly Header[],
): RequestSignature | Unclassifiable {
  if (!authorization.startsWith('AWS4-')) return unclassifiable('aws_signature_algorithm')
  const claim = readAuthorization(authorization)
  if (isUnclassifiable(claim)) return claim
  const date = onlyValue(headers, 'x-amz-date')
  if (date === null || !TIMESTAMP.test(date) || !date.startsWith(claim.day))
    return unclassifiable('aws_signature_date')
  const payload = payloadNamed(headers, null)
  if (isUnclassifiable(payload)) return payload
  // S3 itself demands it; and what isn't hashed isn't held against its signature while it streams.
  if (payload.hash === null && claim.service === 's3') return unclassifiable('aws_payload_hash')
  const tokens = valuesOf(headers, 'x-amz-security-token')
  if (tokens.length > 1) return unclassifiable('aws_signature_twice')
  return {
    ...claim,
    place: 'header',
    date,
    expiresSeconds: null,
    payload: payload.hash,
    securityToken: tokens[0] ?? null,
    targetWithoutSignature: rawTarget,
  }
}

function querySignature(
  { values, rest }: SignatureParameters,
  headers: readonly Header[],
): RequestSignature | Unclassifiable {
  if (values.get(ALGORITHM) !== SIGV4_ALGORITHM) return unclassifiable('aws_signature_algorithm')
  const claim = claimOf(
    values.get(CREDENTIAL) ?? '',
    values.get(SIGNED_HEADERS) ?? '',
    values.get(SIGNATURE) ?? '',
  )
  if (isUnclassifiable(claim)) return claim
  const date = values.get(DATE) ?? ''
  if (!TIMESTAMP.test(date) || !date.startsWith(claim.day)) return unclassifiable('aws_signature_date')
  const expires = values.get(EXPIRES) ?? ''
  if (!/^[1-9][0-9]{0,5}$/.test(expires) || Number(expires) > MAX_EXPIRES_SECONDS)
    return unclassifiable('aws_signature_malformed', 'X-Amz-Expires')
  const payload = payloadNamed(headers, values.get(CONTENT_SHA256) ?? null)
  if (isUnclassifiable(payload)) return payload
  const token = values.get(SECURITY_TOKEN) ?? null
  if (valuesOf(headers, 'x-amz-security-token').length > 0 || valuesOf(headers, 'x-amz-date').length > 0)
    return unclassifiable('aws_signature_twice')
  return {
    ...claim,
    place: 'query',
    date,
    expiresSeconds: Number(expires),
    payload: payload.hash ?? (claim.service === 's3' ? UNSIGNED_PAYLOAD : null),
    securityToken: token,
    targetWithoutSignature: rest,
  }
}

/** `<id>/20260422/eu-west-1/ec2/aws4_request` and what belongs to it. */
function claimOf(credential: string, names: string, signature: string): CredentialClaim | Unclassifiable {
  const parts = credential.split('/')
  const [accessKeyId, day, region, service, end] = parts as [string, string, string, string, string]
  if (parts.length !== 5 || end !== 'aws4_request')
    return unclassifiable('aws_signature_malformed', 'the credential scope')
  if (
    !ACCESS_KEY.test(accessKeyId) ||
    !/^[0-9]{8}$/.test(day) ||
    !REGION.test(region) ||
    !SERVICE.test(service)
  )
    return unclassifiable('aws_signature_malformed', 'the credential scope')
  if (!DIGEST.test(signature)) return unclassifiable('aws_signature_malformed', 'the signature')
  if (!HEADER_NAMES.test(names)) return unclassifiable('aws_signature_malformed', 'the signed headers')
  const signedHeaders = names.split(';')
  if (signedHeaders.some((name, i) => i > 0 && name <= (signedHeaders[i - 1] as string)))
    return unclassifiable('aws_signature_malformed', 'the signed headers')
  return { accessKeyId, day, region, service, signedHeaders, signature }
}

/**
 * `host` is signed, so that the request was meant for this sidecar; and every `x-amz-` header, so that nobody on the
 * way added one: AWS refuses the others too.
 */
function refuseUnsigned(
  { signedHeaders }: RequestSignature,
  headers: readonly Header[],
): Unclassifiable | null {
  const signed = new Set(signedHeaders)
  if (!signed.has('host')) return unclassifiable('aws_signature_headers', 'host is not signed')
  const sent = new Set(headers.map(([name]) => name))
  if (signedHeaders.some(name => !sent.has(name)))
    return unclassifiable('aws_signature_headers', 'one that was signed is missing')
  for (const name of sent)
    if (name.startsWith('x-amz-') && !signed.has(name))
      return unclassifiable('aws_signature_headers', 'an x-amz- header is not signed')
  return null
}

/** The payload hash of header or query, not of both. */
function payloadNamed(
  headers: readonly Header[],
  parameter: string | null,
): { readonly hash: string | null } | Unclassifiable {
  const named = valuesOf(headers, 'x-amz-content-sha256')
  if (named.length > 1 || (named.length === 1 && parameter !== null))
    return unclassifiable('aws_signature_twice')
  const hash = named[0] ?? parameter
  if (hash?.startsWith('STREAMING-AWS4-ECDSA')) return unclassifiable('aws_sigv4a')
  return hash === null || PAYLOAD.test(hash) ? { hash } : unclassifiable('aws_payload_hash')
}

function valuesOf(headers: readonly Header[], wanted: string): readonly string[] {
  return headers.flatMap(([name, value]) => (name === wanted ? [value] : []))
}

function onlyValue(headers: readonly Header[], wanted: string): string | null {
  const values = valuesOf(headers, wanted)
  return values.length === 1 ? (values[0] as string) : null
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}
