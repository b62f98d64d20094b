import { parseContentType } from './content-type.js'
import type { Unclassifiable } from './operation.js'
import type { Header, RequestHead } from './request.js'
import { unclassifiable } from './unclassifiable.js'

/** Lists by their definition (RFC 9110 §5.3), none of which selects an operation. Everything else may appear once. */
const LISTS: ReadonlySet<string> = new Set([
  'accept',
  'accept-charset',
  'accept-encoding',
  'accept-language',
  'cache-control',
  'connection',
  'cookie',
  'forwarded',
  'link',
  'pragma',
  'prefer',
  'te',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
])

const METHOD_OVERRIDES: ReadonlySet<string> = new Set([
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
  'x-method',
])

const ENCODINGS: ReadonlySet<string> = new Set(['identity', 'gzip', 'deflate', 'br'])

/** Letters, digits and hyphens: no underscore, which CGI-like servers fold into a hyphen (`X_Agent_Id`). */
const NAME = /^[a-z0-9-]+$/

/**
 * The rules for headers that hold for every protocol: plain names, one of each, no method override, nothing of
 * the sidecar's own, a Content-Type that parses. Null where all is well. Names are lower-case already (`Header`).
 */
export function refuseHeaders(headers: readonly Header[]): Unclassifiable | null {
  const seen = new Set<string>()
  for (const [name, value] of headers) {
    if (!NAME.test(name)) return unclassifiable('header_name')
    if (METHOD_OVERRIDES.has(name)) return unclassifiable('method_override', 'in a header')
    if (name.startsWith('countersign-') && name !== 'countersign-grant')
      return unclassifiable('header_reserved')
    if (seen.has(name) && !LISTS.has(name)) return unclassifiable('header_duplicate')
    seen.add(name)
    if (name === 'content-type' && parseContentType(value) === null)
      return unclassifiable('content_type_invalid')
    if (name === 'content-encoding' && !ENCODINGS.has(value)) return unclassifiable('content_encoding')
  }
  return null
}

/** Value of the first header of that lower-case name; `refuseHeaders` saw to it that there is no second. */
export function headerValue(head: Pick<RequestHead, 'headers'>, name: string): string | null {
  for (const header of head.headers) if (header[0] === name) return header[1]
  return null
}
