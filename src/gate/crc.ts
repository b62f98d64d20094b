/*
 * The two cyclic redundancy checks of AWS that zlib has not. Both are reflected, begin with all ones and end
 * inverted. https://reveng.sourceforge.io/crc-catalogue/all.htm: CRC-32/ISCSI, CRC-64/NVME
 */

const CRC32C_POLYNOMIAL = 0x82f63b78
/** 0x9a6c9329ac4bc9b5 */
const CRC64_HIGH = 0x9a6c9329
const CRC64_LOW = 0xac4bc9b5

const CRC32C_TABLE = new Int32Array(256)
const CRC64_HIGH_TABLE = new Int32Array(256)
const CRC64_LOW_TABLE = new Int32Array(256)
for (let byte = 0; byte < 256; byte++) {
  let word = byte
  let high = 0
  let low = byte
  for (let bit = 0; bit < 8; bit++) {
    word = (word >>> 1) ^ ((word & 1) === 0 ? 0 : CRC32C_POLYNOMIAL)
    const odd = (low & 1) !== 0
    low = ((low >>> 1) | (high << 31)) ^ (odd ? CRC64_LOW : 0)
    high = (high >>> 1) ^ (odd ? CRC64_HIGH : 0)
  }
  CRC32C_TABLE[byte] = word
  CRC64_HIGH_TABLE[byte] = high
  CRC64_LOW_TABLE[byte] = low
}

/** CRC-32C (RFC 3720 §12.1). */
export class Crc32c {
  private state = -1

  update(part: Uint8Array): void {
    let state = this.state
    for (let at = 0; at < part.length; at++)
      state = (state >>> 8) ^ (CRC32C_TABLE[(state ^ (part[at] as number)) & 0xff] as number)
    this.state = state
  }

  base64(): string {
    const bytes = Buffer.alloc(4)
    bytes.writeInt32BE(~this.state)
    return bytes.toString('base64')
  }
}

/** CRC-64/NVME, in two halves because JavaScript's bit operations have 32 bits. */
export class Crc64Nvme {
  private high = -1
  private low = -1

  update(part: Uint8Array): void {
    let { high, low } = this
    for (let at = 0; at < part.length; at++) {
      const index = (low ^ (part[at] as number)) & 0xff
      low = ((low >>> 8) | (high << 24)) ^ (CRC64_LOW_TABLE[index] as number)
      high = (high >>> 8) ^ (CRC64_HIGH_TABLE[index] as number)
    }
    this.high = high
    this.low = low
  }

  base64(): string {
    const bytes = Buffer.alloc(8)
    bytes.writeInt32BE(~this.high)
    bytes.writeInt32BE(~this.low, 4)
    return bytes.toString('base64')
  }
}
