import type { PolicyApi } from '../policy/index.js'
import type { RawRequest } from '../protocol/index.js'

const FORM = 'application/x-www-form-urlencoded'

/** What `policy explain` adds by itself where a URL is of AWS. */
const OF_A_SIGNATURE: ReadonlySet<string> = new Set([
  'host',
  'x-amz-date',
  'x-amz-content-sha256',
  'authorization',
])

/**
 * A request as a line of curl, which `policy explain` and a case of `policy test` read; null where its body is no text.
 * A signature is left out.
 */
export function curlText(api: PolicyApi, { method, target, headers, body }: RawRequest): string | null {
  const data = body === null ? null : textOf(body)
  if (body !== null && data === null) return null
  const signed = api.catalog.profile.dialect === 'aws'
  const host = headers.find(([name]) => name === 'host')?.[1]
  const origin = signed && host !== undefined ? `https://${host}` : (api.origins.default ?? '')
  const plain = body === null ? 'GET' : 'POST'
  const said = headers.filter(
    ([name, value]) =>
      !(signed && OF_A_SIGNATURE.has(name)) && !(name === 'content-type' && value === FORM && body !== null),
  )
  return [
    'curl',
    ...(method === plain ? [] : ['-X', method]),
    ...said.flatMap(([name, value]) => ['-H', quoted(`${name}: ${value}`)]),
    ...(data === null ? [] : ['-d', quoted(data)]),
    quoted(`${origin}${target}`),
  ].join(' ')
}

/** Null for bytes that are no text, and for what curl would take for the name of a file. */
function textOf(body: Uint8Array): string | null {
  const text = new TextDecoder().decode(body)
  return Buffer.from(text, 'utf8').equals(body) && !text.startsWith('@') ? text : null
}

/** One word of a POSIX shell. */
function quoted(text: string): string {
  return /^[A-Za-z0-9_./:=,@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
