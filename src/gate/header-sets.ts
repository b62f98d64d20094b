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
  return new Set(lower.filter(name => !never.has(name) && !name.startsWith('countersign-')))
}
