import type { Crypto } from '../canon/index.js'
import { GrowingTree, leafHash, type NodeReader } from './tree.js'

/**
 * The hashes of a proof over the first `size` entries of a log that has no stored tree, in one pass: which ones it needs
 * is known before, so that nothing else is kept. `hashes` is empty where the log is shorter.
 */
export async function gatherNodes(
  crypto: Pick<Crypto, 'sha256'>,
  entries: AsyncIterable<Uint8Array>,
  size: number,
  prove: (read: NodeReader) => Promise<Uint8Array[]>,
  onEntry: (count: number) => void = () => {},
): Promise<{ readonly size: number; readonly root: string; readonly hashes: readonly Uint8Array[] }> {
  const needed = new Map<string, Uint8Array>()
  await prove(async ({ level, index }) => {
    needed.set(`${level}/${index}`, NOTHING)
    return NOTHING
  })
  const tree = new GrowingTree(crypto)
  for await (const bytes of entries) {
    if (tree.size >= size) break
    const seq = tree.size
    for (const [level, hash] of tree.append(leafHash(crypto, bytes)).entries()) {
      const key = `${level}/${Math.floor(seq / 2 ** level)}`
      if (needed.has(key)) needed.set(key, hash)
    }
    onEntry(tree.size)
  }
  const read: NodeReader = async ({ level, index }) => needed.get(`${level}/${index}`) as Uint8Array
  const hashes = tree.size < size ? [] : await prove(read)
  return { size: tree.size, root: tree.rootHex(), hashes }
}

const NOTHING = new Uint8Array(32)
