import type { Crypto } from '../canon/index.js'
import { gatherNodes } from './gather-nodes.js'
import { inclusionProof } from './proof.js'

/** What one pass over a log yields: the entries that were asked for with their proofs, and the root of all that were read. */
export interface GatheredProofs {
  readonly entries: readonly ProvenEntry[]
  /** Over the entries that were read: as many as asked for, unless the log is shorter. */
  readonly size: number
  readonly root: string
}

export interface ProvenEntry {
  readonly seq: number
  readonly bytes: Uint8Array
  readonly proof: readonly Uint8Array[]
}

/**
 * Inclusion proofs of a few entries in the tree of the first `size` of a log, in one pass; none where the log is shorter.
 * `seqs` ascend and lie below `size`.
 */
export async function gatherProofs(
  crypto: Pick<Crypto, 'sha256'>,
  entries: AsyncIterable<Uint8Array>,
  seqs: readonly number[],
  size: number,
  onEntry: (count: number) => void = () => {},
): Promise<GatheredProofs> {
  const kept = new Map<number, Uint8Array>()
  const wanted = new Set(seqs)
  async function* keeping(): AsyncGenerator<Uint8Array> {
    let seq = 0
    for await (const bytes of entries) {
      if (wanted.has(seq)) kept.set(seq, Uint8Array.from(bytes))
      seq++
      yield bytes
    }
  }
  const { proven, ...read } = await gatherNodes(
    crypto,
    keeping(),
    size,
    nodes => Promise.all(seqs.map(seq => inclusionProof(crypto, seq, size, nodes))),
    onEntry,
  )
  const proofs = proven ?? []
  return {
    ...read,
    entries: proofs.map((proof, i) => {
      const seq = seqs[i] as number
      return { seq, bytes: kept.get(seq) as Uint8Array, proof }
    }),
  }
}
