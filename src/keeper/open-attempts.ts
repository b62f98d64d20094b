import type { Hold } from './counters.js'
import type { GateConnection } from './link-server.js'

/** An admitted attempt whose outcome is not known yet. */
export interface OpenAttempt {
  readonly seq: number
  readonly leaf: string
  readonly t: number
  readonly agent: string
  readonly task: string
  readonly secret: Uint8Array
  readonly from: GateConnection
  readonly hold: Hold
  readonly awaitMark: boolean
  /** Name of the API whose answers it may change; null where it only reads. */
  readonly changing: string | null
  readonly deadlineMs: number
}

/** The attempts between admission and outcome. Whoever takes one out closes it: nobody else can then. */
export class OpenAttempts {
  /** In the order of admission, which is the order of deadlines. */
  private readonly bySeq = new Map<number, OpenAttempt>()
  private readonly gone = new WeakSet<GateConnection>()
  private readonly idle: (() => void)[] = []

  get size(): number {
    return this.bySeq.size
  }

  /** False where the gate has gone meanwhile: it never got to see the admission. */
  add(attempt: OpenAttempt): boolean {
    if (this.gone.has(attempt.from)) return false
    this.bySeq.set(attempt.seq, attempt)
    return true
  }

  /** ATTACK: a gate settles what another gate opened. It has no such attempt. */
  take(seq: number, from: GateConnection): OpenAttempt | undefined {
    const attempt = this.bySeq.get(seq)
    return attempt?.from === from ? this.remove(attempt) : undefined
  }

  /** What is under way of some agents or tasks; it stays open. */
  of(concerns: (attempt: Pick<OpenAttempt, 'agent' | 'task'>) => boolean): readonly OpenAttempt[] {
    return [...this.bySeq.values()].filter(concerns)
  }

  /** Everything of a connection that has ended; it can open nothing more. */
  takeAllOf(from: GateConnection): readonly OpenAttempt[] {
    this.gone.add(from)
    return this.takeWhere(attempt => attempt.from === from)
  }

  takeOverdue(nowMs: number): readonly OpenAttempt[] {
    return this.takeWhere(attempt => attempt.deadlineMs <= nowMs)
  }

  takeAll(): readonly OpenAttempt[] {
    return this.takeWhere(() => true)
  }

  /** Resolves when nothing is open. */
  settled(): Promise<void> {
    return this.bySeq.size === 0 ? Promise.resolve() : new Promise(resolve => this.idle.push(resolve))
  }

  private takeWhere(wanted: (attempt: OpenAttempt) => boolean): readonly OpenAttempt[] {
    const taken = [...this.bySeq.values()].filter(wanted)
    for (const attempt of taken) this.remove(attempt)
    return taken
  }

  private remove(attempt: OpenAttempt): OpenAttempt {
    this.bySeq.delete(attempt.seq)
    if (this.bySeq.size === 0) for (const wake of this.idle.splice(0)) wake()
    return attempt
  }
}
