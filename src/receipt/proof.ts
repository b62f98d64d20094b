import { type Crypto, equalBytes } from '../canon/index.js'
import { receiptFault } from './error-table.js'
import { type NodeReader, nodeHash, rootOf } from './tree.js'

type Hash = Pick<Crypto, 'sha256'>

/**
 * Hashes from the leaf's sibling up (RFC 6962 §2.1.1, PATH(m, D[n])). Throws `proof_malformed` where `index`
 * isn't below `size`.
 */
export async function inclusionProof(
  crypto: Hash,
  index: number,
  size: number,
  read: NodeReader,
): Promise<Uint8Array[]> {
  if (!isLeafOf(index, size)) throw receiptFault('proof_malformed', `leaf ${index} of ${size}`)
  return path(crypto, index, 0, size, read)
}

async function path(
  crypto: Hash,
  index: number,
  start: number,
  end: number,
  read: NodeReader,
): Promise<Uint8Array[]> {
  if (end - start === 1) return []
  const middle = start + splitOf(end - start)
  return index < middle
    ? [...(await path(crypto, index, start, middle, read)), await rangeHash(crypto, middle, end, read)]
    : [...(await path(crypto, index, middle, end, read)), await rangeHash(crypto, start, middle, read)]
}

/**
 * Hashes that lead from the root of `older` leaves to the root of `newer` (RFC 6962 §2.1.2, PROOF(m, D[n])).
 * Throws `proof_malformed` unless 0 < older ≤ newer.
 */
export async function consistencyProof(
  crypto: Hash,
  older: number,
  newer: number,
  read: NodeReader,
): Promise<Uint8Array[]> {
  if (!isLeafOf(older - 1, newer)) throw receiptFault('proof_malformed', `from ${older} to ${newer}`)
  return subproof(crypto, older, 0, newer, true, read)
}

async function subproof(
  crypto: Hash,
  older: number,
  start: number,
  end: number,
  whole: boolean,
  read: NodeReader,
): Promise<Uint8Array[]> {
  if (older === end) return whole ? [] : [await rangeHash(crypto, start, end, read)]
  const middle = start + splitOf(end - start)
  return older <= middle
    ? [
        ...(await subproof(crypto, older, start, middle, whole, read)),
        await rangeHash(crypto, middle, end, read),
      ]
    : [
        ...(await subproof(crypto, older, middle, end, false, read)),
        await rangeHash(crypto, start, middle, read),
      ]
}

/** True where the proof leads from the leaf at `index` to `root` over exactly `size` leaves (RFC 9162 §2.1.3.2). */
export function verifyInclusion(
  crypto: Hash,
  claim: {
    readonly index: number
    readonly size: number
    readonly leaf: Uint8Array
    readonly root: Uint8Array
  },
  proof: readonly Uint8Array[],
): boolean {
  if (!isLeafOf(claim.index, claim.size) || claim.leaf.length !== 32) return false
  let [fn, sn, node] = [claim.index, claim.size - 1, claim.leaf]
  for (const hash of proof) {
    if (sn === 0 || hash.length !== 32) return false
    if (fn % 2 === 1 || fn === sn) {
      node = nodeHash(crypto, hash, node)
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [half(fn), half(sn)]
    } else node = nodeHash(crypto, node, hash)
    ;[fn, sn] = [half(fn), half(sn)]
  }
  return sn === 0 && equalBytes(node, claim.root)
}

/** True where the tree with `newerRoot` begins with the leaves of the tree with `olderRoot` (RFC 9162 §2.1.4.2). An empty older tree proves nothing and is refused. */
export function verifyConsistency(
  crypto: Hash,
  claim: {
    readonly older: number
    readonly newer: number
    readonly olderRoot: Uint8Array
    readonly newerRoot: Uint8Array
  },
  proof: readonly Uint8Array[],
): boolean {
  const { older, newer, olderRoot, newerRoot } = claim
  if (!isLeafOf(older - 1, newer)) return false
  if (older === newer) return proof.length === 0 && equalBytes(olderRoot, newerRoot)
  const hashes = isPowerOfTwo(older) ? [olderRoot, ...proof] : [...proof]
  const first = hashes.shift()
  if (first === undefined || proof.length === 0) return false
  let [fn, sn] = [older - 1, newer - 1]
  while (fn % 2 === 1) [fn, sn] = [half(fn), half(sn)]
  let [fr, sr] = [first, first]
  for (const hash of hashes) {
    if (sn === 0 || hash.length !== 32) return false
    if (fn % 2 === 1 || fn === sn) {
      fr = nodeHash(crypto, hash, fr)
      sr = nodeHash(crypto, hash, sr)
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [half(fn), half(sn)]
    } else sr = nodeHash(crypto, sr, hash)
    ;[fn, sn] = [half(fn), half(sn)]
  }
  return sn === 0 && equalBytes(fr, olderRoot) && equalBytes(sr, newerRoot)
}

/** Hash of the subtree over leaves [start, end), where `start` is a multiple of the power of two that covers the range. */
async function rangeHash(crypto: Hash, start: number, end: number, read: NodeReader): Promise<Uint8Array> {
  const hashes: Uint8Array[] = []
  for (let at = start; at < end; ) {
    let level = 0
    while (2 ** (level + 1) <= end - at) level++
    hashes.push(await read({ level, index: at / 2 ** level }))
    at += 2 ** level
  }
  return rootOf(crypto, hashes)
}

/** The largest power of two below `size` (RFC 6962 §2.1). */
function splitOf(size: number): number {
  let split = 1
  while (split * 2 < size) split *= 2
  return split
}

function half(value: number): number {
  return Math.floor(value / 2)
}

function isSize(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}

function isLeafOf(index: number, size: number): boolean {
  return isSize(index) && isSize(size) && index < size
}

function isPowerOfTwo(value: number): boolean {
  let rest = value
  while (rest % 2 === 0) rest /= 2
  return rest === 1
}
