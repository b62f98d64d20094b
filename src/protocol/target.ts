import type { ProtocolCode } from './error-table.js'
import type { Unclassifiable } from './operation.js'
import type { Target } from './request.js'
import { isUnclassifiable, unclassifiable } from './unclassifiable.js'

export const MAX_TARGET_BYTES = 8192

/** What a raw ASCII character may do in a target. */
const UNRESERVED = 1
const IN_PATH = 2
const IN_QUERY = 4

/** RFC 3986 §2.2–2.3 by the places where canonical writers (encodeURIComponent, PathEscape, quote) leave a character raw. */
const CHARACTER = new Uint8Array(128)
for (const letter of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~')
  CHARACTER[letter.charCodeAt(0)] = UNRESERVED | IN_PATH | IN_QUERY
for (const letter of "!$&'()*+,=:@") CHARACTER[letter.charCodeAt(0)] = IN_PATH | IN_QUERY
for (const letter of '[]') CHARACTER[letter.charCodeAt(0)] = IN_QUERY

const SLASH = 0x2f
const PERCENT = 0x25
const BACKSLASH = 0x5c

/**
 * Accepts a request target only in the form that a canonical writer would produce, so that no server behind
 * can read another path out of it: origin form (RFC 9112 §3.2.1), no empty or dot segments, upper-case
 * percent-encoding of exactly the characters that need it, UTF-8, no controls, at most 8 KiB.
 *
 * An encoded slash (`%2F`) passes here and is refused by every template whose parameter isn't `{name+}`; even
 * then it can hide no dot segment. `raw` of the answer is the input itself: nothing is ever normalised.
 */
export function parseTarget(raw: string): Target | Unclassifiable {
  const target = parseKeyTarget(raw)
  if (isUnclassifiable(target)) return target
  const refusal = refusalOfPath(target)
  return refusal === null ? target : unclassifiable(refusal)
}

/**
 * The same for stores whose paths end in keys and not in names: S3 keeps `a//b`, `..`, `%2F` and `%2525` as they are.
 * Characters and encodings are held to the same grammar.
 */
export function parseKeyTarget(raw: string): Target | Unclassifiable {
  if (raw.length > MAX_TARGET_BYTES) return unclassifiable('target_too_long')
  if (raw.charCodeAt(0) !== SLASH)
    return unclassifiable(raw[0] === '\\' ? 'target_backslash' : 'target_not_origin_form')
  const question = raw.indexOf('?')
  const path = question === -1 ? raw : raw.slice(0, question)
  const query = question === -1 ? null : raw.slice(question + 1)
  const refusal = refusalOfText(path, IN_PATH) ?? (query === null ? null : refusalOfText(query, IN_QUERY))
  if (refusal !== null) return unclassifiable(refusal)
  return { raw, path, segments: path.slice(1).split('/'), query }
}

/** What a server that normalises paths could read another path out of; null for a path of plain names. */
export function refusalOfPath({ path, segments }: Target): ProtocolCode | null {
  if (path.includes('%5C')) return 'target_backslash'
  // ATTACK: `%252e%252e` becomes `..` in a server that decodes twice.
  if (/%25[0-9A-Fa-f]{2}/.test(path)) return 'target_double_encoding'
  for (let i = 0; i < segments.length; i++) {
    const code = refusalOfSegment(segments[i] as string, i === segments.length - 1)
    if (code !== null) return code
  }
  return null
}

/** The characters and encodings of a path or a query, in one pass. */
function refusalOfText(text: string, place: number): ProtocolCode | null {
  let beyondAscii = false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === PERCENT) {
      const byte = encodedByte(text, at)
      if (byte === -1) return 'target_percent'
      if (byte < 0x80) {
        const refusal = refusalOfEncoded(byte, place)
        if (refusal !== null) return refusal
      } else beyondAscii = true
      at += 2
    } else if (code > 0x7f) return 'target_not_ascii'
    else if (((CHARACTER[code] as number) & place) === 0 && !(code === SLASH && place === IN_PATH))
      return refusalOfRaw(code)
  }
  return beyondAscii ? refusalOfUnicode(text, place) : null
}

function refusalOfRaw(code: number): ProtocolCode {
  if (code <= 0x20 || code === 0x7f) return 'target_control'
  if (code === BACKSLASH) return 'target_backslash'
  if (code === 0x23) return 'target_fragment'
  if (code === 0x3b) return 'target_semicolon'
  return 'target_character'
}

function refusalOfEncoded(byte: number, place: number): ProtocolCode | null {
  if (((CHARACTER[byte] as number) & UNRESERVED) !== 0) return 'target_encoded_plain'
  const lineOrTab = byte === 0x09 || byte === 0x0a || byte === 0x0d
  if ((byte < 0x20 && !(lineOrTab && place === IN_QUERY)) || byte === 0x7f) return 'target_control'
  return null
}

/** Overlong forms, lone surrogates and C1 controls. */
function refusalOfUnicode(text: string, place: number): ProtocolCode | null {
  try {
    const decoded = decodeURIComponent(text)
    return place === IN_PATH && /[\u0080-\u009f\u2028\u2029]/.test(decoded) ? 'target_control' : null
  } catch {
    return 'target_not_utf8'
  }
}

function refusalOfSegment(segment: string, last: boolean): ProtocolCode | null {
  if (segment === '') return last ? null : 'target_empty_segment'
  const first = segment.charCodeAt(0)
  const hidden = segment.includes('%2F')
  if (first !== 0x2e && first !== PERCENT && !hidden) return null
  const names = hidden ? segment.split('%2F') : [segment]
  for (const name of names) {
    if (name === '') return 'target_empty_segment'
    // Trailing dots and spaces are dropped by some file systems: `..%20` would be `..`.
    if (/^(?:\.|%20)+$/.test(name)) return 'target_dot_segment'
  }
  return null
}

/** The byte behind `%XX` at `at`, or -1 unless both digits are upper-case hexadecimal. */
function encodedByte(text: string, at: number): number {
  const high = text.charCodeAt(at + 1)
  const low = text.charCodeAt(at + 2)
  if (high >= 0x61 || low >= 0x61) return -1
  const value = hexValue(high) * 16 + hexValue(low)
  return hexValue(high) < 0 || hexValue(low) < 0 ? -1 : value
}

/** Value of a hexadecimal digit of either case, or -1; NaN (the end of the text) is none. */
function hexValue(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  if (code >= 0x41 && code <= 0x46) return code - 0x37
  if (code >= 0x61 && code <= 0x66) return code - 0x57
  return -1
}
