import { canonFault } from './error-table.js'

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** UTF-8 bytes of a string; throws `json_unicode` on a lone surrogate. */
export function utf8(text: string): Uint8Array {
  if (!text.isWellFormed()) throw canonFault('json_unicode')
  return encoder.encode(text)
}

/** The string behind UTF-8 bytes; throws `json_unicode` when they are malformed. A byte order mark is kept as U+FEFF. */
export function fromUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes)
  } catch {
    throw canonFault('json_unicode')
  }
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** Lower-case hexadecimal. */
export function hex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += HEX[byte]
  return text
}

/** Bytes behind lower-case hexadecimal, or undefined if the text is anything else. */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/.test(text)) return undefined
  return Uint8Array.from({ length: text.length / 2 }, (_, i) =>
    Number.parseInt(text.slice(2 * i, 2 * i + 2), 16),
  )
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let offset = 0
  for (const part of parts) {
    joined.set(part, offset)
    offset += part.length
  }
  return joined
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  let difference = 0
  for (let i = 0; i < a.length; i++) difference |= (a[i] as number) ^ (b[i] as number)
  return difference === 0
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const VALUE = new Map([...ALPHABET].map((letter, value) => [letter, value]))

/** Standard base64 with padding (RFC 4648 §4). */
export function base64(bytes: Uint8Array): string {
  let text = ''
  for (let i = 0; i < bytes.length; i += 3) {
    const [a, b, c] = [bytes[i] as number, bytes[i + 1], bytes[i + 2]]
    text += ALPHABET[a >> 2]
    text += ALPHABET[((a & 3) << 4) | ((b ?? 0) >> 4)]
    text += b === undefined ? '=' : ALPHABET[((b & 15) << 2) | ((c ?? 0) >> 6)]
    text += c === undefined ? '=' : ALPHABET[c & 63]
  }
  return text
}

/** The bytes behind standard padded base64; throws `base64_invalid` for anything that would not encode back to the same text. */
export function fromBase64(text: string): Uint8Array {
  const body = text.replace(/={1,2}$/, '')
  const bytes = new Uint8Array(Math.floor((body.length * 3) / 4))
  let bits = 0
  let pending = 0
  let offset = 0
  for (const letter of body) {
    const value = VALUE.get(letter)
    if (value === undefined) throw canonFault('base64_invalid')
    bits = (bits << 6) | value
    pending += 6
    if (pending >= 8) {
      pending -= 8
      bytes[offset++] = (bits >> pending) & 255
      bits &= (1 << pending) - 1
    }
  }
  if (base64(bytes) !== text) throw canonFault('base64_invalid')
  return bytes
}

/** base64url without padding (RFC 4648 §5, RFC 7515 §2). */
export function base64url(bytes: Uint8Array): string {
  return base64(bytes).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
}

/** The bytes behind unpadded base64url; throws `base64_invalid` for any other spelling. */
export function fromBase64url(text: string): Uint8Array {
  if (/[+/=]/.test(text)) throw canonFault('base64_invalid')
  const standard = text.replaceAll('-', '+').replaceAll('_', '/')
  return fromBase64(standard.padEnd(Math.ceil(standard.length / 4) * 4, '='))
}
