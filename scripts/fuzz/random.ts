/** xorshift128: the same seed makes the same inputs. https://www.jstatsoft.org/article/view/v008i14 */
export class Random {
  private x: number
  private y = 362_436_069
  private z = 521_288_629
  private w = 88_675_123

  constructor(seed: number) {
    this.x = seed | 0 || 123_456_789
    for (let i = 0; i < 16; i++) this.next()
  }

  /** 0 … bound − 1; 0 where the bound is. */
  below(bound: number): number {
    return bound <= 1 ? 0 : this.next() % bound
  }

  oneIn(chances: number): boolean {
    return this.below(chances) === 0
  }

  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T
  }

  private next(): number {
    const t = this.x ^ (this.x << 11)
    this.x = this.y
    this.y = this.z
    this.z = this.w
    this.w = this.w ^ (this.w >>> 19) ^ (t ^ (t >>> 8))
    return this.w >>> 0
  }
}
