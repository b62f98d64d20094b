/** A text that is looked for, whichever way its characters are escaped. Latin-1. */
export interface Sought {
  readonly bytes: Buffer
  /** What of it, from the beginning, is always written as it is. */
  readonly plain: Buffer
  /** Length of the longest way to write it. */
  readonly maxBytes: number
}

/** The bytes end before it does. */
const OPEN = -1
const NOT_HERE = -2
const LONGEST_WAY = 6
/** All but RFC 3986's unreserved characters: those are written as they are. */
const SPECIAL = /[^A-Za-z0-9._~-]/
const SPECIALS = /[^A-Za-z0-9._~-]/g

export function soughtOf(text: string): Sought {
  const bytes = Buffer.from(text, 'latin1')
  const special = text.search(SPECIAL)
  if (special < 0) return { bytes, plain: bytes, maxBytes: bytes.length }
  const specials = text.match(SPECIALS)?.length ?? 0
  return {
    bytes,
    plain: bytes.subarray(0, special),
    maxBytes: bytes.length + specials * (LONGEST_WAY - 1),
  }
}

/** Where the first of it begins and ends from some place on; null where there is none that is whole. */
export function find(
  sought: Sought,
  bytes: Buffer,
  from: number,
): { readonly at: number; readonly end: number } | null {
  for (let at = next(sought, bytes, from); at >= 0; at = next(sought, bytes, at + 1)) {
    const end = endOf(sought.bytes, bytes, at, 0)
    if (end >= 0) return { at, end }
  }
  return null
}

/** Length of the longest end of the bytes that begins it and isn't whole. */
export function openTail(sought: Sought, bytes: Buffer): number {
  for (let at = Math.max(0, bytes.length - sought.maxBytes + 1); at < bytes.length; at++) {
    if (sought.plain.length > 0) at = bytes.indexOf(sought.plain[0] as number, at)
    if (at < 0) return 0
    if (endOf(sought.bytes, bytes, at, 0) === OPEN) return bytes.length - at
  }
  return 0
}

function next({ plain }: Sought, bytes: Buffer, from: number): number {
  if (plain.length > 0) return bytes.indexOf(plain, from)
  return from < bytes.length ? from : -1
}

/** Where what is left of it ends; `OPEN` or `NOT_HERE`. */
function endOf(sought: Buffer, bytes: Buffer, from: number, fromStep: number): number {
  let at = from
  for (let step = fromStep; step < sought.length; step++) {
    const ways = WAYS[sought[step] as number] as readonly Buffer[] | null
    if (ways !== null) return endByWays(ways, sought, bytes, at, step)
    if (at === bytes.length) return OPEN
    if (bytes[at++] !== sought[step]) return NOT_HERE
  }
  return at
}

function endByWays(ways: readonly Buffer[], sought: Buffer, bytes: Buffer, at: number, step: number): number {
  let found = NOT_HERE
  for (const way of ways) {
    const there = Math.min(way.length, bytes.length - at)
    if (bytes.compare(way, 0, there, at, at + there) !== 0) continue
    const end = there < way.length ? OPEN : endOf(sought, bytes, at + there, step + 1)
    if (end >= 0) return end
    found = Math.max(found, end)
  }
  return found
}

const NAMED: Readonly<Record<string, string>> = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot', "'": 'apos' }

/**
 * Ways to write a special character, by its code: as it is, and as writers of JSON, URLs and HTML escape it. Gson writes `=` as `\u003d`, .NET `+` as `\u002B`, PHP `/` as `\/`, a template `=` as `&#x3D;`.
 */
const WAYS: readonly (readonly Buffer[] | null)[] = Array.from({ length: 256 }, (_, code) => {
  const character = String.fromCharCode(code)
  if (!SPECIAL.test(character)) return null
  const utf8 = Buffer.from(character)
  const hex = code.toString(16).padStart(2, '0')
  const percent = encodeURIComponent(character)
  const octets = [...utf8].map(byte => `%${byte.toString(16).padStart(2, '0')}`).join('')
  const written = [hex, hex.toUpperCase()].flatMap(digits => [`\\u00${digits}`, `&#x${digits};`])
  written.push(octets, octets.toUpperCase(), percent, `&#${code};`, `\\${character}`)
  if (character === ' ') written.push('+')
  if (character in NAMED) written.push(`&${NAMED[character]};`)
  const ways = [character, ...written].map(text => Buffer.from(text, 'latin1'))
  return [...ways, utf8].filter((way, i, all) => all.findIndex(other => other.equals(way)) === i)
})
