const UUID = /^\{?([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})\}?$/i

/**
 * The digits of a UUID, however it is written; null for anything else. Servers that keep it as a number take each of these
 * for the same (PostgreSQL's `uuid`): in capitals, without hyphens, in braces.
 */
export function uuidDigits(text: string): string | null {
  const match = UUID.exec(text)
  return match === null ? null : match.slice(1).join('').toLowerCase()
}
