import { headersAsSigned, readSignature, withoutSignature } from './aws/signature.js'
import type { Catalog } from './catalog.js'
import type { Classification, Unclassifiable } from './operation.js'
import type { BodyPlan, Header, RawRequest, RequestBody, RequestHead } from './request.js'
import { asUnclassifiable, isUnclassifiable, unclassifiable } from './unclassifiable.js'

/** What a gate does with a request, without the gate: target, body plan, operations. Never throws. */
export function classify(catalog: Catalog, request: RawRequest): Classification {
  try {
    const head = parseHead(catalog, request)
    if (isUnclassifiable(head)) return head
    const plan = catalog.planBody(head)
    if (isUnclassifiable(plan)) return plan
    const body = bodyUnder(plan, request.body)
    if (isUnclassifiable(body)) return body
    return catalog.recognise({ ...head, body })
  } catch (error) {
    return asUnclassifiable(error)
  }
}

function parseHead(catalog: Catalog, request: RawRequest): RequestHead | Unclassifiable {
  if (!/^[A-Z]{1,32}$/.test(request.method)) return unclassifiable('method_invalid')
  const headers = request.headers.map(([name, value]): Header => [name.toLowerCase(), value])
  const signs = catalog.profile.slots.includes('aws-sigv4')
  const bare = signs ? withoutPresigning(request, headers) : { target: request.target, headers }
  if (isUnclassifiable(bare)) return bare
  const target = catalog.parseTarget(bare.target)
  return isUnclassifiable(target) ? target : { method: request.method, target, headers: bare.headers }
}

/** A signed request as its catalog reads it: a presigned URL's signature is no part of the target. */
function withoutPresigning(
  request: RawRequest,
  headers: readonly Header[],
): Pick<RawRequest, 'target' | 'headers'> | Unclassifiable {
  if (withoutSignature(request.target) === request.target) return { target: request.target, headers }
  const signature = readSignature(request.target, headers)
  if (signature === null) return { target: request.target, headers }
  if (isUnclassifiable(signature)) return signature
  return { target: signature.targetWithoutSignature, headers: headersAsSigned(signature, headers) }
}

function bodyUnder(plan: BodyPlan, bytes: Uint8Array | null): RequestBody | Unclassifiable {
  if (bytes === null || bytes.length === 0) return { kind: 'none' }
  switch (plan.kind) {
    case 'none':
      return unclassifiable('body_unexpected')
    case 'inspect':
      return bytes.length > plan.maxBytes ? unclassifiable('body_too_large') : { kind: 'buffered', bytes }
    case 'stream':
      return { kind: 'streamed' }
  }
}
