import type { ApiProfile } from '../protocol/index.js'

/** Request headers that may go upstream to any API. Everything else needs the API's own list. */
const COMMON_REQUEST = [
  'accept',
  'accept-language',
  'content-type',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-unmodified-since',
  'user-agent',
]

/** Headers that the gate writes by itself or that never pass, whatever a catalog lists. */
const NEVER_FORWARDED: ReadonlySet<string> = new Set([
  'accept-encoding',
  'authorization',
  'connection',
  'content-encoding',
  'content-length',
  'cookie',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'project-access-token',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  // What an AWS client signed by, and how its payload came: the upstream gets another signature and the bare payload.
  'x-amz-content-sha256',
  'x-amz-date',
  'x-amz-decoded-content-length',
  'x-amz-region-set',
  'x-amz-sdk-checksum-algorithm',
  'x-amz-security-token',
  'x-amz-trailer',
])

/** Response headers that may come back from any API. `location` and `content-length` are written by the gate. */
const COMMON_RESPONSE = [
  'accept-ranges',
  'age',
  'allow',
  'cache-control',
  'content-disposition',
  'content-language',
  'content-range',
  'content-type',
  'date',
  'deprecation',
  'etag',
  'expires',
  'last-modified',
  'ratelimit',
  'ratelimit-limit',
  'ratelimit-policy',
  'ratelimit-remaining',
  'ratelimit-reset',
  'request-id',
  'retry-after',
  'sunset',
  'vary',
  'warning',
  'x-ratelimit-limit',
  'x-ratelimit-remaining',
  'x-ratelimit-reset',
  'x-request-id',
]

const NEVER_RETURNED: ReadonlySet<string> = new Set([
  ...NEVER_FORWARDED,
  'alt-svc',
  'location',
  'proxy-authentication-info',
  'set-cookie',
  'www-authenticate',
])

/** Lower-case names that may go upstream to this API. */
export function requestHeaderSet(profile: Pick<ApiProfile, 'requestHeaders'>): ReadonlySet<string> {
  return allowed([...COMMON_REQUEST, ...profile.requestHeaders], NEVER_FORWARDED)
}

/** Lower-case names that may come back from this API. */
export function responseHeaderSet(profile: Pick<ApiProfile, 'responseHeaders'>): ReadonlySet<string> {
  return allowed([...COMMON_RESPONSE, ...profile.responseHeaders], NEVER_RETURNED)
}

function allowed(names: readonly string[], never: ReadonlySet<string>): ReadonlySet<string> {
  const lower = names.map(name => name.toLowerCase())
  const whole = lower.filter(name => !name.endsWith('*') && isOpen(name, never))
  const beginnings = lower.filter(name => name.endsWith('*')).map(name => name.slice(0, -1))
  return new HeaderSet(whole, beginnings, never)
}

function isOpen(name: string, never: ReadonlySet<string>): boolean {
  return !never.has(name) && !name.startsWith('countersign-')
}

/** Names, and all names with one of some beginnings (`x-amz-meta-`); never one that never passes. */
class HeaderSet extends Set<string> {
  private readonly beginnings: readonly string[]
  private readonly never: ReadonlySet<string>

  constructor(whole: readonly string[], beginnings: readonly string[], never: ReadonlySet<string>) {
    super(whole)
    this.beginnings = beginnings
    this.never = never
  }

  override has(name: string): boolean {
    if (super.has(name)) return true
    return this.beginnings.some(beginning => name.startsWith(beginning)) && isOpen(name, this.never)
  }
}
