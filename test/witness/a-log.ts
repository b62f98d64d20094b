import { randomBytes } from 'node:crypto'
import { hex, type SigningKey } from '../../src/canon/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import {
  consistencyProof,
  formatAddCheckpoint,
  leafHash,
  rootAt,
  signCheckpoint,
  type TreeNode,
} from '../../src/receipt/index.js'
import { newKey } from '../receipt/log-fixture.js'

export { newKey }

/** A log of random leaves that can go on, fork, and prove what it likes. */
export class ALog {
  readonly origin: string
  readonly key: SigningKey
  private readonly leaves: Uint8Array[]

  constructor(origin = 'acme.test/countersign/edge/1', key = newKey(), leaves: readonly Uint8Array[] = []) {
    this.origin = origin
    this.key = key
    this.leaves = [...leaves]
  }

  get size(): number {
    return this.leaves.length
  }

  grow(count: number): this {
    for (let i = 0; i < count; i++) this.leaves.push(leafHash(nativeCrypto, randomBytes(8)))
    return this
  }

  /** The same log as far as `size`, to go another way from there. */
  fork(size: number): ALog {
    return new ALog(this.origin, this.key, this.leaves.slice(0, size))
  }

  async note(size = this.size, key = this.key): Promise<string> {
    const root = hex(await rootAt(nativeCrypto, size, this.node))
    return signCheckpoint(nativeCrypto, { origin: this.origin, size, root }, key)
  }

  async proof(older: number, newer = this.size): Promise<Uint8Array[]> {
    return older === 0 || older > newer ? [] : consistencyProof(nativeCrypto, older, newer, this.node)
  }

  /** The body of `add-checkpoint` for this size, with a proof from `oldSize`. */
  async request(oldSize: number, size = this.size): Promise<string> {
    return formatAddCheckpoint({
      oldSize,
      hashes: await this.proof(oldSize, size),
      note: await this.note(size),
    })
  }

  private readonly node = async ({ level, index }: TreeNode): Promise<Uint8Array> =>
    subtree(this.leaves.slice(index * 2 ** level, (index + 1) * 2 ** level))
}

function subtree(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 1) return leaves[0] as Uint8Array
  const half = leaves.length / 2
  return nativeCrypto.sha256(Uint8Array.of(1), subtree(leaves.slice(0, half)), subtree(leaves.slice(half)))
}
