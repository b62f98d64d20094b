/**
 * How many requests each grant has open. ATTACK: an agent whose requests hang, at an upstream that doesn't answer or
 * behind uploads that trickle, would take every place that there is, and keep it.
 */
export class GrantShares {
  private readonly max: number
  private readonly byToken = new Map<string, number>()

  constructor(max: number) {
    this.max = max
  }

  /** Grants with a request open. */
  get size(): number {
    return this.byToken.size
  }

  /** For one request, however often it is examined. */
  open(): Share {
    let held: string | null = null
    return {
      claim: token => {
        if (held !== null) return true
        const own = this.byToken.get(token) ?? 0
        if (own >= this.max) return false
        this.byToken.set(token, own + 1)
        held = token
        return true
      },
      release: () => {
        if (held === null) return
        const left = (this.byToken.get(held) ?? 1) - 1
        if (left === 0) this.byToken.delete(held)
        else this.byToken.set(held, left)
        held = null
      },
    }
  }
}

export interface Share {
  /** False where the grant has as many requests open as one may. */
  claim(token: string): boolean
  release(): void
}
