/** CRC-32C (RFC 3720 §B.4), reflected; LevelDB guards its blocks with it. */
const POLYNOMIAL = 0x82f63b78

/** Eight bytes at once: table i says what a byte does to the checksum that stands i bytes before the last of them. */
const AT_ONCE = 8
const TABLES = tables()

function tables(): Uint32Array {
  const all = new Uint32Array(AT_ONCE * 256)
  for (let byte = 0; byte < 256; byte++) {
    let value = byte
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1
    all[byte] = value
  }
  for (let at = 256; at < all.length; at++) {
    const before = all[at - 256] as number
    all[at] = (before >>> 8) ^ (all[before & 0xff] as number)
  }
  return all
}

/** The checksum as an unsigned 32-bit number. */
export function crc32c(bytes: Uint8Array): number {
  const byte = (at: number) => bytes[at] as number
  const table = (number: number, at: number) => TABLES[number * 256 + at] as number
  let value = 0xffffffff
  let at = 0
  for (; at + AT_ONCE <= bytes.length; at += AT_ONCE) {
    value ^= byte(at) | (byte(at + 1) << 8) | (byte(at + 2) << 16) | (byte(at + 3) << 24)
    value =
      table(7, value & 0xff) ^
      table(6, (value >>> 8) & 0xff) ^
      table(5, (value >>> 16) & 0xff) ^
      table(4, value >>> 24) ^
      table(3, byte(at + 4)) ^
      table(2, byte(at + 5)) ^
      table(1, byte(at + 6)) ^
      table(0, byte(at + 7))
  }
  for (; at < bytes.length; at++) value = (value >>> 8) ^ table(0, (value ^ byte(at)) & 0xff)
  return (value ^ 0xffffffff) >>> 0
}

/** As LevelDB stores it, so that a checksum of bytes with checksums in them stays one: rotated, plus a constant. */
export function maskedCrc32c(bytes: Uint8Array): number {
  const value = crc32c(bytes)
  return (((value >>> 15) | (value << 17)) + 0xa282ead8) >>> 0
}
