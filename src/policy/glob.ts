/**
 * Whether a pattern matches the whole text; `*` stands for any run of letters, nothing else is special. Time is
 * linear in the text times the number of stars: no regular expression, no backtracking over more than one star.
 */
export function globMatches(pattern: string, text: string): boolean {
  const parts = pattern.split('*')
  const first = parts[0] as string
  if (parts.length === 1) return text === pattern
  const last = parts[parts.length - 1] as string
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last))
    return false
  const end = text.length - last.length
  let at = first.length
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at)
    if (found < 0 || found + part.length > end) return false
    at = found + part.length
  }
  return true
}

export function isGlob(pattern: string): boolean {
  return pattern.includes('*')
}
