import { fromUtf8, utf8 } from '../canon/index.js'
import { parseContentType } from './content-type.js'
import { protocolFault } from './error-table.js'

export interface Part {
  readonly name: string
  /** Null for a plain field. */
  readonly filename: string | null
  /** A view into the body. */
  readonly bytes: Uint8Array
}

const MAX_PARTS = 256
const MAX_PART_HEAD_BYTES = 1024
const BOUNDARY = /^[0-9A-Za-z'()+_,./:=?-]{1,70}$/
const DISPOSITION = /^form-data; name="([^"\\\p{Cc}]+)"(?:; filename="([^"\\\p{Cc}]*)")?$/u

/**
 * Parses a whole multipart/form-data body (RFC 7578, RFC 2046 §5.1) in the one form that SDKs write: no
 * preamble, no epilogue, CRLF line ends, parts with Content-Disposition and at most a Content-Type, no escapes,
 * no nested multipart, no transfer encoding. Throws `multipart_invalid` for every other form, since servers
 * read those in different ways.
 */
export function parseMultipart(body: Uint8Array, boundary: string): readonly Part[] {
  if (!BOUNDARY.test(boundary)) throw malformed()
  const delimiter = utf8(`--${boundary}`)
  if (!startsWith(body, delimiter, 0)) throw malformed()
  const parts: Part[] = []
  let at = delimiter.length
  while (!startsWith(body, DASHES, at)) {
    if (!startsWith(body, LINE_END, at) || parts.length === MAX_PARTS) throw malformed()
    const headEnd = find(body, EMPTY_LINE, at, at + MAX_PART_HEAD_BYTES)
    const start = headEnd + EMPTY_LINE.length
    const next = headEnd === -1 ? -1 : find(body, delimiter, start, body.length)
    // ATTACK: lenient parsers end a part at `\n--boundary` as well; every occurrence must be a full delimiter.
    const end = next - LINE_END.length
    if (next === -1 || end < start || !startsWith(body, LINE_END, end)) throw malformed()
    parts.push(partOf(body.subarray(at + LINE_END.length, headEnd), body.subarray(start, end)))
    at = next + delimiter.length
  }
  const rest = body.length - at - DASHES.length
  const closed = rest === 0 || (rest === LINE_END.length && startsWith(body, LINE_END, at + DASHES.length))
  if (parts.length === 0 || !closed) throw malformed()
  return parts
}

const LINE_END = utf8('\r\n')
const EMPTY_LINE = utf8('\r\n\r\n')
const DASHES = utf8('--')

function partOf(head: Uint8Array, bytes: Uint8Array): Part {
  let disposition: RegExpExecArray | null = null
  let typed = false
  for (const line of fromUtf8(head).split('\r\n')) {
    const colon = line.indexOf(': ')
    const value = line.slice(colon + 2)
    switch (line.slice(0, Math.max(colon, 0)).toLowerCase()) {
      case 'content-disposition':
        if (disposition !== null) throw malformed()
        disposition = DISPOSITION.exec(value)
        if (disposition === null) throw malformed()
        break
      case 'content-type': {
        const type = parseContentType(value)
        if (typed || type === null || type.type.startsWith('multipart/')) throw malformed()
        // ATTACK: a field in UTF-16 or UTF-7, which servers that go by the part's charset read as another text.
        if (type.charset !== null && type.charset !== 'utf-8') throw malformed()
        typed = true
        break
      }
      default:
        throw malformed()
    }
  }
  if (disposition === null) throw malformed()
  return { name: disposition[1] as string, filename: disposition[2] ?? null, bytes }
}

function find(bytes: Uint8Array, wanted: Uint8Array, from: number, before: number): number {
  const first = wanted[0] as number
  for (let at = bytes.indexOf(first, from); at !== -1 && at < before; at = bytes.indexOf(first, at + 1))
    if (startsWith(bytes, wanted, at)) return at
  return -1
}

function startsWith(bytes: Uint8Array, wanted: Uint8Array, at: number): boolean {
  if (at + wanted.length > bytes.length) return false
  for (let i = 0; i < wanted.length; i++) if (bytes[at + i] !== wanted[i]) return false
  return true
}

function malformed() {
  return protocolFault('multipart_invalid')
}
