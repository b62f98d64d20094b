/**
 * A node of GitHub's GraphQL API, however its id is written:
 *
 *   MDEwOlJlcG9zaXRvcnkxMjk2MjY5   base64 of `010:Repository1296269`, and still taken
 *   R_kgDOABPHjQ                   base64url of the MessagePack list [0, 1296269] behind `R_`
 *
 * The number is that of the database, the same in both. What lies in a repository names its number before its own.
 */
export interface NodeId {
  /** `Repository`, or `R`. */
  readonly type: string
  readonly isPrefix: boolean
  /** `1296269`, or `1296269:refs/heads/main` where the last part is no number. */
  readonly key: string
}

const MAX_CHARS = 512

/** Null for whatever isn't one. */
export function nodeIdOf(text: string): NodeId | null {
  if (text.length > MAX_CHARS) return null
  const written = text.replace(/[\s=]/g, '')
  const [, prefix, packed = ''] = /^([A-Z][A-Za-z]{0,15})_([A-Za-z0-9_-]+)$/.exec(written) ?? []
  if (prefix !== undefined) {
    const key = keyOf(partsOf(bytesOf(packed)))
    return key === null ? null : { type: prefix, isPrefix: true, key }
  }
  // `0`, the length of the type's name in one or two digits, and a colon.
  if (!/^M[A-Za-z0-9+/_-]{7,}$/.test(written)) return null
  const [, type, key] = /^0[0-9]{1,2}:([A-Z][A-Za-z]+)([0-9].*)$/s.exec(asciiOf(bytesOf(written))) ?? []
  return type === undefined || key === undefined ? null : { type, isPrefix: false, key }
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

/** Items of a MessagePack list of whole numbers and texts; null for anything else. */
function partsOf(bytes: readonly number[]): readonly Part[] | null {
  const [head = 0, ...rest] = bytes
  if (head < 0x90 || head > 0x9f) return null
  const parts: Part[] = []
  let at = 0
  for (let left = head - 0x90; left > 0; left--) {
    const tag = rest[at++]
    if (tag === undefined) return null
    const wide = WIDE_NUMBERS[tag]
    if (tag < 0x80) parts.push(BigInt(tag))
    else if (wide !== undefined) {
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

/** Bytes behind the tags of unsigned numbers (MessagePack, `uint 8` to `uint 64`), and of the lengths of texts (`str 8`, `str 16`). */
const WIDE_NUMBERS: Readonly<Record<number, number>> = { 204: 1, 205: 2, 206: 4, 207: 8 }
const WIDE_TEXTS: Readonly<Record<number, number>> = { 217: 1, 218: 2 }

function numberOf(bytes: readonly number[]): bigint {
  return bytes.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n)
}

/** The first part is the format's version. */
function keyOf(parts: readonly Part[] | null): string | null {
  const last = parts?.at(-1)
  if (parts === null || last === undefined || parts.length < 2 || parts[0] !== 0n) return null
  return typeof last === 'bigint' ? String(last) : parts.slice(1).join(':')
}
