import { isSayable, type SignedRequest } from '../link/index.js'
import {
  EMPTY_PAYLOAD,
  type Header,
  type ProtocolCode,
  type RequestHead,
  type RequestSignature,
  readSignature,
  type Unclassifiable,
  withoutSignature,
} from '../protocol/index.js'
import type { GateApi } from './api.js'
import type { ReadBody } from './body.js'
import type { GateCode } from './error-table.js'
import type { Exchange } from './exchange.js'
import { outboundHeaders } from './upstream-headers.js'

/** Where every signed header costs the keeper work. AWS's own clients sign about ten. */
const MAX_SIGNED_HEADERS = 64
const DIGEST = /^[0-9a-f]{64}$/

/** The signature of a request to an API whose clients sign; null for any other API, and where there is none. */
export function signatureOf(
  api: GateApi | null,
  exchange: Exchange,
): RequestSignature | Unclassifiable | null {
  if (api === null || !api.slots.includes('aws-sigv4')) return null
  return readSignature(exchange.target, exchange.headers)
}

/** What is forwarded of the target: all but the signature of a presigned URL, which was the agent's own. */
export function targetToForward(api: GateApi | null, exchange: Exchange): string {
  return api?.slots.includes('aws-sigv4') ? withoutSignature(exchange.target) : exchange.target
}

/**
 * What the keeper verifies of a signed request, and signs anew; or why that can't be. `head` is what was classified.
 *
 * INVARIANT: the body that was signed is the one that goes upstream. What was read whole, the keeper holds against
 * the signature; what streams must be under a check that does.
 */
export function signedRequest(
  api: GateApi,
  exchange: Exchange,
  signature: RequestSignature,
  head: RequestHead,
  body: ReadBody,
): SignedRequest | GateCode | ProtocolCode {
  const headers = signedHeaders(signature, exchange.headers)
  if (headers === null) return 'aws_signature_headers'
  const receivedSha256 = receivedDigest(body)
  const payload = signature.payload ?? receivedSha256
  if (payload === null || !isCheckedAgainst(payload, body)) return 'aws_payload_hash'
  const { place, date, expiresSeconds, accessKeyId, region, service } = signature
  const signed: SignedRequest = {
    place,
    target: exchange.url,
    date,
    expiresSeconds,
    accessKeyId,
    region,
    service,
    signature: signature.signature,
    headers,
    payload,
    receivedSha256,
    // The attempt has no id yet: an API whose clients sign adds no header that depends on it.
    outbound: outboundHeaders(api, head.headers, api.catalog.addedHeaders(head, '')),
  }
  return isSayable(signed) ? signed : 'aws_signature_headers'
}

/** Each of them once. ATTACK: of two `x-amz-target`, one is verified and the other obeyed. */
function signedHeaders(
  { signedHeaders: names }: RequestSignature,
  headers: readonly Header[],
): readonly Header[] | null {
  if (names.length > MAX_SIGNED_HEADERS) return null
  const signed: Header[] = []
  for (const name of names) {
    const found = headers.filter(header => header[0] === name)
    if (found.length !== 1) return null
    signed.push(found[0] as Header)
  }
  return signed
}

/** Null unless all of the body is known already. */
function receivedDigest(body: ReadBody): string | null {
  if (body.kind === 'whole') return body.receivedSha256
  return body.kind === 'none' ? EMPTY_PAYLOAD : null
}

function isCheckedAgainst(payload: string, body: ReadBody): boolean {
  if (body.kind !== 'stream') return true
  const { check } = body
  if (DIGEST.test(payload)) return check?.kind === 'sha256' && check.hex === payload
  return payload.startsWith('STREAMING-') === (check?.kind === 'aws-chunked')
}
