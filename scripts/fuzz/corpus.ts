import type { Random } from './random.js'

/** What one run went through: each branch, and roughly how often. */
export type Features = readonly number[]

/** Powers of two of how often a branch was taken that are told apart. */
const BUCKETS = 8

/** The features in the counters of a run; the counters are cleared. */
export function featuresIn(hits: Uint8Array): Features {
  const features: number[] = []
  const words = new Uint32Array(hits.buffer, 0, hits.length >> 2)
  for (let word = 0; word < words.length; word++) {
    if (words[word] === 0) continue
    for (let at = word << 2; at < (word << 2) + 4; at++) {
      const count = hits[at] as number
      if (count !== 0) features.push(at * BUCKETS + (31 - Math.clz32(count)))
    }
    words[word] = 0
  }
  return features
}

interface Kept {
  readonly bytes: Buffer
  /** Features for which this is the shortest input. */
  owns: number
}

/** Inputs that each went where none had been, or came there with fewer bytes. */
export class Corpus {
  private readonly kept: Kept[] = []
  private readonly owners = new Map<number, Kept>()

  get features(): number {
    return this.owners.size
  }

  get size(): number {
    return this.kept.length
  }

  /** Keeps the input where it brings something; `new` where it was somewhere new. */
  add(bytes: Buffer, features: Features): 'new' | 'shorter' | 'nothing' {
    const fresh = features.filter(feature => !this.owners.has(feature))
    const shorter = features.filter(feature => bytes.length < (this.owners.get(feature)?.bytes.length ?? 0))
    // Shorter by a feature or two isn't worth a place.
    if (fresh.length === 0 && shorter.length < 1 + features.length / 20) return 'nothing'
    const input: Kept = { bytes, owns: 0 }
    for (const feature of [...fresh, ...shorter]) {
      const before = this.owners.get(feature)
      if (before !== undefined) before.owns--
      this.owners.set(feature, input)
      input.owns++
    }
    this.kept.push(input)
    if (this.kept.length > 64 && this.kept.length > 2 * this.owning()) this.drop()
    return fresh.length > 0 ? 'new' : 'shorter'
  }

  /** An input to change: mostly one that owns a feature, and of these rather a late one. */
  choose(random: Random): Buffer {
    const { length } = this.kept
    const late = random.oneIn(3) ? Math.max(0, length - 16) : 0
    for (let tries = 0; tries < 8; tries++) {
      const input = this.kept[late + random.below(length - late)] as Kept
      if (input.owns > 0 || random.oneIn(8)) return input.bytes
    }
    return (this.kept[random.below(length)] as Kept).bytes
  }

  /** The inputs that own a feature. */
  owned(): readonly Buffer[] {
    return this.kept.filter(({ owns }) => owns > 0).map(({ bytes }) => bytes)
  }

  private owning(): number {
    return this.kept.reduce((count, { owns }) => count + (owns > 0 ? 1 : 0), 0)
  }

  private drop(): void {
    const owning = this.kept.filter(({ owns }) => owns > 0)
    this.kept.splice(0, this.kept.length, ...owning)
  }
}
