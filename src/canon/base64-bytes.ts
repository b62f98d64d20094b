import { canonFault } from './error-table.js'

const ENCODE = new Uint8Array(64)
const DECODE = new Int8Array(256).fill(-1)
for (const [value, letter] of [
  ...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/',
].entries()) {
  ENCODE[value] = letter.charCodeAt(0)
  DECODE[letter.charCodeAt(0)] = value
}
const PAD = 0x3d
/** What two letters say, 12 bits, by their codes; −1 where one of them is none. Half as many look-ups as letter by letter. */
const DECODE_PAIR = new Int16Array(65_536).fill(-1)
for (const [high, first] of ENCODE.entries())
  for (const [low, second] of ENCODE.entries()) DECODE_PAIR[(first << 8) | second] = (high << 6) | low

/** Length of the padded base64 form of `length` bytes. */
export function base64Length(length: number): number {
  return 4 * Math.ceil(length / 3)
}

/** Writes the padded base64 form (RFC 4648 §4) of `source` into `target` as ASCII and returns the offset behind it. */
export function encodeBase64Into(source: Uint8Array, target: Uint8Array, offset: number): number {
  const whole = source.length - (source.length % 3)
  let out = offset
  for (let i = 0; i < whole; i += 3) {
    const bits = ((source[i] as number) << 16) | ((source[i + 1] as number) << 8) | (source[i + 2] as number)
    target[out++] = ENCODE[bits >> 18] as number
    target[out++] = ENCODE[(bits >> 12) & 63] as number
    target[out++] = ENCODE[(bits >> 6) & 63] as number
    target[out++] = ENCODE[bits & 63] as number
  }
  const rest = source.length - whole
  if (rest === 0) return out
  const bits = ((source[whole] as number) << 16) | ((rest === 2 ? (source[whole + 1] as number) : 0) << 8)
  target[out++] = ENCODE[bits >> 18] as number
  target[out++] = ENCODE[(bits >> 12) & 63] as number
  target[out++] = rest === 2 ? (ENCODE[(bits >> 6) & 63] as number) : PAD
  target[out++] = PAD
  return out
}

/** The bytes behind padded base64 given as ASCII; throws `base64_invalid` for any spelling that would not encode back to the same bytes. */
export function decodeBase64Bytes(ascii: Uint8Array): Uint8Array {
  if (ascii.length % 4 !== 0) throw canonFault('base64_invalid')
  const end = ascii.length
  const pads = end === 0 || ascii[end - 1] !== PAD ? 0 : ascii[end - 2] === PAD ? 2 : 1
  const bytes = new Uint8Array((end / 4) * 3 - pads)
  const whole = pads === 0 ? end : end - 4
  let out = 0
  for (let i = 0; i < whole; i += 4) {
    // Where one of them is no letter, −1 leaves the four negative.
    const bits =
      ((DECODE_PAIR[((ascii[i] as number) << 8) | (ascii[i + 1] as number)] as number) << 12) |
      (DECODE_PAIR[((ascii[i + 2] as number) << 8) | (ascii[i + 3] as number)] as number)
    if (bits < 0) throw canonFault('base64_invalid')
    bytes[out++] = bits >> 16
    bytes[out++] = (bits >> 8) & 255
    bytes[out++] = bits & 255
  }
  if (pads > 0) decodeLast(ascii.subarray(whole, end - pads), bytes.subarray(out))
  return bytes
}

/** Two or three letters behind which padding stands. */
function decodeLast(letters: Uint8Array, bytes: Uint8Array): void {
  let bits = 0
  for (const letter of letters) {
    const value = DECODE[letter] as number
    if (value < 0) throw canonFault('base64_invalid')
    bits = (bits << 6) | value
  }
  // INVARIANT: the bits beyond the last byte are zero, or the text would not encode back to itself.
  const beyond = letters.length === 2 ? 4 : 2
  if ((bits & ((1 << beyond) - 1)) !== 0) throw canonFault('base64_invalid')
  const kept = bits >> beyond
  if (bytes.length === 2) bytes[0] = kept >> 8
  bytes[bytes.length - 1] = kept & 255
}
