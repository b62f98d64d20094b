/**
 * Text that came from an agent or an upstream, fit to stand in a message: the characters that names and ids are
 * made of, on one line, cut to a length. ATTACK: an id that speaks to the model ("…ignore the above").
 */
export function plainWord(text: string, maxCharacters: number): string {
  return cut(plain(text), maxCharacters)
}

function plain(text: string): string {
  return text.replace(/[^A-Za-z0-9_.:/{}()@+*,-]+/g, '?')
}

/** Cut in the middle. For plain words, which have no surrogate pairs. */
function cutWithin(text: string, maxCharacters: number): string {
  if (text.length <= maxCharacters) return text
  const tail = Math.floor((maxCharacters - 1) / 2)
  return `${text.slice(0, maxCharacters - 1 - tail)}…${text.slice(text.length - tail)}`
}

/**
 * Two such words, `volume v-91` or `DELETE /v1/customers/{customer}`: a kind that the catalog names, and what the request
 * named, of which the end tells as much as the beginning.
 */
export function plainPair(text: string, maxCharacters: number): string {
  const space = text.indexOf(' ')
  if (space < 0) return cutWithin(plain(text), maxCharacters)
  const kind = plainWord(text.slice(0, space), maxCharacters / 2)
  return `${kind} ${cutWithin(plain(text.slice(space + 1)), maxCharacters - kind.length - 1)}`
}

/** Text of the sealed policy: printable ASCII and letters, on one line, cut to a length. */
export function oneLine(text: string, maxCharacters: number): string {
  const line = text.replace(/[\p{C}\p{Z}]+/gu, ' ').trim()
  return cut(line, maxCharacters)
}

/** Cut at a length, without a broken surrogate pair, and marked as cut. */
function cut(text: string, maxCharacters: number): string {
  if (text.length <= maxCharacters) return text
  return `${text
    .slice(0, maxCharacters - 1)
    .toWellFormed()
    .replace(/�$/, '')}…`
}

/** A header value that Node and undici both write unchanged (RFC 9110 §5.5, as Latin-1). */
export function isSendableValue(value: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(value)
}
