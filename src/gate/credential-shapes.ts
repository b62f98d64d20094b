/**
 * What a credential looks like that an agent may have found somewhere: vendors' published prefixes, and JWTs.
 * None of them is ever a grant's place, so a match is reported by the place's name and never by its value.
 *
 * ATTACK: a header of `eyJeyJeyJ…`. A JWT is looked for from its first dot, back and on, so that no letter is read once
 * for each beginning before it.
 */
const SHAPES =
  /(?:(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{8,}|whsec_[A-Za-z0-9]{16,}|sk-[A-Za-z0-9_-]{20,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|(?:AKIA|ASIA)[A-Z0-9]{16}|xox[abeoprs]-[A-Za-z0-9-]{10,}|glpat-[A-Za-z0-9_-]{16,}|AIza[A-Za-z0-9_-]{30,}|npm_[A-Za-z0-9]{30,}|SG\.[A-Za-z0-9_-]{16,}\.|\.eyJ(?<=eyJ[A-Za-z0-9_-]{8,}\.eyJ)[A-Za-z0-9_-]{8,}\.)/

/** Headers that carry a credential whatever their value. */
const CREDENTIAL_HEADERS: ReadonlySet<string> = new Set([
  'cookie',
  'proxy-authorization',
  'x-api-key',
  'api-key',
  'apikey',
  'private-token',
  'job-token',
  'x-amz-security-token',
])
const CREDENTIAL_HEADER_WORDS =
  /(?:^|-)(?:token|secret|password|apikey|authorization|credentials?)$|(?:^|-)(?:api|access|auth|secret)-key$|-(?:access|auth|api)-token/

/** Query parameters that carry a credential whatever their value. */
const CREDENTIAL_PARAMETERS: ReadonlySet<string> = new Set([
  'access_token',
  'api_key',
  'apikey',
  'auth_token',
  'client_secret',
  'oauth_token',
  'private_token',
  'x-amz-credential',
  'x-amz-security-token',
  'x-amz-signature',
])
/** Words that are also ordinary parameters: a credential only where the value is long and mixed. */
const AMBIGUOUS_PARAMETERS: ReadonlySet<string> = new Set([
  'key',
  'token',
  'secret',
  'password',
  'sig',
  'auth',
])
const LONG_AND_MIXED = /^(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9_.~+/=-]{20,}$/

/** Headers every client sends, never worth a look. */
const ORDINARY: ReadonlySet<string> = new Set([
  'host',
  'connection',
  'accept',
  'accept-encoding',
  'accept-language',
  'content-type',
  'content-length',
  'user-agent',
  'expect',
  'transfer-encoding',
  'sec-fetch-mode',
])

/** True where a header that is no slot carries a credential, by its name or by its value. */
export function isCredentialHeader(name: string, value: string): boolean {
  if (ORDINARY.has(name)) return false
  return CREDENTIAL_HEADERS.has(name) || CREDENTIAL_HEADER_WORDS.test(name) || SHAPES.test(value)
}

/** True for text that looks like a credential wherever it stands. */
export function hasCredentialShape(text: string): boolean {
  return SHAPES.test(text)
}

/** Lower-case names of the query parameters that carry a credential, but for those in `own`; at most the first four. */
export function credentialParameters(query: string, own: ReadonlySet<string>): string[] {
  const found: string[] = []
  for (const pair of query.split('&')) {
    const equals = pair.indexOf('=')
    const name = decoded(equals < 0 ? pair : pair.slice(0, equals)).toLowerCase()
    if (own.has(name)) continue
    const value = equals < 0 ? '' : decoded(pair.slice(equals + 1))
    const credential =
      (value !== '' && CREDENTIAL_PARAMETERS.has(name)) ||
      (AMBIGUOUS_PARAMETERS.has(name) && LONG_AND_MIXED.test(value)) ||
      SHAPES.test(value)
    if (credential && found.push(name) === 4) break
  }
  return found
}

/** Decoded values of the query's parameters of one lower-case name. */
export function parameterValues(query: string, wanted: string): string[] {
  const values: string[] = []
  for (const pair of query.split('&')) {
    const equals = pair.indexOf('=')
    if (decoded(equals < 0 ? pair : pair.slice(0, equals)).toLowerCase() === wanted)
      values.push(equals < 0 ? '' : decoded(pair.slice(equals + 1)))
  }
  return values
}

function decoded(text: string): string {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
