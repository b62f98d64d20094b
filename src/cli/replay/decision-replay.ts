import { canonicalize } from '../../canon/index.js'
import { Counters, type Hold } from '../../keeper/index.js'
import type { ActivePolicy, ApprovalStatement, Decision, PolicyApi, Reservation } from '../../policy/index.js'
import type { Operation } from '../../protocol/index.js'
import {
  type AttemptBody,
  type ControlBody,
  type DecisionInputs,
  type Entry,
  type EntryAudit,
  idTime,
  type OutcomeBody,
  placedAttempt,
  type ReportDeviation,
  UNDER_WAY_MS,
} from '../../receipt/index.js'
import { otherThanAgreed, signedStatement } from './agreed-to.js'
import { hasOtherFacts, otherOperation, otherProbe, otherRequest, otherwiseDescribed } from './held-inputs.js'
import { DECIDED } from './recorded-attempts.js'
import type { Known, RecordedInputs } from './recorded-inputs.js'
import { fromReceipt, type Redecided, type Redecision, type Usage } from './redecide.js'
import type { SealedPolicies } from './sealed-policies.js'

/** What a replay of a log's decisions came to. */
export interface DecisionsReplayed {
  /** Attempts that a policy had decided. */
  readonly decided: number
  readonly replayed: number
  /** Of those, decided again from the decision inputs; the rest from the receipt, where it says enough. */
  readonly fromInputs: number
  readonly differing: number
  readonly notReplayed: readonly { readonly why: string; readonly count: number; readonly firstSeq: number }[]
  /** Requests that were refused before a policy was asked: without a valid grant, malformed. */
  readonly undecided: number
  /** Attempts whose decision inputs were opened and held against the receipt. */
  readonly opened: number
  /** Attempts of an older version of a classifier: whether their operations are what was asked for is not looked at. */
  readonly undescribed: number
  /** Attempts that passed on people's word; and those among them whose inputs were held against what people had signed. */
  readonly approved: number
  readonly agreed: number
}

type Attempt = Entry & AttemptBody
interface Asked {
  /** Groups of the policy. */
  readonly approvers: readonly string[]
  readonly expires: number
  /** What people have signed about it; null while nobody has. */
  statement: ApprovalStatement | null
}

type OpenInputs = Extract<Known, { kind: 'inputs' }>

/** Refusals that came after the policy had decided, and what it had decided. */
const AFTERWARDS: Readonly<Record<string, readonly Decision['effect'][]>> = {
  approvals_full: ['hold'],
  approval_arguments_full: ['hold'],
  approval_too_large: ['hold'],
  approval_rejected: ['hold'],
  probe_unanswered: ['hold'],
  // Of what the policy allows, and of what people have approved.
  credential_unavailable: ['allow', 'hold'],
}
const MAX_REASONS = 64
/** Missing decision inputs that are remembered until an erasure explains them. */
const MAX_MISSING = 10_000

const FORGET_AT = 1_024

/**
 * Derives the decisions of a log again as it goes by: the sealed policy that an attempt cites decides once more from what
 * was recorded. Limits are counted along from the log. Remembers the limits' windows and the open attempts, no more.
 */
export class DecisionReplay implements EntryAudit {
  private readonly policies: SealedPolicies
  private readonly inputs: RecordedInputs
  private readonly counters = new Counters()
  private readonly holds = new Map<number, Hold>()
  /** Who was asked, by approval that waits. */
  private readonly asked = new Map<string, Asked>()
  /** So many are remembered when those that have expired are looked for. */
  private forgetAt = FORGET_AT
  private readonly reasons = new Map<string, { count: number; firstSeq: number }>()
  /** By id of the attempt, its number. */
  private readonly missing = new Map<string, number>()
  private readonly counted = {
    ...{ decided: 0, replayed: 0, fromInputs: 0, differing: 0, undecided: 0, opened: 0, undescribed: 0 },
    ...{ approved: 0, agreed: 0 },
  }

  constructor(policies: SealedPolicies, inputs: RecordedInputs) {
    this.policies = policies
    this.inputs = inputs
  }

  async audit(entry: Entry, report: ReportDeviation): Promise<void> {
    switch (entry.type) {
      case 'boot':
        this.inputs.boot(entry)
        break
      case 'outcome':
        this.settle(entry)
        break
      case 'approval':
        this.ask(entry)
        break
      case 'attempt':
        await this.attempt(entry, report)
        break
      case 'erase':
        if (this.missing.get(entry.data.id as string) === entry.data.attempt)
          this.missing.delete(entry.data.id as string)
        break
      default:
    }
  }

  /** ATTACK: a record is deleted without the order and the entry that an erasure takes. A source without any record keeps none. */
  finish(report: ReportDeviation): void {
    if (this.counted.opened > 0) for (const seq of this.missing.values()) report('inputs_missing', seq)
  }

  summary(): DecisionsReplayed {
    const notReplayed = [...this.reasons].map(([why, { count, firstSeq }]) => ({ why, count, firstSeq }))
    return { ...this.counted, notReplayed }
  }

  private ask({ t, data }: Entry & ControlBody): void {
    const { id, approvers = [], expires } = data as unknown as { readonly id: string } & Partial<Asked>
    const asked = this.asked.get(id)
    if (data.state === 'approved' && asked !== undefined) asked.statement = signedStatement(data)
    if (data.state !== 'requested' || asked !== undefined) return
    this.forget(t)
    this.asked.set(id, { approvers, expires: expires as number, statement: null })
  }

  /** ATTACK: a hundred thousand approvals that wait for years, all gone through at each. */
  private forget(t: number): void {
    if (this.asked.size < this.forgetAt) return
    for (const [id, { expires }] of this.asked) if (expires + UNDER_WAY_MS < t) this.asked.delete(id)
    this.forgetAt = Math.max(FORGET_AT, 2 * this.asked.size)
  }

  /** Nothing was sent: what the attempt had reserved was free again. */
  private settle({ attempt, status }: OutcomeBody): void {
    const hold = this.holds.get(attempt)
    if (hold !== undefined && status === 'not_sent') this.counters.release(hold)
    this.holds.delete(attempt)
  }

  private async attempt(entry: Attempt, report: ReportDeviation): Promise<void> {
    const known = await this.inputs.open(entry)
    if (known.kind === 'inputs') this.holdAgainst(entry, known, report)
    else if (known.kind === 'forged') report('inputs_differ', entry.seq, known.why)
    else if (known.isMissing && this.missing.size < MAX_MISSING) this.missing.set(entry.id, entry.seq)
    if (!isDecided(entry)) {
      this.counted.undecided++
      return
    }
    this.counted.decided++
    const found = this.policies.find(entry.policy.cid)
    if (found.kind === 'none') {
      this.skip(entry, found.why)
      return
    }
    const api = found.policy.apis.get(entry.req.api)
    if (api === undefined) {
      this.differ(entry, 'the policy has no such API', report)
      return
    }
    if (isBehindItsEnd(entry, found.policy))
      report('policy_expired', entry.seq, new Date(found.policy.expiresMs).toISOString())
    const unfit = otherCredential(entry, found.policy, api)
    if (unfit !== undefined) report('credential_unfit', entry.seq, unfit)
    const { classifier } = api.catalog
    if (isOlder(entry.classifier, classifier)) this.counted.undescribed++
    // ATTACK: a classifier that nobody has, so that operations aren't held against arguments and catalog.
    else if (entry.classifier !== classifier)
      report('operations_differ', entry.seq, `by ${entry.classifier}, where ${classifier} is its API’s`)
    if (isApproved(entry)) this.counted.approved++
    if (known.kind === 'inputs') this.fromInputs(entry, found.policy, api, known, report)
    else this.fromReceipt(entry, found.policy, api, known.why, report)
  }

  private holdAgainst(entry: Attempt, known: OpenInputs, report: ReportDeviation): void {
    this.counted.opened++
    const request = otherRequest(entry, known)
    if (request !== undefined) report('inputs_differ', entry.seq, request)
    const operation = otherOperation(entry, known)
    if (operation !== undefined) report('operations_differ', entry.seq, operation)
    const probe = otherProbe(entry, known)
    if (probe !== undefined) report('inputs_differ', entry.seq, probe)
  }

  /** Without what people agreed to, as an older version wrote it, or without their word, it is counted as not held. */
  private holdAgainstWord(
    { seq, approval }: Attempt,
    inputs: DecisionInputs,
    api: PolicyApi,
    report: ReportDeviation,
  ): void {
    const statement = this.asked.get(approval ?? '')?.statement ?? null
    if (statement === null || inputs.agreed === undefined) return
    this.counted.agreed++
    const other = otherThanAgreed(inputs, inputs.agreed, statement, api)
    if (other !== undefined) report('approval_differs', seq, other)
  }

  private fromInputs(
    entry: Attempt,
    policy: ActivePolicy,
    api: PolicyApi,
    known: OpenInputs,
    report: ReportDeviation,
  ): void {
    const { inputs } = known
    if (entry.classifier === api.catalog.classifier) {
      const otherwise = otherwiseDescribed(entry, known, api)
      if (otherwise !== undefined) report('operations_differ', entry.seq, otherwise)
    }
    if (isApproved(entry)) this.holdAgainstWord(entry, inputs, api, report)
    if (hasOtherFacts(inputs, policy)) report('inputs_differ', entry.seq, 'the facts of the agent')
    const { id, environment, task, owner } = entry.agent
    const decide = (usage: Usage) =>
      policy.decide({
        agent: { id, environment, task, owner },
        authorizationDetails: inputs.authorization,
        request: { api: inputs.api, method: inputs.method, target: inputs.target },
        operations: inputs.operations as unknown as readonly Operation[],
        nowMs: inputs.now,
        lastEntryMs: inputs.last,
        probe: inputs.probe,
        usage,
      })
    // A counter that the decision didn't ask for then is not asked for now, or this is not the same decision.
    const decision = decide(({ key }) => inputs.counters[key] ?? Number.NaN)
    const counted = decide(limit => this.counters.usage(limit, inputs.now))
    this.counted.replayed++
    this.counted.fromInputs++
    if (!this.isSame(decision, entry)) this.report(entry, decision, report)
    else if (isOverLimit(entry, counted.effect))
      report('limit_exceeded', entry.seq, `${counted.rule ?? counted.code} by what the log counts`)
    this.reserve(entry, decision.reservations, inputs.now)
  }

  private fromReceipt(
    entry: Attempt,
    policy: ActivePolicy,
    api: PolicyApi,
    why: string,
    report: ReportDeviation,
  ): void {
    if (entry.decision.code === 'clock_behind') {
      this.skip(entry, `how far the clock was behind: ${why}`)
      return
    }
    const nowMs = idTime(entry.id, entry.t)
    const decide = (usage: Usage) => fromReceipt(policy, api, { entry }, why, usage)
    const found = decide(limit => this.counters.usage(limit, nowMs))
    if (found.kind === 'unknown') {
      this.skip(entry, found.why)
      return
    }
    const { decision } = found
    this.reserve(entry, decision.reservations, nowMs)
    if (this.isSame(decision, entry)) this.counted.replayed++
    else if (
      wasAdmitted(entry) &&
      decidesSame(
        decide(() => 0),
        entry,
      )
    ) {
      this.counted.replayed++
      this.counted.differing++
      report('limit_exceeded', entry.seq, decision.rule ?? decision.code)
    } else if (
      !wasAdmitted(entry) &&
      hasReservedAlike(decision, entry) &&
      !isAlike(
        decide(() => Number.MAX_SAFE_INTEGER),
        decision,
      )
    )
      // They had reserved as well, and that is in no entry.
      this.skip(entry, 'how much the requests that were under way had reserved')
    else {
      this.counted.replayed++
      this.report(entry, decision, report)
    }
  }

  /** ATTACK: people are asked whom the policy doesn't name for this, and agree easily. */
  private isSame(decided: Redecision, entry: Attempt): boolean {
    const asked = this.asked.get(entry.approval ?? '')
    const others =
      asked !== undefined &&
      decided.effect === 'hold' &&
      canonicalize([...asked.approvers].sort()) !== canonicalize([...decided.approvers].sort())
    return !others && isSame(decided, entry)
  }

  private report(entry: Attempt, decision: Redecision, to: ReportDeviation): void {
    const { effect, code, rule, approvers } = decision
    const by = rule === null ? '' : ` by ${rule}`
    const asked = approvers.length === 0 ? '' : `, to be approved by ${approvers.join(' and ')}`
    this.counted.differing++
    to('decision_differs', entry.seq, `${effect} ${code}${by}${asked}`)
  }

  private differ(entry: Attempt, why: string, report: ReportDeviation): void {
    this.counted.replayed++
    this.counted.differing++
    report('decision_differs', entry.seq, why)
  }

  private skip({ seq }: Attempt, why: string): void {
    const name = this.reasons.has(why) || this.reasons.size < MAX_REASONS ? why : 'other reasons'
    const known = this.reasons.get(name)
    if (known === undefined) this.reasons.set(name, { count: 1, firstSeq: seq })
    else known.count++
  }

  /** What the receipt says was reserved, in the windows that the policy has for it. */
  private reserve(entry: Attempt, reservations: readonly Reservation[], nowMs: number): void {
    if (entry.decision.effect !== 'allow' || entry.reserved === undefined) return
    const amounts = new Map(entry.reserved.map(({ key, amount }) => [key, amount]))
    const held = reservations.flatMap(({ key, window }) => {
      const amount = amounts.get(key)
      return amount === undefined ? [] : [{ key, window, amount }]
    })
    if (held.length > 0) this.holds.set(entry.seq, this.counters.reserve(held, entry.id, nowMs))
  }
}

/** What is wrong with the credential of something that passed. ATTACK: another one than the policy names, or one that no entry made. */
function otherCredential(
  { decision, credential }: Attempt,
  { credentials }: ActivePolicy,
  api: PolicyApi,
): string | undefined {
  if (decision.effect !== 'allow') return undefined
  const spec = api.credential === null ? undefined : credentials.get(api.credential)
  if (spec === undefined) return credential === undefined ? undefined : 'one, where the policy names none'
  if (credential === undefined) return `none, where the policy names ${api.credential}`
  if (credential.minter !== spec.minter)
    return `of ${credential.minter}, where the policy names ${spec.minter}`
  return credential.mint === undefined ? 'one that cites no entry that made it' : undefined
}

/** ATTACK: a policy that has ended goes on to admit, and ids and decision inputs say that it was before its end. */
function isBehindItsEnd(entry: Attempt, { expiresMs }: ActivePolicy): boolean {
  return entry.decision.effect === 'allow' && placedAttempt(entry).startedMs >= expiresMs
}

/** `rest/1` where the API has `rest/2` by now. */
function isOlder(said: string, now: string): boolean {
  const [name, version] = said.split('/')
  const [sameName, newer] = now.split('/')
  return name === sameName && /^[1-9][0-9]{0,5}$/.test(version ?? '') && Number(version) < Number(newer)
}

/** Passed because the policy allowed it, and not because people approved what it held. */
function wasAdmitted({ decision, approval }: Attempt): boolean {
  return decision.effect === 'allow' && approval === undefined
}

function isApproved({ decision, approval }: Attempt): boolean {
  return decision.effect === 'allow' && approval !== undefined
}

/** ATTACK: something is let pass under a code, or without an operation, as refusals have it for which no policy is asked. */
function isDecided({ ops, decision: { effect, code } }: Attempt): boolean {
  if (effect !== 'deny') return true
  return ops.length > 0 && (DECIDED.includes(code) || Object.hasOwn(AFTERWARDS, code))
}

/** Whether an attempt passed what the log's own count of its limits stops. What is over one that holds, people may approve. */
function isOverLimit(entry: Attempt, counted: Decision['effect']): boolean {
  if (entry.decision.effect !== 'allow') return false
  return counted === 'deny' || (counted === 'hold' && wasAdmitted(entry))
}

function isSame(decided: Redecision, entry: Attempt): boolean {
  const { effect, code, rule } = entry.decision
  if (effect === 'deny' && Object.hasOwn(AFTERWARDS, code))
    return AFTERWARDS[code]?.includes(decided.effect) === true
  const same = isApproved(entry)
    ? decided.effect === 'hold' && decided.rule === rule
    : decided.effect === effect && decided.code === code && decided.rule === rule
  return same && hasReservedAlike(decided, entry)
}

/** ATTACK: what was admitted, what people approved too, is left out of its limits, so that more passes behind it. */
function hasReservedAlike({ reservations }: Redecision, { decision, reserved }: Attempt): boolean {
  return decision.effect !== 'allow' || reservedAlike(reservations, reserved ?? [])
}

function reservedAlike(
  reservations: readonly { readonly key: string; readonly amount: number }[],
  reserved: readonly { readonly key: string; readonly amount: number }[],
): boolean {
  const text = (each: typeof reserved) =>
    each
      .filter(({ amount }) => amount > 0)
      .map(({ key, amount }) => `${key} ${amount}`)
      .sort()
      .join('\n')
  return text(reservations) === text(reserved)
}

function decidesSame(found: Redecided, entry: Attempt): boolean {
  return found.kind === 'decided' && isSame(found.decision, entry)
}

function isAlike(found: Redecided, { effect, code, rule }: Redecision): boolean {
  if (found.kind === 'unknown') return false
  const { decision } = found
  return decision.effect === effect && decision.code === code && decision.rule === rule
}
