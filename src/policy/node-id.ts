/**
 * A node of GitHub's GraphQL API, however its id is written:
 *
 *   MDEwOlJlcG9zaXRvcnkxMjk2MjY5   base64 of `010:Repository1296269`, and still taken
 *   R_kgDOABPHjQ                   base64url of the MessagePack list [0, 1296269] behind `R_`
 *
 * The number is that of the database, the same in both. What lies in a repository names its number before its own. The
 * first part is the format's version; of a person's projects and what is in them it is 1.
 */
export interface NodeId {
  /** `Repository`, or `R`. */
  readonly type: string
  readonly isPrefix: boolean
  /** `1296269`, or `1296269:refs/heads/main` where the last part is no number. */
  readonly key: string
  /** Number of the repository that it lies in, of a project's items that of who has the project; null where the id doesn't say. */
  readonly within: string | null
}

const MAX_CHARS = 512

/** Null for whatever isn't one. */
export function nodeIdOf(text: string): NodeId | null {
  if (text.length > MAX_CHARS) return null
  // ATTACK: a full stop or a space in it, which lenient readers of base64 drop.
  const written = text.replace(/[^A-Za-z0-9+/_-]/g, '')
  const [, prefix, packed = ''] = /^([A-Z][A-Za-z]{0,15})_([A-Za-z0-9+/_-]+)$/.exec(written) ?? []
  if (prefix !== undefined) {
    const parts = partsOf(bytesOf(packed))
    const key = keyOf(parts)
    if (key === null) return null
    const within = (parts?.length ?? 0) > 2 ? String(parts?.[1]) : null
    return { type: prefix, isPrefix: true, key, within }
  }
  // `0`, the length of the type's name in one or two digits, and a colon.
  if (!/^M[A-Za-z0-9+/_-]{7,}$/.test(written)) return null
  const [, type, number, rest] =
    /^0[0-9]{1,2}:([A-Z][A-Za-z]+)[\s+]*0*([0-9]+)(.*)$/s.exec(asciiOf(bytesOf(written))) ?? []
  if (type === undefined || number === undefined || rest === undefined) return null
  // ATTACK: `Issue07x`, which is 7 to a reader of numbers.
  const isIn = rest.startsWith(':')
  return { type, isPrefix: false, key: isIn ? number + rest : number, within: isIn ? number : null }
}

/** Whether a pattern may be of node ids, as far as its letters tell: neither `acme/shop` nor `acme` is. */
export function mayNameNodes(pattern: string): boolean {
  if (pattern.includes('*')) return !pattern.includes('/')
  return /^(?:[A-Z][A-Za-z]{0,15}_|M)[A-Za-z0-9+/=_-]+$/.test(pattern)
}

/** Prefixes that are known to stand for one type; of others only the number is compared. */
const TYPES: Readonly<Record<string, string>> = {
  E: 'Enterprise',
  I: 'Issue',
  O: 'Organization',
  PR: 'PullRequest',
  R: 'Repository',
  T: 'Team',
  U: 'User',
}

/** Whether two ids are of one node. Errs on the side of yes. */
export function isSameNode(a: NodeId, b: NodeId): boolean {
  if (a.key !== b.key) return false
  if (a.isPrefix === b.isPrefix) return a.type === b.type
  const [prefix, type] = a.isPrefix ? [a.type, b.type] : [b.type, a.type]
  return (TYPES[prefix] ?? type) === type
}

/**
 * Whether one lies in the other, as far as its id tells. ATTACK: a branch by its id, past a deny of the repository that it
 * is in. Errs on the side of yes.
 */
export function liesInNode({ type, isPrefix, within }: NodeId, place: NodeId): boolean {
  if (within !== place.key) return false
  const holder = place.isPrefix ? TYPES[place.type] : place.type
  return isPrefix && type.startsWith('PVT')
    ? holder === 'Organization' || holder === 'User'
    : holder === 'Repository'
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

function sextetOf(letter: string): number {
  if (letter === '+' || letter === '-') return 62
  return letter === '/' || letter === '_' ? 63 : LETTERS.indexOf(letter)
}

/** What base64 says in either alphabet. ATTACK: bits to spare that aren't zero, which lenient readers drop. */
function bytesOf(text: string): readonly number[] {
  const bytes: number[] = []
  let [bits, count] = [0, 0]
  for (const letter of text) {
    bits = ((bits << 6) | sextetOf(letter)) & 0xfff
    count += 6
    if (count < 8) continue
    count -= 8
    bytes.push((bits >> count) & 0xff)
  }
  return bytes
}

function asciiOf(bytes: readonly number[]): string {
  return String.fromCharCode(...bytes)
}

type Part = bigint | string

/**
 * Items of a MessagePack list of whole numbers and texts; null for anything else. ATTACK: a number or a length that is
 * written wider than it has to be.
 */
function partsOf(bytes: readonly number[]): readonly Part[] | null {
  const [head = 0, ...behind] = bytes
  const lengthBytes = WIDE_LISTS[head] ?? 0
  if (lengthBytes === 0 && (head < 0x90 || head > 0x9f)) return null
  const length = lengthBytes === 0 ? head - 0x90 : Number(numberOf(behind.slice(0, lengthBytes)))
  const rest = behind.slice(lengthBytes)
  const parts: Part[] = []
  let at = 0
  for (let left = length; left > 0; left--) {
    const tag = rest[at++]
    if (tag === undefined) return null
    const wide = WIDE_NUMBERS[tag]
    if (tag < 0x80) parts.push(BigInt(tag))
    else if (FLOATS[tag] !== undefined) {
      parts.push(wholeOf(rest.slice(at, at + FLOATS[tag])))
      at += FLOATS[tag]
    } else if (wide !== undefined) {
      parts.push(numberOf(rest.slice(at, at + wide)))
      at += wide
    } else {
      const before = WIDE_TEXTS[tag] ?? 0
      const isShort = tag >= 0xa0 && tag <= 0xbf
      if (!isShort && before === 0) return null
      const size = isShort ? tag - 0xa0 : Number(numberOf(rest.slice(at, at + before)))
      parts.push(asciiOf(rest.slice(at + before, at + before + size)))
      at += before + size
    }
    if (at > rest.length) return null
  }
  return parts
}

/** Bytes behind the tags of numbers (MessagePack, `uint 8` to `uint 64`, `int 8` to `int 64`; no id is below zero). */
const WIDE_NUMBERS: Readonly<Record<number, number>> = {
  204: 1,
  205: 2,
  206: 4,
  207: 8,
  208: 1,
  209: 2,
  210: 4,
  211: 8,
}
const FLOATS: Readonly<Record<number, number>> = { 202: 4, 203: 8 }
/** And of lengths: of texts and bytes (`str 8` to `str 32`, `bin 8` to `bin 32`), and of lists (`array 16`, `array 32`). */
const WIDE_TEXTS: Readonly<Record<number, number>> = { 196: 1, 197: 2, 198: 4, 217: 1, 218: 2, 219: 4 }
const WIDE_LISTS: Readonly<Record<number, number>> = { 220: 2, 221: 4 }

function wholeOf(bytes: readonly number[]): bigint {
  const view = new DataView(Uint8Array.from(bytes).buffer)
  const number = bytes.length === 4 ? view.getFloat32(0) : bytes.length === 8 ? view.getFloat64(0) : 0
  return Number.isFinite(number) ? BigInt(Math.trunc(number)) : 0n
}

function numberOf(bytes: readonly number[]): bigint {
  return bytes.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n)
}

function keyOf(parts: readonly Part[] | null): string | null {
  const last = parts?.at(-1)
  if (parts === null || last === undefined || parts.length < 2 || typeof parts[0] !== 'bigint') return null
  if (typeof last === 'bigint') return String(last)
  return parts.length === 2 ? last.replace(/^\s*0*([0-9]+)$/, '$1') : parts.slice(1).join(':')
}
