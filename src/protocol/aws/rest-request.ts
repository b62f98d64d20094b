import { protocolFault } from '../error-table.js'
import { parsePairs } from '../parameter-pairs.js'
import type { RequestHead } from '../request.js'
import { refusalOfPath } from '../target.js'
import { bareEncoding } from './upload.js'

/** A request as REST services read it. */
export interface RestRequest {
  readonly method: string
  readonly segments: readonly string[]
  /** Decoded, every value of a name; without the hint `x-id`. */
  readonly query: ReadonlyMap<string, readonly string[]>
  /** By lower-case name; of S3 also what a presigned URL carries in their place. */
  readonly headers: ReadonlyMap<string, string>
  /** Operation that the client's SDK says it means. A hint: the service doesn't look at it. */
  readonly hint: string | null
}

/** Parameters that say nothing of what is done. */
const TRANSPORT = /^x-amz-(?:checksum-[a-z0-9]+|sdk-checksum-algorithm)$/

/** Reads target and headers. Throws `parameter_syntax`, and `parameter_ambiguous` where S3 gets a header in both places. */
export function readRestRequest(head: RequestHead, keys: boolean): RestRequest {
  const { target } = head
  const headers = new Map(head.headers)
  if (keys) takeChunksOff(headers)
  const query = new Map<string, string[]>()
  let hint: string | null = null
  for (const [name, value] of parsePairs(target.query ?? '')) {
    const lower = name.toLowerCase()
    if (name === 'x-id') {
      if (hint !== null) throw protocolFault('parameter_duplicate')
      hint = value
    } else if (keys && lower.startsWith('x-amz-')) {
      // ATTACK: `?x-amz-copy-source=…`, a header by another name: S3 takes it from a presigned URL, and what is sent to
      // it is none any more. What only concerns the transport may stay.
      if (headers.has(lower) || !TRANSPORT.test(lower)) throw protocolFault('parameter_ambiguous')
      headers.set(lower, value)
    } else {
      const same = query.get(name)
      if (same === undefined) query.set(name, [value])
      else same.push(value)
    }
  }
  return { method: head.method, segments: target.segments, query, headers, hint }
}

/** Throws where a service that keeps no keys could read another path out of this one, as `parseTarget` does. */
export function checkPath({ target }: RequestHead, keys: boolean): void {
  // S3 takes a raw plus for a space, RFC 3986 doesn't.
  const refusal = keys ? (target.path.includes('+') ? 'target_plus' : null) : refusalOfPath(target)
  if (refusal !== null) throw protocolFault(refusal)
}

/** What the upstream gets: the payload without AWS's chunks. */
function takeChunksOff(headers: Map<string, string>): void {
  const encoding = headers.get('content-encoding')
  const bare = encoding === undefined ? null : bareEncoding(encoding)
  if (bare === null) headers.delete('content-encoding')
  else headers.set('content-encoding', bare)
  const length = headers.get('x-amz-decoded-content-length')
  if (length !== undefined) headers.set('content-length', length)
}
