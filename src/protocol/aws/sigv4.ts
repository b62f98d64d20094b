import { type Crypto, hex, utf8 } from '../../canon/index.js'
import type { Header } from '../request.js'

/*
 * AWS Signature Version 4, both ways: what a client must have signed, and what goes upstream.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 *
 * It works on the raw target: a library that takes a parsed URL would lose which bytes were signed.
 */

export const SIGV4_ALGORITHM = 'AWS4-HMAC-SHA256'
export const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD'
/** SHA-256 of no bytes. */
export const EMPTY_PAYLOAD = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

type Hashing = Pick<Crypto, 'sha256' | 'hmacSha256'>

/** What a signing key is good for. */
export interface CredentialScope {
  /** `20260422T101500Z`; the scope takes its first eight characters. */
  readonly date: string
  readonly region: string
  readonly service: string
}

/** A request as it is signed. */
export interface SignableRequest {
  readonly method: string
  /** Raw, origin form. A presigned URL's `X-Amz-Signature` is left out of what is signed. */
  readonly target: string
  /** Exactly the headers that are signed, lower-case names, in any order. */
  readonly headers: readonly Header[]
  /** Hex of SHA-256, `UNSIGNED-PAYLOAD` or `STREAMING-…`. */
  readonly payload: string
}

/** Lower-case hex of the request's signature under a key of that scope. */
export function requestSignature(
  request: SignableRequest,
  scope: CredentialScope,
  key: Uint8Array,
  crypto: Hashing,
): string {
  const canonical = canonicalRequest(request, scope.service)
  const text = [SIGV4_ALGORITHM, scope.date, scopeText(scope), hex(crypto.sha256(utf8(canonical)))].join('\n')
  return hex(crypto.hmacSha256(key, utf8(text)))
}

/** `20260422/eu-west-1/ec2/aws4_request` */
export function scopeText({ date, region, service }: CredentialScope): string {
  return `${date.slice(0, 8)}/${region}/${service}/aws4_request`
}

/** 32 bytes that sign for one day, region and service. */
export function signingKey(
  secret: string,
  { date, region, service }: CredentialScope,
  crypto: Hashing,
): Uint8Array {
  const steps = [date.slice(0, 8), region, service, 'aws4_request']
  return steps.reduce((key, step) => crypto.hmacSha256(key, utf8(step)), utf8(`AWS4${secret}`))
}

/** Names of signed headers as `SignedHeaders=` lists them. */
export function signedHeaderNames(headers: readonly Header[]): string {
  return [...new Set(headers.map(([name]) => name))].sort().join(';')
}

function canonicalRequest({ method, target, headers, payload }: SignableRequest, service: string): string {
  const question = target.indexOf('?')
  const path = question < 0 ? target : target.slice(0, question)
  const query = question < 0 ? '' : target.slice(question + 1)
  const names = signedHeaderNames(headers)
  return [
    method,
    canonicalPath(path, service),
    canonicalQuery(query),
    canonicalHeaders(headers),
    names,
    payload,
  ].join('\n')
}

/** S3 alone reads a path as it is; every other service signs it encoded once more. */
function isS3(service: string): boolean {
  return service === 's3' || service === 's3-object-lambda' || service === 's3express'
}

function canonicalQuery(query: string): string {
  if (query === '') return ''
  const pairs = query.split('&').flatMap(pair => {
    const equals = pair.indexOf('=')
    const name = decodeURIComponent(equals < 0 ? pair : pair.slice(0, equals))
    const value = equals < 0 ? '' : decodeURIComponent(pair.slice(equals + 1))
    return name === 'X-Amz-Signature' ? [] : [`${percentEncode(name)}=${percentEncode(value)}`]
  })
  return pairs.sort(byCodePoint).join('&')
}

/**
 * By name and then by value, as code points. `=` sorts behind `-` and digits, so that whole pairs can't be compared:
 * `a-b=` would come before `a=`.
 */
function byCodePoint(left: string, right: string): number {
  const [a, b] = [left, right].map(pair => pair.replace('=', '\u0000')) as [string, string]
  return a < b ? -1 : a > b ? 1 : 0
}

/** Each run of spaces and tabs within a value is one space, as AWS's own signers have it. */
function canonicalHeaders(headers: readonly Header[]): string {
  const values = new Map<string, string[]>()
  for (const [name, value] of headers) {
    const tidy = value.trim().replace(/[ \t]+/g, ' ')
    const known = values.get(name)
    if (known === undefined) values.set(name, [tidy])
    else known.push(tidy)
  }
  return [...values.keys()]
    .sort()
    .map(name => `${name}:${(values.get(name) as string[]).join(',')}\n`)
    .join('')
}

/** Segment by segment, so that a `%2F` stays one. */
function canonicalPath(path: string, service: string): string {
  const sent = isS3(service) ? decodeURIComponent : (segment: string) => segment
  return path
    .split('/')
    .map(segment => percentEncode(sent(segment)))
    .join('/')
}

/** RFC 3986 §2.3: everything but the unreserved characters, upper-case. */
function percentEncode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    character => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}
