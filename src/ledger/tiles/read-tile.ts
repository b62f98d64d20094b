import type { NodeReader } from '../../receipt/index.js'
import { availableWidth, TILE_WIDTH, type TileName } from './tile-path.js'

/** Every entry with its length in front, and none longer than two bytes can say. */
export const MAX_BUNDLE_BYTES = TILE_WIDTH * (2 + 0xffff)

/** What tiles are read from. */
export interface TiledLog {
  /** Number of entries. */
  readonly size: number
  readonly node: NodeReader
  /** Envelopes in order from there on. */
  entries(from: number): AsyncIterable<Uint8Array>
}

/** The tile's bytes: hashes one after another, or entries each behind its length; null where the tree doesn't reach so far. */
export async function readTile(log: TiledLog, { level, index, width }: TileName): Promise<Uint8Array | null> {
  const depth = level === 'entries' ? 0 : level
  if (availableWidth(depth, index, log.size) < width) return null
  if (level === 'entries') return bundle(log.entries(index * TILE_WIDTH), width)
  const hashes = Array.from({ length: width }, (_, at) =>
    log.node({ level: 8 * level, index: index * TILE_WIDTH + at }),
  )
  return Buffer.concat(await Promise.all(hashes))
}

async function bundle(entries: AsyncIterable<Uint8Array>, width: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const entry of entries) {
    parts.push(...prefixed(entry))
    if (parts.length === 2 * width) break
  }
  return Buffer.concat(parts)
}

/** The entries of a bundle; null where its bytes aren't one. */
export function bundleEntries(bytes: Uint8Array): Uint8Array[] | null {
  const entries: Uint8Array[] = []
  for (let at = 0; at < bytes.length; ) {
    const start = at + 2
    const end = start + ((bytes[at] as number) << 8) + (bytes[at + 1] ?? 0)
    if (end > bytes.length) return null
    entries.push(bytes.subarray(start, end))
    at = end
  }
  return entries
}

/** An entry of a bundle: its length in two bytes, big-endian, then its envelope. */
export function prefixed(entry: Uint8Array): readonly [length: Uint8Array, entry: Uint8Array] {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(entry.length)
  return [length, entry]
}
