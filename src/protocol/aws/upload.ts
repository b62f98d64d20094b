import { protocolFault } from '../error-table.js'
import type { BodyPlan, RequestHead } from '../request.js'
import { headerValue } from '../request-headers.js'
import { EMPTY_PAYLOAD, UNSIGNED_PAYLOAD } from './sigv4.js'

/** The coding of AWS's own chunks, which is none of HTTP's. */
const AWS_CHUNKED = 'aws-chunked'
const CHECKSUM_TRAILER = /^x-amz-checksum-(?:crc32|crc32c|crc64nvme|sha1|sha256)$/
/** 5 TiB, the largest object; a part is smaller. */
const MAX_PAYLOAD_BYTES = 5 * 1024 ** 4

/** How the payload of an upload is signed: `signed` says that its chunks are, `trailer` that something follows them. */
const STREAMING: ReadonlyMap<string, { readonly signed: boolean; readonly trailer: boolean }> = new Map([
  ['STREAMING-AWS4-HMAC-SHA256-PAYLOAD', { signed: true, trailer: false }],
  ['STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER', { signed: true, trailer: true }],
  ['STREAMING-UNSIGNED-PAYLOAD-TRAILER', { signed: false, trailer: true }],
])

/**
 * What an upload's body is held against while it streams. Nothing in it is decided on. Throws `aws_payload_hash` or
 * `aws_chunked`.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
 */
export function planUpload(head: RequestHead): BodyPlan {
  const hash = headerValue(head, 'x-amz-content-sha256') ?? UNSIGNED_PAYLOAD
  const streaming = STREAMING.get(hash)
  if (streaming !== undefined) return planChunks(head, streaming)
  if (isChunked(head)) throw protocolFault('aws_chunked')
  if (hash === UNSIGNED_PAYLOAD) return { kind: 'stream' }
  if (!/^[0-9a-f]{64}$/.test(hash)) throw protocolFault('aws_payload_hash')
  // Nothing may come that is not nothing.
  return hash === EMPTY_PAYLOAD ? { kind: 'none' } : { kind: 'stream', check: { kind: 'sha256', hex: hash } }
}

function planChunks(
  head: RequestHead,
  form: { readonly signed: boolean; readonly trailer: boolean },
): BodyPlan {
  const length = headerValue(head, 'x-amz-decoded-content-length') ?? ''
  if (!/^(?:0|[1-9][0-9]{0,12})$/.test(length) || Number(length) > MAX_PAYLOAD_BYTES)
    throw protocolFault('aws_chunked', 'the decoded length')
  const trailer = headerValue(head, 'x-amz-trailer')
  if (form.trailer !== (trailer !== null)) throw protocolFault('aws_chunked', 'the trailer')
  if (trailer !== null && !CHECKSUM_TRAILER.test(trailer)) throw protocolFault('aws_chunked', 'the trailer')
  return {
    kind: 'stream',
    check: { kind: 'aws-chunked', payloadBytes: Number(length), signed: form.signed, trailer },
  }
}

/** Throws `aws_chunked` or `aws_payload_hash` where a body that is read whole comes in AWS's chunks. */
export function refuseChunks(head: RequestHead): void {
  if (isChunked(head)) throw protocolFault('aws_chunked')
  const hash = headerValue(head, 'x-amz-content-sha256')
  if (hash !== null && hash !== UNSIGNED_PAYLOAD && !/^[0-9a-f]{64}$/.test(hash))
    throw protocolFault('aws_payload_hash')
}

/** True where anything says that AWS's chunks come. */
function isChunked(head: RequestHead): boolean {
  return (
    codingsOf(headerValue(head, 'content-encoding') ?? '').some(isAwsChunked) ||
    headerValue(head, 'x-amz-decoded-content-length') !== null ||
    headerValue(head, 'x-amz-trailer') !== null
  )
}

/**
 * The codings of an object beside AWS's own, which are kept with it: `aws-chunked,gzip` → `gzip`. Null for none. Throws
 * `content_encoding` where it isn't a list of words.
 */
export function bareEncoding(value: string): string | null {
  const codings = codingsOf(value)
  if (codings.some(coding => !/^[A-Za-z0-9_.+-]+$/.test(coding))) throw protocolFault('content_encoding')
  const others = codings.filter(coding => !isAwsChunked(coding))
  if (codings.length - others.length > 1) throw protocolFault('content_encoding')
  return others.length === 0 ? null : others.join(',')
}

function isAwsChunked(coding: string): boolean {
  return coding.toLowerCase() === AWS_CHUNKED
}

function codingsOf(value: string): readonly string[] {
  return value === '' ? [] : value.split(',').map(coding => coding.trim())
}
