/** So many at once; whoever comes later waits in line, and the line has an end. */
export class Turns {
  private free: number
  private readonly maxWaiting: number
  private readonly waiting: (() => void)[] = []

  constructor(atOnce: number, maxWaiting: number) {
    this.free = atOnce
    this.maxWaiting = maxWaiting
  }

  /** Runs it when it is its turn; null where the line is full. */
  async take<T>(work: () => Promise<T>): Promise<T | null> {
    if (this.free > 0) this.free--
    else if (this.waiting.length >= this.maxWaiting) return null
    else await new Promise<void>(resolve => this.waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = this.waiting.shift()
      if (next === undefined) this.free++
      else next()
    }
  }
}
