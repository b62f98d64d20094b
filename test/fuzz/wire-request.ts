import type { Header, RawRequest } from '../../src/protocol/index.js'
import { latin1 } from './target.js'

/**
 * A request as a seed writes it, each byte a character:
 *
 *     POST /forms/7?dry=1
 *     content-type: application/x-www-form-urlencoded
 *
 *     amount=3
 */
export function wireRequest(bytes: Uint8Array): RawRequest {
  const text = latin1(bytes)
  const end = text.indexOf('\n\n')
  const [first = '', ...lines] = (end < 0 ? text : text.slice(0, end)).split('\n')
  const space = first.indexOf(' ')
  const headers = lines.map((line): Header => {
    const colon = line.indexOf(':')
    return colon < 0
      ? [line.toLowerCase(), '']
      : [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
  })
  const body = end < 0 ? null : bytes.subarray(end + 2)
  return {
    method: space < 0 ? first : first.slice(0, space),
    target: space < 0 ? '' : first.slice(space + 1),
    headers,
    body: body === null || body.length === 0 ? null : body,
  }
}

/** The same, written. */
export function written(
  method: string,
  target: string,
  headers: readonly Header[],
  body: string | Uint8Array = '',
): Buffer {
  const head = [`${method} ${target}`, ...headers.map(([name, value]) => `${name}: ${value}`)].join('\n')
  return Buffer.concat([Buffer.from(`${head}\n\n`, 'latin1'), Buffer.from(body)])
}

/** Values of a header. */
export function valuesOf({ headers }: Pick<RawRequest, 'headers'>, wanted: string): readonly string[] {
  return headers.flatMap(([name, value]) => (name === wanted ? [value] : []))
}
