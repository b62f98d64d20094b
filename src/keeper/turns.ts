export interface TurnBounds {
  /** In all. */
  readonly atOnce: number
  readonly atOnceEach: number
  /** How many of one owner wait for their turn. */
  readonly maxWaitingEach: number
}

interface Owner {
  running: number
  readonly waiting: (() => void)[]
}

/**
 * So much work at once, in all and of each owner. Who comes later waits in the line of its own, and each line has an
 * end; what becomes free goes to the owners in turn.
 * ATTACK: one agent fills the only line there is, and whatever the others ask about is denied.
 */
export class Turns {
  private readonly bounds: TurnBounds
  private running = 0
  /** Those with work or in line; the one whose last turn is longest ago comes first. */
  private readonly owners = new Map<string, Owner>()

  constructor(bounds: TurnBounds) {
    this.bounds = bounds
  }

  /** Runs it when it is its turn; null where the owner's line is full. */
  async take<T>(name: string, work: () => Promise<T>): Promise<T | null> {
    const owner = this.owners.get(name) ?? { running: 0, waiting: [] }
    if (this.mayRun(owner)) this.begin(name, owner)
    else if (owner.waiting.length >= this.bounds.maxWaitingEach) return null
    else {
      this.owners.set(name, owner)
      await new Promise<void>(resolve => owner.waiting.push(resolve))
    }
    try {
      return await work()
    } finally {
      this.end(name, owner)
    }
  }

  private mayRun({ running }: Owner): boolean {
    return this.running < this.bounds.atOnce && running < this.bounds.atOnceEach
  }

  /** Puts the owner behind all others. */
  private begin(name: string, owner: Owner): void {
    this.running++
    owner.running++
    this.owners.delete(name)
    this.owners.set(name, owner)
  }

  private end(name: string, owner: Owner): void {
    this.running--
    owner.running--
    if (owner.running === 0 && owner.waiting.length === 0) this.owners.delete(name)
    for (const [next, each] of this.owners) {
      if (each.waiting.length === 0 || !this.mayRun(each)) continue
      this.begin(next, each)
      each.waiting.shift()?.()
      return
    }
  }
}
