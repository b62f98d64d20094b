import { fromUtf8, utf8 } from '../canon/index.js'

/**
 * Keys of the database: one letter, then a fixed-width or text part, so that a scan in key order is a scan in the
 * order of the log.
 *
 *     e ‖ seq (8 bytes, big-endian)   envelope bytes of an entry
 *     n ‖ tile (8 bytes, big-endian)  tree hashes of 256 entries, see `OpenTile`
 *     i ‖ attempt id (UUID text)      decision inputs, encrypted to the auditor
 *     s ‖ name (UTF-8)                durable state of the use cases
 *     h                               head and open attempts, as JCS
 *     ha                              which entries lie in an archive, as JCS; see `Archived`
 */
export const HEAD_KEY = utf8('h')
/** Beside the head, so that a start looks at the checksum of both. */
export const ARCHIVED_KEY = utf8('ha')

export function seqKey(space: 'e' | 'n', seq: number): Uint8Array {
  const key = Buffer.allocUnsafe(9)
  key[0] = space.charCodeAt(0)
  writeUint64(key, 1, seq)
  return key
}

export function seqOfKey(key: Uint8Array): number {
  const view = new DataView(key.buffer, key.byteOffset)
  return view.getUint32(1) * 2 ** 32 + view.getUint32(5)
}

export function textKey(space: 'i' | 's', name: string): Uint8Array {
  return utf8(`${space}${name}`)
}

export function textOfKey(key: Uint8Array): string {
  return fromUtf8(key.subarray(1))
}

/** First key behind all that begin with `prefix`: no UTF-8 text and no sequence number here reaches 0xFF. */
export function behind(prefix: Uint8Array): Uint8Array {
  const key = new Uint8Array(prefix.length + 1)
  key.set(prefix)
  key[prefix.length] = 0xff
  return key
}

/** A safe integer as 8 bytes, big-endian. */
export function writeUint64(target: Buffer, offset: number, value: number): void {
  target.writeUInt32BE(Math.floor(value / 2 ** 32), offset)
  target.writeUInt32BE(value % 2 ** 32, offset + 4)
}
