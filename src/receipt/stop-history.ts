import { isReading } from '../protocol/index.js'
import type { ControlBody, EntryPosition } from './entry.js'
import type { ReportDeviation } from './entry-audit.js'
import { isFirstEpoch } from './epoch.js'
import type { PlacedAttempt } from './placed-attempt.js'

interface Freeze {
  /** Number of its entry. */
  readonly seq: number
  /** It ends by itself then, Unix milliseconds; null where only an entry ends it. */
  readonly untilMs: number | null
}

/**
 * What a log says was stopped, and whether anything was admitted nevertheless. The place in the log decides and not
 * the time: INVARIANT: a keeper looks for a stop in the very turn in which it hands the attempt to the ledger, so that
 * nothing admitted stands behind the entry that stopped it.
 */
export class StopHistory {
  /** Entries of each kind; `earlier`: ends of what an epoch before this one had stopped. */
  readonly counts = { halted: 0, resumed: 0, frozen: 0, thawed: 0, earlier: 0 }
  /** What is halted, see `keyOf`, and the number of the entry that halted it first. */
  private readonly halts = new Map<string, number>()
  private freeze: Freeze | null = null

  /** A second halt of the same changes its reason alone. */
  addHalt({ chain, seq, data }: EntryPosition & ControlBody, report: ReportDeviation): void {
    const key = keyOf(data)
    if (key === null) {
      report('stop_order', seq, 'it doesn’t say of what')
      return
    }
    if (data.action === 'halted') {
      this.counts.halted++
      if (!this.halts.has(key)) this.halts.set(key, seq)
      return
    }
    this.counts.resumed++
    if (!this.halts.delete(key)) this.endUnknown({ chain, seq }, 'resumed, and not halted', report)
  }

  /** The newest one counts alone, also where it ends sooner. */
  addFreeze({ chain, seq, data }: EntryPosition & ControlBody, report: ReportDeviation): void {
    if (data.action === 'frozen') {
      this.counts.frozen++
      this.freeze = { seq, untilMs: (data.until as number | undefined) ?? null }
      return
    }
    this.counts.thawed++
    // One that has just ended by itself may be thawed: the order was given before.
    if (this.freeze === null) this.endUnknown({ chain, seq }, 'thawed, and not frozen', report)
    this.freeze = null
  }

  /** Whatever let it pass, an approval or an agent that only observes: a stop stands above it. */
  cited({ entry }: PlacedAttempt, report: ReportDeviation): void {
    const { seq, t, agent, ops, decision } = entry
    if (decision.effect !== 'allow') return
    const halt =
      this.halts.get('all') ?? this.halts.get(`agent/${agent.id}`) ?? this.halts.get(`task/${agent.task}`)
    if (halt !== undefined) report('halt_ignored', seq, `entry ${halt} halted it`)
    const { freeze } = this
    if (freeze === null || isReading(ops) || (freeze.untilMs !== null && t >= freeze.untilMs)) return
    report('freeze_ignored', seq, `entry ${freeze.seq} froze it`)
  }

  /** A recovery keeps halts and freezes, whose entries are in the epoch before. */
  private endUnknown(
    { chain, seq }: Pick<EntryPosition, 'chain' | 'seq'>,
    what: string,
    report: ReportDeviation,
  ): void {
    if (isFirstEpoch(chain)) report('stop_order', seq, what)
    else this.counts.earlier++
  }
}

/** `all`, `agent/<id>` or `task/<task>`; null where the entry leaves out which. */
function keyOf({ scope, agent, task }: ControlBody['data']): string | null {
  if (scope === 'all') return scope
  const which = scope === 'agent' ? agent : task
  return typeof which === 'string' ? `${scope}/${which}` : null
}
