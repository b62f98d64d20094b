import type { EchoGuard } from './echo.js'
import type { Exchange } from './exchange.js'
import { isSendableValue } from './words.js'

/** What of the upstream's response headers matters to the gate. */
export interface AgentHeaders {
  /** Flat names and values for the agent, from the allow-list alone. */
  readonly flat: string[]
  /** The upstream's own id of the request, for the receipt. */
  readonly upstreamId: string | null
  /** Content codings other than identity, transfer codings other than chunked, or letters that aren't ASCII's bytes. */
  readonly encoded: boolean
  /** A header that would have gone to the agent holds the credential. */
  readonly echoed: boolean
}

export interface AgentHeaderRules {
  readonly allowed: ReadonlySet<string>
  readonly upstreamOrigin: string
  readonly exchange: Pick<Exchange, 'prefix' | 'target' | 'baseUrl'>
  /** False for a status that has no Content-Length (RFC 9110 §8.6). */
  readonly hasLength: boolean
  /** A content coding is the stored object's own, not one that the upstream put on its answer. */
  readonly keepsEncoding: boolean
}

const UPSTREAM_IDS: ReadonlySet<string> = new Set([
  'request-id',
  'x-request-id',
  'x-github-request-id',
  'x-railway-request-id',
  'x-amz-request-id',
  'x-amzn-requestid',
])

/** Of all links of an answer, as the agent reads them: as much as the head of a request may have. */
const MAX_LINK_LETTERS = 16_384

/** Picks the response headers that the agent may see. Nothing is copied that isn't listed; `Set-Cookie`, hop-by-hop headers and trailers never are. */
export function agentHeaders(
  raw: readonly (Buffer | string)[],
  rules: AgentHeaderRules,
  guard: EchoGuard,
): AgentHeaders {
  const flat: string[] = []
  let upstreamId: string | null = null
  let encoded = false
  let echoed = false
  let linkRoom = MAX_LINK_LETTERS
  const length: string[] = []
  for (let i = 0; i < raw.length; i += 2) {
    const name = text(raw[i] as Buffer | string)
    const lower = name.toLowerCase()
    let value: string | null = null
    if (lower === 'content-length') {
      if (rules.hasLength) value = text(raw[i + 1] as Buffer | string)
    } else if (lower === 'content-encoding') {
      const coding = text(raw[i + 1] as Buffer | string)
      if (rules.keepsEncoding) value = coding
      else encoded ||= coding.toLowerCase() !== 'identity'
    } else if (lower === 'transfer-encoding') {
      // ATTACK: a coding of the transfer that nobody takes off hides an echo as one of the content does.
      encoded ||=
        text(raw[i + 1] as Buffer | string)
          .trim()
          .toLowerCase() !== 'chunked'
    } else if (lower === 'content-type') {
      value = text(raw[i + 1] as Buffer | string)
      encoded ||= !rules.keepsEncoding && !hasPlainLetters(value)
    } else if (lower === 'location') {
      value = ownLocation(text(raw[i + 1] as Buffer | string), rules)
    } else if (lower === 'link') {
      if (rules.allowed.has(lower)) value = ownLinks(text(raw[i + 1] as Buffer | string), rules, linkRoom)
      linkRoom -= value?.length ?? 0
    } else if (rules.allowed.has(lower)) {
      value = text(raw[i + 1] as Buffer | string)
    }
    if (UPSTREAM_IDS.has(lower)) upstreamId ??= idOf(text(raw[i + 1] as Buffer | string), guard)
    if (value === null || !isSendableValue(value)) continue
    echoed ||= guard.isEchoedIn(value)
    // ATTACK: `Content-Disposition: …"é.pdf"` behind a length, which Node takes for bytes then, and throws over.
    const place = lower === 'content-length' ? length : flat
    place.push(name, value)
  }
  flat.push(...length)
  return { flat, upstreamId, encoded, echoed }
}

/**
 * A redirect within the upstream, in the agent's own addresses. ATTACK: a 302 to another origin would lead the
 * agent, and whatever its client sends along, past the sidecar: it is dropped.
 */
function ownLocation(location: string, rules: AgentHeaderRules): string | null {
  const path = upstreamPath(location, rules)
  return path === null ? null : rules.exchange.prefix + path
}

/**
 * RFC 8288 links, as absolute URLs because SDKs that page through results take nothing else; null where one leads
 * elsewhere, or they are more than `room`. ATTACK: `<>,<>,<>…`, each of which is the whole address of the request, eight
 * KiB for two letters.
 */
function ownLinks(links: string, rules: AgentHeaderRules, room: number): string | null {
  const base = rules.exchange.baseUrl()
  if (base === null) return null
  let left = room - links.length
  let foreign = left < 0
  const own = links.replace(/<([^<>]*)>/g, (_link, reference: string) => {
    const path = foreign ? null : upstreamPath(reference, rules)
    if (path === null) foreign = true
    else left -= base.length + path.length
    foreign ||= left < 0
    return foreign ? '' : `<${base}${path}>`
  })
  return foreign ? null : own
}

/** Path, query and fragment of a reference that stays on the upstream's origin. */
function upstreamPath(reference: string, { upstreamOrigin, exchange }: AgentHeaderRules): string | null {
  const url = URL.parse(reference, upstreamOrigin + exchange.target)
  if (url === null || url.origin !== upstreamOrigin || url.username !== '') return null
  // ATTACK: `https://upstream//evil.test/` is within the origin, and its path alone is a reference to another host.
  if (url.pathname.startsWith('//')) return null
  return url.pathname + url.search + url.hash
}

/** Charsets in which the letters of a credential are the bytes of ASCII; and `binary`, which is none and says nothing. */
const PLAIN_CHARSET =
  /^(?:(?:us-)?ascii|utf-?8|iso-?8859-\d+|latin-?\d|windows-\d+|cp125\d|koi8-[ru]|shift[_-]jis|euc-(?:jp|kr|tw)|gb(?:2312|k|18030)|big5(?:-hkscs)?|binary)$/i

/**
 * ATTACK: `Accept: application/json;charset=UTF-16`, which an upstream obeys: the credential that it repeats has a NUL
 * behind each letter.
 */
function hasPlainLetters(contentType: string): boolean {
  const charsets = contentType.matchAll(/\bcharset\s*=\s*["']?([^\s"';,]*)/gi)
  return [...charsets].every(([, charset = '']) => charset === '' || PLAIN_CHARSET.test(charset))
}

/** Header bytes are Latin-1 on both sides, so that they come out as they went in. */
function text(bytes: Buffer | string): string {
  return typeof bytes === 'string' ? bytes : bytes.toString('latin1')
}

/** An upstream's text goes into a receipt only as a plain id. ATTACK: a receipt is kept and shown for ever, and a credential would be too. */
function idOf(value: string, guard: EchoGuard): string | null {
  return /^[A-Za-z0-9._:/+=-]{1,128}$/.test(value) && !guard.isEchoedIn(value) ? value : null
}
