/** One step of a pattern: a character as it is, one character of any kind, any number of them, or nothing at all. */
type Token =
  | { readonly is: 'exactly'; readonly character: string }
  | { readonly is: 'one' | 'any' | 'nothing' }

/** A compiled pattern of a policy: `arn:aws:s3:::acme-releases/v1/*`. */
export type Pattern = readonly Token[]

/**
 * Compiles a policy's pattern. With `variables` (policy language 2012-10-17) `${*}`, `${?}` and `${$}` stand for the
 * characters themselves, and any other variable for a value that no request here has.
 */
export function patternOf(text: string, variables: boolean): Pattern {
  const tokens: Token[] = []
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at] as string
    const variable = variables ? /^\$\{([^}]*)\}/.exec(text.slice(at)) : null
    if (variable !== null) {
      const name = variable[1] as string
      tokens.push(['*', '?', '$'].includes(name) ? { is: 'exactly', character: name } : { is: 'nothing' })
      at += variable[0].length - 1
    } else if (character === '*') tokens.push({ is: 'any' })
    else if (character === '?') tokens.push({ is: 'one' })
    else tokens.push({ is: 'exactly', character })
  }
  return tokens
}

/** Whether the whole text fits; a wildcard passes every character. */
export function nameMatches(pattern: Pattern, text: string): boolean {
  let [token, at] = [0, 0]
  let star: { readonly token: number; at: number } | null = null
  while (at < text.length) {
    const next = pattern[token]
    if (next?.is === 'any') {
      star = { token, at }
      token += 1
    } else if (next?.is === 'one' || (next?.is === 'exactly' && next.character === text[at])) {
      token += 1
      at += 1
    } else if (star !== null) {
      star.at += 1
      token = star.token + 1
      at = star.at
    } else return false
  }
  return pattern.slice(token).every(rest => rest.is === 'any')
}

/**
 * Whether an ARN fits, part by part: a wildcard passes no colon but in the last part. The pattern `*` fits everything,
 * and it alone fits the resource `*` of an action that knows no resource.
 */
export function arnMatches(pattern: Pattern, arn: string): boolean {
  if (pattern.length === 1 && pattern[0]?.is === 'any') return true
  const parts = arnParts([...arn], character => character === ':')
  const wanted = arnParts(pattern, token => token.is === 'exactly' && token.character === ':')
  if (parts.length !== ARN_PARTS) return false
  // IAM completes a short pattern with wildcards.
  while (wanted.length < ARN_PARTS) wanted.push([{ is: 'any' }])
  return parts.every((part, index) => nameMatches(wanted[index] ?? [], part.join('')))
}

/** `arn:partition:service:region:account:resource` */
const ARN_PARTS = 6

function arnParts<T>(whole: readonly T[], isColon: (one: T) => boolean): T[][] {
  const parts: T[][] = [[]]
  for (const one of whole) {
    if (isColon(one) && parts.length < ARN_PARTS) parts.push([])
    else parts[parts.length - 1]?.push(one)
  }
  return parts
}
