import type { AdmitCall, KeeperPort, SettleCall } from '../../src/gate/index.js'
import {
  type AdmitReply,
  type BudgetReading,
  type CutOrder,
  type FullCheckReading,
  linkFault,
  type PolicyView,
  type SettleReply,
  type SinkReading,
  type Verdict,
  type WatchedChange,
  type WitnessReading,
} from '../../src/link/index.js'
import type { Header } from '../../src/protocol/index.js'

export const ORIGIN = 'example.test/countersign/one/0'

type RefuseVerdict = Extract<Verdict, { kind: 'refuse' }>

/** A keeper that decides by a table of operation names and remembers everything that it was told. */
export class TableKeeper implements KeeperPort {
  readonly admitted: AdmitCall[] = []
  readonly settled: SettleCall[] = []
  /** Headers of the credential that every admission hands out. */
  minted: readonly Header[] = [['authorization', 'Bearer minted-credential-0123456789']]
  awaitMark = false
  /** What every admission says of limits. */
  budgets: readonly BudgetReading[] = []
  /** Names that are admitted; every other is denied. */
  readonly allowed = new Set<string>()
  /** Of these, the ones that no rule admits. */
  readonly observed = new Set<string>()
  readonly verdicts = new Map<string, Partial<RefuseVerdict>>()
  /** Runs before each verdict. */
  onAdmit: (call: AdmitCall) => void | Promise<void> = () => {}
  /** Runs before each settle reply; the outcome counts as told when it is called. */
  onSettle: (call: SettleCall) => void | Promise<void> = () => {}
  gone = false
  protected view: PolicyView | null
  private seq = 0
  private readonly listeners = new Set<(view: PolicyView | null) => void>()
  private readonly outcomeWaiters: (() => void)[] = []

  constructor(view: PolicyView | null) {
    this.view = view
  }

  origin(): string {
    return ORIGIN
  }

  enrolmentExpiresMs(): number | null {
    return 1_900_000_000_000
  }

  connected(): boolean {
    return !this.gone
  }

  policy(): PolicyView | null {
    return this.view
  }

  /** What the metrics show of the ledger's copies. */
  sinks: readonly SinkReading[] | null = null

  shipping(): readonly SinkReading[] | null {
    return this.sinks
  }

  /** What the metrics show of the witnesses. */
  cosigned: WitnessReading | null = null

  fullCheck(): FullCheckReading | null {
    return null
  }

  witnesses(): WitnessReading | null {
    return this.cosigned
  }

  setPolicy(view: PolicyView | null): void {
    this.view = view
    for (const listener of this.listeners) listener(view)
  }

  onPolicy(listener: (view: PolicyView | null) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  async admit(call: AdmitCall): Promise<AdmitReply> {
    if (this.gone) throw linkFault('keeper_gone')
    this.admitted.push(call)
    await this.onAdmit(call)
    const receipt = { seq: ++this.seq, leaf: 'ab'.repeat(32) }
    return { type: 'admitted', call: 0, receipt, verdict: this.verdictOn(call) }
  }

  private readonly cutters = new Set<(order: CutOrder) => void>()

  onCut(listener: (order: CutOrder) => void): () => void {
    this.cutters.add(listener)
    return () => this.cutters.delete(listener)
  }

  cut(attempts: readonly number[], because: string | null = null): void {
    for (const cut of this.cutters) cut({ type: 'cut', attempts, because })
  }

  /** What was watched, oldest first. */
  readonly watched: { readonly approval: string; readonly tell: (change: WatchedChange) => void }[] = []
  /** Runs when something is watched. */
  onWatch: () => void = () => {}

  watch(approval: string): Promise<WatchedChange> {
    return new Promise(tell => {
      this.watched.push({ approval, tell })
      this.onWatch()
    })
  }

  async settle(call: SettleCall): Promise<SettleReply> {
    this.settled.push(call)
    for (const wake of this.outcomeWaiters.splice(0)) wake()
    await this.onSettle(call)
    return { type: 'settled', call: 0, recorded: true }
  }

  /** The n-th outcome, as soon as it is there. */
  async outcome(n = 0): Promise<SettleCall> {
    while (this.settled.length <= n) await new Promise<void>(resolve => this.outcomeWaiters.push(resolve))
    return this.settled[n] as SettleCall
  }

  private verdictOn(call: AdmitCall): Verdict {
    if (call.policyCid !== '' && call.policyCid !== this.view?.cid) return { kind: 'stale' }
    if (call.finding.kind === 'refused') return refusal({ code: call.finding.code })
    if (call.foreign.length > 0) return refusal({ code: 'foreign_credential' })
    const [operation] = call.finding.operations
    const name = operation?.name ?? ''
    const listed = this.verdicts.get(name)
    if (listed !== undefined) return refusal({ operation: name, ...listed })
    if (!this.allowed.has(name)) return refusal({ code: 'no_matching_rule', operation: name })
    return {
      kind: 'forward',
      code: this.observed.has(name) ? 'observed' : 'allowed',
      attempt: ATTEMPT,
      headers: this.minted,
      chunkKey: null,
      budgets: this.budgets,
      awaitMark: this.awaitMark,
    }
  }
}

export const ATTEMPT = '0190f3c2-7b1a-7cc0-8000-000000000001'

function refusal(members: Partial<RefuseVerdict>): RefuseVerdict {
  return {
    kind: 'refuse',
    code: 'denied_by_rule',
    effect: 'deny',
    rule: null,
    because: null,
    operation: '',
    resource: '',
    others: 0,
    agent: 'coder',
    approval: null,
    retryAfterMs: null,
    budgets: [],
    ...members,
  }
}
