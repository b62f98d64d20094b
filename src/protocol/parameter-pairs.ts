import { protocolFault } from './error-table.js'

export type Pair = readonly [name: string, value: string]

/**
 * Splits and decodes `a=1&b%5Bc%5D=2` (application/x-www-form-urlencoded, URL Standard §5.1) as SDKs write it.
 * A name without `=` has an empty value. Throws `parameter_syntax` on empty pairs, raw spaces, controls and
 * `;` (which some servers take for `&`), broken percent-encoding and anything that isn't UTF-8.
 */
export function parsePairs(text: string): Pair[] {
  const pairs: Pair[] = []
  if (text === '') return pairs
  let start = 0
  let equals = -1
  let encoded = false
  for (let at = 0; at <= text.length; at++) {
    const code = at === text.length ? AMPERSAND : text.charCodeAt(at)
    if (code === AMPERSAND) {
      if (at === start || equals === start) throw protocolFault('parameter_syntax')
      const end = equals === -1 ? at : equals
      const name = text.slice(start, end)
      const value = equals === -1 ? '' : text.slice(equals + 1, at)
      pairs.push(encoded ? [decode(name), decode(value)] : [name, value])
      start = at + 1
      equals = -1
      encoded = false
    } else if (code === EQUALS) {
      if (equals === -1) equals = at
    } else if (code === PERCENT || code === PLUS) encoded = true
    else if (code <= 0x20 || code === SEMICOLON || code === 0x7f) throw protocolFault('parameter_syntax')
  }
  return pairs
}

const AMPERSAND = 0x26
const EQUALS = 0x3d
const PERCENT = 0x25
const PLUS = 0x2b
const SEMICOLON = 0x3b

function decode(text: string): string {
  try {
    const decoded = decodeURIComponent(text.includes('+') ? text.replaceAll('+', ' ') : text)
    // ATTACK: a NUL ends the value in some servers and not in others.
    if (!decoded.includes('\0')) return decoded
  } catch {
    // decodeURIComponent throws on broken encodings, overlong forms and surrogates alike.
  }
  throw protocolFault('parameter_syntax')
}
