import type { Crypto } from '../canon/index.js'
import { inclusionProof } from './proof.js'
import { GrowingTree, leafHash, type TreeNode } from './tree.js'

/** What one pass over a log yields: the entries that were asked for with their proofs, and the root of all that were read. */
export interface GatheredProofs {
  readonly entries: readonly {
    readonly seq: number
    readonly bytes: Uint8Array
    readonly proof: Uint8Array[]
  }[]
  /** Over the entries that were read: as many as asked for, unless the log is shorter. */
  readonly size: number
  readonly root: string
}

/**
 * Inclusion proofs of a few entries in the tree of the first `size` of a log, in one pass: which hashes they need is
 * known before, so that nothing else is kept. `seqs` ascend and lie below `size`.
 */
export async function gatherProofs(
  crypto: Pick<Crypto, 'sha256'>,
  entries: AsyncIterable<Uint8Array>,
  seqs: readonly number[],
  size: number,
  onEntry: (count: number) => void = () => {},
): Promise<GatheredProofs> {
  const needed = new Map<string, Uint8Array | null>()
  for (const seq of seqs) await inclusionProof(crypto, seq, size, async node => note(needed, node))
  const wanted = new Set(seqs)
  const found: { seq: number; bytes: Uint8Array }[] = []
  const tree = new GrowingTree(crypto)
  for await (const bytes of entries) {
    if (tree.size >= size) break
    const seq = tree.size
    if (wanted.has(seq)) found.push({ seq, bytes: Uint8Array.from(bytes) })
    for (const [level, hash] of tree.append(leafHash(crypto, bytes)).entries()) {
      const key = keyOf({ level, index: Math.floor(seq / 2 ** level) })
      if (needed.has(key)) needed.set(key, hash)
    }
    onEntry(tree.size)
  }
  const shown = { size: tree.size, root: tree.rootHex() }
  if (tree.size < size) return { ...shown, entries: [] }
  const read = async (node: TreeNode) => needed.get(keyOf(node)) as Uint8Array
  const proven = found.map(async each => ({
    ...each,
    proof: await inclusionProof(crypto, each.seq, size, read),
  }))
  return { ...shown, entries: await Promise.all(proven) }
}

function note(needed: Map<string, Uint8Array | null>, node: TreeNode): Uint8Array {
  needed.set(keyOf(node), null)
  return NOTHING
}

const NOTHING = new Uint8Array(32)

function keyOf({ level, index }: TreeNode): string {
  return `${level}/${index}`
}
