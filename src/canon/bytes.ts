import { base64Length, decodeBase64Bytes, encodeBase64Into } from './base64-bytes.js'
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

const DIGITS = encoder.encode('0123456789abcdef')

/** Lower-case hexadecimal. */
export function hex(bytes: Uint8Array): string {
  const ascii = new Uint8Array(bytes.length * 2)
  let at = 0
  for (const byte of bytes) {
    ascii[at++] = DIGITS[byte >> 4] as number
    ascii[at++] = DIGITS[byte & 15] as number
  }
  return decoder.decode(ascii)
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

/** Standard base64 with padding (RFC 4648 §4). */
export function base64(bytes: Uint8Array): string {
  const ascii = new Uint8Array(base64Length(bytes.length))
  encodeBase64Into(bytes, ascii, 0)
  return decoder.decode(ascii)
}

/** The bytes behind standard padded base64; throws `base64_invalid` for anything that would not encode back to the same text. */
export function fromBase64(text: string): Uint8Array {
  return decodeBase64Bytes(encoder.encode(text))
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
