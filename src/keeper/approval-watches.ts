import type { WatchedChange } from '../link/index.js'
import type { GateConnection } from './link-server.js'

interface Watch {
  readonly from: GateConnection
  readonly tell: (change: WatchedChange) => void
}

/** Who wants to be told when people have decided about an approval: gates, each of which answers an agent that waits. */
export class ApprovalWatches {
  private readonly byApproval = new Map<string, Set<Watch>>()
  private ended = false

  /** Resolves once, with what happened to the approval. Nothing is kept for a connection after `leave`. */
  wait(approval: string, from: GateConnection): Promise<WatchedChange> {
    if (this.ended) return Promise.resolve('unwatched')
    return new Promise(tell => {
      const watches = this.byApproval.get(approval) ?? new Set()
      watches.add({ from, tell })
      this.byApproval.set(approval, watches)
    })
  }

  tell(approval: string, change: WatchedChange): void {
    const watches = this.byApproval.get(approval)
    if (watches === undefined) return
    this.byApproval.delete(approval)
    for (const { tell } of watches) tell(change)
  }

  /** ATTACK: a gate that connects, watches and goes away, again and again. */
  leave(from: GateConnection): void {
    for (const [approval, watches] of this.byApproval) {
      for (const watch of watches)
        if (watch.from === from) {
          watches.delete(watch)
          watch.tell('unwatched')
        }
      if (watches.size === 0) this.byApproval.delete(approval)
    }
  }

  /** The keeper stops: nobody is told anything any more. */
  end(): void {
    this.ended = true
    for (const approval of [...this.byApproval.keys()]) this.tell(approval, 'unwatched')
  }
}
