import type { ControlBody, EntryPosition } from './entry.js'
import type { ReportDeviation } from './entry-audit.js'
import type { PlacedAttempt } from './placed-attempt.js'
import { CLOCKS_MS } from './witness-policy.js'

type State = 'requested' | 'approved' | 'withdrawn' | 'rejected' | 'consumed' | 'expired' | 'voided'

/** What may follow a state. Several people may each approve; whoever approved may still withdraw before it is used. */
const NEXT: Readonly<Record<State, readonly State[]>> = {
  requested: ['approved', 'rejected', 'expired', 'voided'],
  approved: ['approved', 'withdrawn', 'rejected', 'consumed', 'expired', 'voided'],
  // Whether it is enough that others have approved, their number says.
  withdrawn: ['approved', 'withdrawn', 'rejected', 'consumed', 'expired', 'voided'],
  rejected: [],
  consumed: [],
  expired: [],
  // The upstream answers otherwise by now than when people were asked.
  voided: [],
}

/** Where a call that is held again meets an approval. */
const WAITS: readonly State[] = ['requested', 'approved', 'withdrawn']

interface Approval {
  readonly agent: string
  readonly environment: string
  readonly task: string
  readonly owner: string
  readonly policy: string
  readonly digest: string
  readonly expires: number
  state: State
  /** Who has approved and not withdrawn. */
  readonly approvedBy: Set<string>
  /** Number of the attempt that went through on it; null while none has. */
  usedBy: number | null
  /** Number of the attempt that the entry that consumed it names; null while there is none, or it names none. */
  consumedBy: number | null
  /** Where the entry that consumed it stands. */
  consumedAt: number | null
}

/** The approvals that a log says were asked for and given, and the attempts that used them: each once, and the one that it was for. */
export class ApprovalHistory {
  readonly counts = { requested: 0, consumed: 0, expired: 0 }
  private readonly byId = new Map<string, Approval>()
  /** Consumed or used, with the other half still to come. */
  private readonly half = new Set<string>()

  add({ seq, t, data }: EntryPosition & ControlBody, report: ReportDeviation): void {
    const { id, state, by, attempt, ...said } = data as unknown as Approval & {
      id: string
      by?: string
      attempt?: number
    }
    const { agent, environment, task, owner, policy, digest, expires } = said
    if (state === 'requested' || state === 'consumed' || state === 'expired') this.counts[state]++
    const known = this.byId.get(id)
    if (known === undefined) {
      // In a later epoch as well: a recovery ends whatever waited or was given before it.
      if (state !== 'requested') report('approval_order', seq, `${state}, and never requested`)
      const fresh = { state, approvedBy: new Set<string>(), usedBy: null, consumedBy: null, consumedAt: null }
      this.byId.set(id, { agent, environment, task, owner, policy, digest, expires, ...fresh })
      return
    }
    if (differs(known, said) || known.digest !== digest || known.expires !== expires)
      report('approval_differs', seq)
    if (isOver(known.state)) report('approval_ended', seq, `${state} after ${known.state}`)
    else if (!NEXT[known.state].includes(state))
      report('approval_order', seq, `${state} after ${known.state}`)
    if (state === 'expired' && t < known.expires) report('approval_order', seq, 'expired before its time')
    // ATTACK: a word or a use that came too late. An entry is never older than the one before, so that where the clock was set
    // back it may look late.
    if ((state === 'approved' || state === 'consumed') && t >= known.expires + CLOCKS_MS)
      report('approval_order', seq, `${state} after it had expired`)
    if (state === 'consumed' && known.state === 'withdrawn' && known.approvedBy.size === 0)
      report('approval_order', seq, 'consumed, and all who had approved have withdrawn')
    if (state === 'approved') known.approvedBy.add(by ?? '')
    if (state === 'withdrawn' && !known.approvedBy.delete(by ?? ''))
      report('approval_order', seq, 'withdrawn by somebody who had not approved')
    known.state = state
    if (state === 'consumed') this.consume(id, known, { seq, attempt }, report)
  }

  cited({ entry, startedMs }: PlacedAttempt, report: ReportDeviation): void {
    const { seq, approval: id, agent, policy, decision } = entry
    if (id === undefined) {
      if (decision.effect === 'hold') report('approval_unfit', seq, 'held, and none was asked for')
      if (decision.code === 'approved') report('approval_unfit', seq, 'approved, and it names none')
      return
    }
    if (decision.effect === 'allow' && decision.code !== 'approved')
      report('approval_unfit', seq, `it names one, and says ${decision.code}`)
    const approval = this.byId.get(id)
    if (approval === undefined) {
      report('approval_unfit', seq, 'it was never requested')
      return
    }
    const { id: name, environment, task, owner } = agent
    if (differs(approval, { agent: name, environment, task, owner, policy: policy.cid }))
      report('approval_differs', seq)
    if (startedMs >= approval.expires) report('approval_unfit', seq, 'it had expired')
    if (decision.effect === 'allow') this.use(id, approval, seq, report)
    else if (!WAITS.includes(approval.state)) report('approval_ended', seq, `it was ${approval.state}`)
  }

  finish(report: ReportDeviation): void {
    for (const id of this.half) this.reportHalf(this.byId.get(id), report)
  }

  forget(beforeMs: number): void {
    for (const [id, { expires }] of this.byId)
      if (expires < beforeMs && !this.half.has(id)) this.byId.delete(id)
  }

  /** INVARIANT: an attempt and the entry that consumes its approval ride in one batch, in either order. */
  private use(id: string, approval: Approval, seq: number, report: ReportDeviation): void {
    if (approval.usedBy !== null) {
      report('approval_reused', seq, `attempt ${approval.usedBy} used it`)
      return
    }
    approval.usedBy = seq
    if (approval.consumedAt === null) {
      if (isOver(approval.state)) report('approval_ended', seq, `it was ${approval.state}`)
      else if (approval.state !== 'approved') report('approval_unfit', seq, `it was ${approval.state}`)
      this.half.add(id)
    } else this.meet(id, approval, report)
  }

  private consume(
    id: string,
    approval: Approval,
    { seq, attempt }: { readonly seq: number; readonly attempt: number | undefined },
    report: ReportDeviation,
  ): void {
    approval.consumedAt = seq
    approval.consumedBy = attempt ?? null
    if (approval.usedBy === null) this.half.add(id)
    else this.meet(id, approval, report)
  }

  private meet(id: string, { usedBy, consumedBy, consumedAt }: Approval, report: ReportDeviation): void {
    this.half.delete(id)
    if (consumedBy !== null && consumedBy !== usedBy)
      report('approval_reused', consumedAt ?? 0, `consumed by attempt ${consumedBy}, used by ${usedBy}`)
  }

  private reportHalf(approval: Approval | undefined, report: ReportDeviation): void {
    if (approval?.usedBy != null) report('approval_unfit', approval.usedBy, 'it was never consumed')
    else if (approval?.consumedAt != null)
      report('approval_unfit', approval.consumedAt, 'consumed, and no attempt used it')
  }
}

/** Nothing follows it: a part of a log shows that as well as the whole. */
function isOver(state: State): boolean {
  return NEXT[state].length === 0
}

function differs(
  approval: Approval,
  who: Pick<Approval, 'agent' | 'environment' | 'task' | 'owner' | 'policy'>,
): boolean {
  return (
    approval.agent !== who.agent ||
    approval.environment !== who.environment ||
    approval.task !== who.task ||
    approval.owner !== who.owner ||
    approval.policy !== who.policy
  )
}
