import { linkFault, type WatchedChange, type WatchReply } from '../link/index.js'

interface Watch {
  readonly approval: string
  readonly change: Promise<WatchedChange>
  readonly tell: (change: WatchedChange) => void
  readonly fail: (reason: Error) => void
}

/** Approvals that this gate has asked the keeper to tell of: one call each, however many requests wait for it. */
export class Watches {
  private readonly byCall = new Map<number, Watch>()
  private readonly byApproval = new Map<string, Watch>()

  /** What is under way already; null where the keeper has to be asked. */
  of(approval: string): Promise<WatchedChange> | null {
    return this.byApproval.get(approval)?.change ?? null
  }

  add(call: number, approval: string): Promise<WatchedChange> {
    let tell: Watch['tell'] = () => {}
    let fail: Watch['fail'] = () => {}
    const change = new Promise<WatchedChange>((resolve, reject) => {
      tell = resolve
      fail = reject
    })
    const watch = { approval, change, tell, fail }
    this.byCall.set(call, watch)
    this.byApproval.set(approval, watch)
    return change
  }

  tell({ call, change }: WatchReply): void {
    this.remove(call)?.tell(change)
  }

  /** False where no such call waits. */
  reject(call: number, reason: Error): boolean {
    const watch = this.remove(call)
    watch?.fail(reason)
    return watch !== undefined
  }

  /** The link is gone: no answer can come any more. */
  rejectAll(): void {
    for (const call of [...this.byCall.keys()]) this.reject(call, linkFault('keeper_gone'))
  }

  private remove(call: number): Watch | undefined {
    const watch = this.byCall.get(call)
    if (watch === undefined) return undefined
    this.byCall.delete(call)
    this.byApproval.delete(watch.approval)
    return watch
  }
}
