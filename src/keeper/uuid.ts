import { hex } from '../canon/index.js'

/** A UUIDv7 (RFC 9562 §5.7): 48 bits of Unix milliseconds, then 74 random bits. `random` gives 10 bytes. */
export function uuid7(nowMs: number, random: Uint8Array): string {
  const bytes = new Uint8Array(16)
  const time = new DataView(bytes.buffer)
  time.setUint16(0, Math.floor(nowMs / 2 ** 32))
  time.setUint32(2, nowMs % 2 ** 32)
  bytes.set(random.subarray(0, 10), 6)
  bytes[6] = 0x70 | ((bytes[6] as number) & 0x0f)
  bytes[8] = 0x80 | ((bytes[8] as number) & 0x3f)
  const digits = hex(bytes)
  return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-${digits.slice(12, 16)}-${digits.slice(16, 20)}-${digits.slice(20)}`
}
