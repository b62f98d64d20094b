const PUNCTUATION = /[-{}()\s]/g
const PREFIX = 'urn:uuid:'
/** The longest way to write one that anybody reads. */
const MAX_CHARS = 128

/**
 * The digits of a UUID, however it is written; null for anything else. Servers that keep it as a number take each of these
 * for the same: in capitals, without hyphens or with others (PostgreSQL: behind any four digits), in braces or
 * parentheses, as a URN (RFC 9562 §4). ATTACK: `0e1f-2a3b-4c5d-…`, past a deny of that id.
 */
export function uuidDigits(text: string): string | null {
  if (text.length > MAX_CHARS) return null
  const bare = barePattern(text)
  const digits = bare.startsWith(PREFIX) ? bare.slice(PREFIX.length) : bare
  return /^[0-9a-f]{32}$/.test(digits) ? digits : null
}

/** Without what doesn't count: whatever way to write an id a pattern matches, the bare pattern matches the bare id. */
export function barePattern(text: string): string {
  return text.toLowerCase().replace(PUNCTUATION, '')
}
