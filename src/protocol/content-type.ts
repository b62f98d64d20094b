/** A strictly parsed Content-Type: type and parameter names in lower case. */
export interface ContentType {
  /** `application/json`. */
  readonly type: string
  readonly charset: string | null
  readonly boundary: string | null
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
const MEDIA_TYPE = new RegExp(`^${TOKEN}/${TOKEN}`, 'y')
const PARAMETER = new RegExp(`[ ]?;[ ]?(${TOKEN})=(?:(${TOKEN})|"([ !#-\\[\\]-~]*)")`, 'y')

/**
 * Parses a Content-Type in the form that SDKs write: `type/subtype` and well-formed parameters (RFC 9110
 * §8.3.1), at most one space around `;`, no escapes, no parameter twice. Null for anything else, because
 * servers disagree on what anything else means.
 */
export function parseContentType(value: string): ContentType | null {
  if (value.length > 512) return null
  MEDIA_TYPE.lastIndex = 0
  const type = MEDIA_TYPE.exec(value)?.[0]
  if (type === undefined) return null
  const parameters = new Map<string, string>()
  let at = type.length
  while (at < value.length) {
    PARAMETER.lastIndex = at
    const match = PARAMETER.exec(value)
    if (match === null) return null
    const name = (match[1] as string).toLowerCase()
    if (parameters.has(name)) return null
    parameters.set(name, match[2] ?? match[3] ?? '')
    at += match[0].length
  }
  return {
    type: type.toLowerCase(),
    charset: parameters.get('charset')?.toLowerCase() ?? null,
    boundary: parameters.get('boundary') ?? null,
  }
}
