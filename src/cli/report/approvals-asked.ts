import type { AttemptBody, ControlBody, Entry } from '../../receipt/index.js'
import { textOr } from './authority.js'
import type { ApprovalAsked, Listed } from './incident.js'
import { listed } from './shelf.js'

/** A request is under way for less than an hour, so nothing cites an approval that ended longer ago. */
const UNDER_WAY_MS = 3_600_000
const PRUNE_EVERY = 4_096

type Cited = Entry & AttemptBody

interface Asked extends Omit<ApprovalAsked, 'states' | 'heldSeq' | 'usedSeq'> {
  readonly states: ApprovalAsked['states'][number][]
  heldSeq: number | null
  usedSeq: number | null
}

/** What people were asked, and answered. Forgets what is over and doesn't belong to the incident. */
export class ApprovalsAsked {
  private readonly limit: number
  private readonly recent = new Map<string, Asked>()
  private readonly picked = new Set<Asked>()
  private readonly counted = new WeakSet<Asked>()
  private morePicked = 0
  /** Attempts that stand before the first entry of the approval that they cite. */
  private readonly awaited = new Map<string, Cited>()
  private count = 0

  constructor(limit: number) {
    this.limit = limit
  }

  /** `belongs`: to what was asked about, whatever cites it. */
  add({ seq, t, data }: Entry & ControlBody, belongs: boolean): void {
    if (++this.count % PRUNE_EVERY === 0) this.forget(t)
    const id = data.id as string
    const approval = this.recent.get(id) ?? fresh(data)
    this.recent.set(id, approval)
    approval.states.push({ state: data.state as string, seq, t, by: textOr(data.by) })
    if (data.state === 'consumed' && typeof data.attempt === 'number') approval.usedSeq = data.attempt
    if (belongs) this.pick(approval)
    const awaited = this.awaited.get(id)
    this.awaited.delete(id)
    if (awaited !== undefined) this.cite(awaited)
  }

  cite(attempt: Cited): void {
    const { seq, approval: id, decision } = attempt
    if (id === undefined) return
    const approval = this.recent.get(id)
    if (approval === undefined) {
      if (this.awaited.size < this.limit) this.awaited.set(id, attempt)
      return
    }
    if (decision.effect === 'hold') approval.heldSeq ??= seq
    if (decision.effect === 'allow') approval.usedSeq ??= seq
    this.pick(approval)
  }

  /** Whether an entry about it is one of the incident's. */
  has(id: unknown): boolean {
    const approval = this.recent.get(id as string)
    return approval !== undefined && this.picked.has(approval)
  }

  list(): Listed<ApprovalAsked> {
    return { shown: [...this.picked], more: this.morePicked }
  }

  /** Those that can still be given or used at a time, of those that `concerns` says yes to. */
  alive(at: number, concerns: (approval: ApprovalAsked) => boolean): Listed<ApprovalAsked> {
    const waiting = [...this.recent.values()].filter(
      approval =>
        approval.expires > at &&
        ['requested', 'approved'].includes(approval.states.at(-1)?.state ?? '') &&
        concerns(approval),
    )
    return listed(waiting, this.limit)
  }

  private pick(approval: Asked): void {
    if (this.counted.has(approval)) return
    this.counted.add(approval)
    if (this.picked.size < this.limit) this.picked.add(approval)
    else this.morePicked++
  }

  private forget(t: number): void {
    for (const [id, { expires }] of this.recent) if (expires + UNDER_WAY_MS < t) this.recent.delete(id)
  }
}

function fresh(data: ControlBody['data']): Asked {
  return {
    id: data.id as string,
    agent: data.agent as string,
    environment: data.environment as string,
    task: data.task as string,
    owner: data.owner as string,
    policy: data.policy as string,
    rule: textOr(data.rule),
    expires: data.expires as number,
    states: [],
    heldSeq: null,
    usedSeq: null,
  }
}
