import { type Crypto, hex } from '../canon/index.js'

type Hash = Pick<Crypto, 'sha256'>

const LEAF = Uint8Array.of(0)
const NODE = Uint8Array.of(1)

/** Leaf hash of an entry: SHA-256(0x00 ‖ entry bytes) (RFC 6962 §2.1). */
export function leafHash(crypto: Hash, entry: Uint8Array): Uint8Array {
  return crypto.sha256(LEAF, entry)
}

/** Hash of an inner node: SHA-256(0x01 ‖ left ‖ right) (RFC 6962 §2.1). */
export function nodeHash(crypto: Hash, left: Uint8Array, right: Uint8Array): Uint8Array {
  return crypto.sha256(NODE, left, right)
}

/** Root of the tree without leaves: SHA-256 of nothing (RFC 6962 §2.1). */
export function emptyRoot(crypto: Hash): Uint8Array {
  return crypto.sha256()
}

/**
 * A complete subtree: `2^level` leaves from leaf `index · 2^level` on. It never changes once its last leaf,
 * `(index + 1) · 2^level − 1`, is there.
 */
export interface TreeNode {
  readonly level: number
  readonly index: number
}

/** Where the hash of a complete subtree comes from: a store, or a tree in memory. */
export type NodeReader = (node: TreeNode) => Promise<Uint8Array>

/** The complete subtrees, largest first, that together cover the leaves from 0 to `size`: one per bit of `size`. */
export function frontier(size: number): TreeNode[] {
  const nodes: TreeNode[] = []
  let start = 0
  for (let level = 52; level >= 0; level--) {
    const width = 2 ** level
    if (size - start < width) continue
    nodes.push({ level, index: start / width })
    start += width
  }
  return nodes
}

/**
 * The tree while it grows, in memory that is logarithmic in its size: the hashes of its complete subtrees,
 * largest first (a "compact range" from 0).
 */
export class GrowingTree {
  private readonly crypto: Hash
  private readonly nodes: Uint8Array[]
  private count: number

  /** A tree of `size` leaves from the hashes of `frontier(size)`; an empty tree by default. */
  constructor(crypto: Hash, size = 0, nodes: readonly Uint8Array[] = []) {
    this.crypto = crypto
    this.count = size
    this.nodes = [...nodes]
  }

  get size(): number {
    return this.count
  }

  /** Adds a leaf and returns the hashes of all subtrees that it completes, by level: the leaf itself first. */
  append(leaf: Uint8Array): Uint8Array[] {
    const completed = [leaf]
    let node = leaf
    for (let rest = this.count; rest % 2 === 1; rest = Math.floor(rest / 2)) {
      node = nodeHash(this.crypto, this.nodes.pop() as Uint8Array, node)
      completed.push(node)
    }
    this.nodes.push(node)
    this.count++
    return completed
  }

  /** Root over all leaves so far. */
  root(): Uint8Array {
    return rootOf(this.crypto, this.nodes)
  }

  rootHex(): string {
    return hex(this.root())
  }
}

/** Folds the hashes of `frontier(size)` into the root of that size. */
export function rootOf(crypto: Hash, nodes: readonly Uint8Array[]): Uint8Array {
  const last = nodes.at(-1)
  if (last === undefined) return emptyRoot(crypto)
  return nodes.slice(0, -1).reduceRight((right, left) => nodeHash(crypto, left, right), last)
}

/** Root of an earlier size, from stored nodes. */
export async function rootAt(crypto: Hash, size: number, read: NodeReader): Promise<Uint8Array> {
  return rootOf(crypto, await Promise.all(frontier(size).map(read)))
}
