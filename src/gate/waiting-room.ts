export interface WaitingBounds {
  /** Requests that wait for people, all agents together. */
  readonly maxWaiting: number
  readonly maxWaitingPerAgent: number
}

/**
 * Requests whose agents would rather wait for people than be refused. ATTACK: an agent that holds connections open until
 * nobody else gets one: each has a few places, all together have some, and further ones are refused at once.
 */
export class WaitingRoom {
  private readonly bounds: WaitingBounds
  private readonly byAgent = new Map<string, number>()
  private readonly leavers = new Set<() => void>()
  private closed = false

  constructor(bounds: WaitingBounds) {
    this.bounds = bounds
  }

  get size(): number {
    return this.leavers.size
  }

  /** A place for one request, until it is given back; null where there is none. `onClose` is called when the room is closed. */
  enter(agent: string, onClose: () => void): { leave(): void } | null {
    const own = this.byAgent.get(agent) ?? 0
    if (this.closed || this.size >= this.bounds.maxWaiting || own >= this.bounds.maxWaitingPerAgent)
      return null
    this.byAgent.set(agent, own + 1)
    const leaver = () => onClose()
    this.leavers.add(leaver)
    return {
      leave: () => {
        if (!this.leavers.delete(leaver)) return
        const left = (this.byAgent.get(agent) ?? 1) - 1
        if (left === 0) this.byAgent.delete(agent)
        else this.byAgent.set(agent, left)
      },
    }
  }

  /** Everybody who waits is answered now, and nobody waits from here on. */
  close(): void {
    this.closed = true
    for (const leaver of [...this.leavers]) leaver()
  }
}
