import type { IncomingMessage } from 'node:http'
import type { Header } from '../protocol/index.js'
import type { GateCode } from './error-table.js'

/** Methods that can be forwarded at all; a catalog decides which of them mean something. */
export const METHODS = ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE'] as const
const METHOD_SET: ReadonlySet<string> = new Set(METHODS)

/** The request's headers as the catalogs see them: lower-case names, values as received, duplicates kept. */
export function headersOf(request: IncomingMessage): Header[] {
  const raw = request.rawHeaders
  const headers: Header[] = new Array(raw.length / 2)
  for (let i = 0; i < raw.length; i += 2)
    headers[i / 2] = [(raw[i] as string).toLowerCase(), raw[i + 1] as string]
  return headers
}

/**
 * The first reason in request line and framing not to look further: another version or method, an expectation, an upgrade, a
 * transfer coding, a Connection header that names others. Null where there is none. What holds for headers of
 * every protocol (one of each, plain names) is `refuseHeaders` of the protocol room.
 */
export function framingRefusal(version: string, method: string, headers: readonly Header[]): GateCode | null {
  // ATTACK: the parser reads `HTTP/2.0` in a request line as if it were 1.1.
  if (version !== '1.1' && version !== '1.0') return 'http_version'
  if (!METHOD_SET.has(method)) return 'method_refused'
  for (const [name, value] of headers) {
    const refusal = headerRefusal(name, value)
    if (refusal !== null) return refusal
  }
  return null
}

function headerRefusal(name: string, value: string): GateCode | null {
  switch (name) {
    case 'connection':
      return connectionRefusal(value)
    case 'upgrade':
    case 'http2-settings':
      return 'upgrade_refused'
    case 'expect':
      return value.toLowerCase() === '100-continue' ? null : 'expectation_refused'
    case 'transfer-encoding':
      return value.toLowerCase() === 'chunked' ? null : 'transfer_coding'
    default:
      return null
  }
}

/** ATTACK: `Connection: authorization` makes a hop drop the credential that was put in for the upstream. */
function connectionRefusal(value: string): GateCode | null {
  for (const option of value.toLowerCase().split(',')) {
    switch (option.trim()) {
      case 'keep-alive':
      case 'close':
      case 'te': // sent by common clients; neither TE nor trailers are forwarded
      case '':
        break
      case 'upgrade':
      case 'http2-settings':
        return 'upgrade_refused'
      default:
        return 'connection_option'
    }
  }
  return null
}
