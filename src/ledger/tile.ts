import type { Crypto } from '../canon/index.js'
import { GrowingTree } from '../receipt/index.js'

/** Leaves in one tile, as in C2SP tlog-tiles. */
export const TILE_LEAVES = 256
/** Level of the node over a whole tile. */
export const TILE_LEVEL = 8

/**
 * The record of a full tile: its 256 leaf hashes, then the hashes of the subtrees that its last leaf completes, from
 * level 8 up. One write per 256 entries, and yet every node is one read away: a lower one is hashed from the leaves,
 * a higher one stands in the tile of its last leaf.
 */
export class OpenTile {
  private leaves: Uint8Array[]

  /** `leaves`: those behind the last full tile. */
  constructor(leaves: readonly Uint8Array[]) {
    this.leaves = [...leaves]
  }

  /** Takes what `GrowingTree.append` returned; gives back the record of the tile when it is full. */
  add(completed: readonly Uint8Array[]): Uint8Array | undefined {
    this.leaves.push(completed[0] as Uint8Array)
    if (completed.length <= TILE_LEVEL) return undefined
    const record = joined([...this.leaves, ...completed.slice(TILE_LEVEL)])
    this.leaves = []
    return record
  }
}

/** Number of the tile in whose record a node of level 8 or more stands: the one with its last leaf. */
export function tileOfNode(level: number, index: number): number {
  return (index + 1) * 2 ** (level - TILE_LEVEL) - 1
}

/** Hash of the node of that level in the record of its tile (see `tileOfNode`); undefined where the record is too short. */
export function upperHash(record: Uint8Array, level: number): Uint8Array | undefined {
  const place = TILE_LEAVES + level - TILE_LEVEL
  return record.length < 32 * (place + 1) ? undefined : record.subarray(32 * place, 32 * (place + 1))
}

/** Leaf hashes of the tile from place `start` to before `end`; undefined where the record is too short. */
export function leavesOf(record: Uint8Array, start: number, end: number): Uint8Array[] | undefined {
  if (record.length < 32 * end) return undefined
  return Array.from({ length: end - start }, (_, i) =>
    record.subarray(32 * (start + i), 32 * (start + i + 1)),
  )
}

/** Root over leaves that form a complete subtree. */
export function subtreeHash(crypto: Pick<Crypto, 'sha256'>, leaves: readonly Uint8Array[]): Uint8Array {
  const tree = new GrowingTree(crypto)
  for (const leaf of leaves) tree.append(leaf)
  return tree.root()
}

function joined(hashes: readonly Uint8Array[]): Uint8Array {
  const value = new Uint8Array(32 * hashes.length)
  for (const [place, hash] of hashes.entries()) value.set(hash, 32 * place)
  return value
}
