import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fromBase64 } from '../../src/canon/index.js'
import { nativeCrypto as crypto } from '../../src/native/index.js'
import {
  consistencyProof,
  emptyRoot,
  frontier,
  GrowingTree,
  inclusionProof,
  leafHash,
  type NodeReader,
  nodeHash,
  rootAt,
  verifyConsistency,
  verifyInclusion,
} from '../../src/receipt/index.js'
import { needsSharedData, sharedData } from '../shared-data.js'

const MAX = 70
const leaves = Array.from({ length: MAX }, (_, i) => leafHash(crypto, Uint8Array.of(i)))

/** RFC 6962 §2.1 as it is written there. */
function treeHash(range: readonly Uint8Array[]): Uint8Array {
  if (range.length === 0) return crypto.sha256()
  if (range.length === 1) return range[0] as Uint8Array
  let k = 1
  while (k * 2 < range.length) k *= 2
  return nodeHash(crypto, treeHash(range.slice(0, k)), treeHash(range.slice(k)))
}

const read: NodeReader = async ({ level, index }) =>
  treeHash(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level))

function root(size: number): Uint8Array {
  return treeHash(leaves.slice(0, size))
}

function same(a: Uint8Array, b: Uint8Array, what: string): void {
  assert.deepEqual(Buffer.from(a), Buffer.from(b), what)
}

test('the growing tree has the root of RFC 6962 at every size, also when restarted from its frontier', async () => {
  const tree = new GrowingTree(crypto)
  same(tree.root(), emptyRoot(crypto), 'empty')
  for (let size = 1; size <= MAX; size++) {
    const completed = tree.append(leaves[size - 1] as Uint8Array)
    for (const [level, hash] of completed.entries())
      same(hash, await read({ level, index: size / 2 ** level - 1 }), `node of level ${level} at ${size}`)
    same(tree.root(), root(size), `size ${size}`)
    same(await rootAt(crypto, size, read), root(size), `stored nodes, size ${size}`)
    const restarted = new GrowingTree(crypto, size, await Promise.all(frontier(size).map(read)))
    same(restarted.root(), root(size), `restarted at ${size}`)
  }
})

test('every leaf of every tree has an inclusion proof, and it proves that leaf only', async () => {
  for (let size = 1; size <= MAX; size += size < 20 ? 1 : 7)
    for (let index = 0; index < size; index++) {
      const proof = await inclusionProof(crypto, index, size, read)
      const claim = { index, size, leaf: leaves[index] as Uint8Array, root: root(size) }
      assert.equal(verifyInclusion(crypto, claim, proof), true, `${index} of ${size}`)
      const other = leaves[(index + 1) % MAX] as Uint8Array
      assert.equal(verifyInclusion(crypto, { ...claim, leaf: other }, proof), false)
      assert.equal(verifyInclusion(crypto, { ...claim, index: index + 1 }, proof), false)
      assert.equal(verifyInclusion(crypto, claim, [...proof, other]), false)
    }
})

test('every older tree has a consistency proof, and a rewritten one has none', async () => {
  for (let newer = 1; newer <= MAX; newer += newer < 20 ? 1 : 7)
    for (let older = 1; older <= newer; older++) {
      const proof = await consistencyProof(crypto, older, newer, read)
      const claim = { older, newer, olderRoot: root(older), newerRoot: root(newer) }
      assert.equal(verifyConsistency(crypto, claim, proof), true, `${older} to ${newer}`)
      const olderRoot = treeHash([...leaves.slice(0, older - 1), crypto.sha256()])
      assert.equal(verifyConsistency(crypto, { ...claim, olderRoot }, proof), false)
    }
})

test('a proof over a shape that is not there is refused', async () => {
  await assert.rejects(inclusionProof(crypto, 5, 5, read), { code: 'proof_malformed' })
  await assert.rejects(inclusionProof(crypto, -1, 5, read), { code: 'proof_malformed' })
  await assert.rejects(consistencyProof(crypto, 0, 5, read), { code: 'proof_malformed' })
  await assert.rejects(consistencyProof(crypto, 6, 5, read), { code: 'proof_malformed' })
})

test('attack: a duplicated last leaf changes the root (root[a,b,c] is not root[a,b,c,c])', () => {
  const [tree, doubled] = [new GrowingTree(crypto), new GrowingTree(crypto)]
  for (const leaf of leaves.slice(0, 3)) {
    tree.append(leaf)
    doubled.append(leaf)
  }
  doubled.append(leaves[2] as Uint8Array)
  assert.notEqual(tree.rootHex(), doubled.rootHex())
})

test('attack: an inner node cannot be passed off as an entry, for leaves and nodes are hashed apart', () => {
  const [a, b] = leaves as [Uint8Array, Uint8Array]
  const inner = nodeHash(crypto, a, b)
  const posing = leafHash(crypto, Buffer.concat([a, b]))
  assert.notDeepEqual(Buffer.from(posing), Buffer.from(inner))
})

interface InclusionVector {
  readonly leafIdx: number
  readonly treeSize: number
  readonly root: string
  readonly leafHash: string
  readonly proof: string[] | null
  readonly wantErr: boolean
  readonly name: string
}

interface ConsistencyVector {
  readonly size1: number
  readonly size2: number
  readonly root1: string
  readonly root2: string
  readonly proof: string[] | null
  readonly wantErr: boolean
  readonly name: string
}

const INCLUSION = 'vectors/merkle/inclusion.json'
const CONSISTENCY = 'vectors/merkle/consistency.json'

function vectors<T>(file: string): T[] {
  return JSON.parse(readFileSync(sharedData(file) as string, 'utf8'))
}

test('the published inclusion proofs of RFC 6962 trees are judged alike', needsSharedData(INCLUSION), () => {
  const all = vectors<InclusionVector>(INCLUSION)
  assert.ok(all.length > 50)
  for (const vector of all) {
    const { leafIdx: index, treeSize: size } = vector
    const claim = { index, size, leaf: fromBase64(vector.leafHash), root: fromBase64(vector.root) }
    const verdict = verifyInclusion(crypto, claim, (vector.proof ?? []).map(fromBase64))
    assert.equal(verdict, !vector.wantErr, vector.name)
  }
})

test(
  'the published consistency proofs of RFC 6962 trees are judged alike',
  needsSharedData(CONSISTENCY),
  () => {
    const all = vectors<ConsistencyVector>(CONSISTENCY)
    assert.ok(all.length > 50)
    for (const vector of all) {
      const claim = {
        older: vector.size1,
        newer: vector.size2,
        olderRoot: fromBase64(vector.root1),
        newerRoot: fromBase64(vector.root2),
      }
      const verdict = verifyConsistency(crypto, claim, (vector.proof ?? []).map(fromBase64))
      assert.equal(verdict, !vector.wantErr, vector.name)
    }
  },
)
