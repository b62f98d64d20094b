import {
  type AttemptBody,
  type ControlBody,
  controlStep,
  type Entry,
  type EntryAudit,
  type OutcomeBody,
} from '../../receipt/index.js'
import { asksNothing, fitsAttempt, fitsControl, fitsWho, isWithin, type Question } from '../question.js'
import { ApprovalsAsked } from './approvals-asked.js'
import { Authority, textOr } from './authority.js'
import { CredentialsMinted } from './credentials-minted.js'
import {
  type AttemptStep,
  type ControlStep,
  type IncidentReport,
  type IncidentVerdict,
  REPORT_KIND,
  type Step,
  type Stop,
} from './incident.js'
import type { SealedWords } from './seals.js'
import { listed, Shelf } from './shelf.js'
import { Tally } from './tally.js'

export interface NarratorOptions {
  readonly question: Question
  /** The time that the report is about, Unix milliseconds; null for now. What stands behind it is not told. */
  readonly at: number | null
  readonly nowMs: number
  /** Items of each list. */
  readonly limit: number
  /** What was disclosed of an attempt. */
  readonly disclosed?: (seq: number) => AttemptStep['disclosed']
}

type ToldAttempt = { -readonly [K in keyof AttemptStep]: AttemptStep[K] }

/** After the last attempt, for so long, what happens to the whole sidecar belongs to the story as well. */
const AFTERMATH_MS = 86_400_000

/**
 * Tells one incident while a log is read, once and from its first entry: whatever the entries say, so that it is worth as much
 * as the verification that goes with it. Memory is bounded by `limit`, by what is open and by what is still alive.
 */
export class Narrator implements EntryAudit {
  private readonly options: NarratorOptions
  private readonly timeline: Shelf<Step>
  private readonly passed: Shelf<ToldAttempt>
  private readonly indeterminate: Shelf<ToldAttempt>
  /** Admitted attempts that have no outcome yet. */
  private readonly open = new Map<number, ToldAttempt>()
  private readonly agents = new Set<string>()
  private readonly tally = new Tally()
  private readonly authority: Authority
  private readonly approvals: ApprovalsAsked
  private readonly credentials: CredentialsMinted
  private readonly stops = new Map<string, Stop>()
  /** What happened to the whole sidecar since the last step, and belongs to the story where there is another. */
  private pending: ControlStep[] = []
  private lastStepT: number | null = null
  private lastT = 0
  private chain: string | null = null

  constructor(options: NarratorOptions) {
    const { limit, at, nowMs } = options
    this.options = options
    this.timeline = new Shelf(limit)
    this.passed = new Shelf(limit)
    this.indeterminate = new Shelf(limit)
    this.authority = new Authority(limit)
    this.approvals = new ApprovalsAsked(limit)
    this.credentials = new CredentialsMinted(at ?? nowMs)
  }

  audit(entry: Entry): void {
    if (entry.t > (this.options.at ?? entry.t)) return
    this.chain = entry.chain
    this.lastT = entry.t
    switch (entry.type) {
      case 'attempt':
        this.tellAttempt(entry)
        return
      case 'outcome':
        this.tellOutcome(entry)
        return
      default:
        this.tellControl(entry)
    }
  }

  /** Content ids of the policies that the told attempts cite. */
  policies(): readonly string[] {
    return this.authority.cids()
  }

  report(source: string, verdict: IncidentVerdict, words: ReadonlyMap<string, SealedWords>): IncidentReport {
    const { question, limit } = this.options
    const at = this.options.at ?? Math.max(this.options.nowMs, this.lastT)
    const concerns = this.concerns.bind(this)
    const worded = (step: AttemptStep): AttemptStep => {
      const because = words.get(step.policy.cid)?.because.get(step.decision.rule ?? '') ?? null
      return { ...step, because }
    }
    const wordedList = <T extends Step>({
      shown,
      more,
    }: {
      readonly shown: readonly T[]
      readonly more: number
    }) => ({
      shown: shown.map(step => (step.type === 'attempt' ? (worded(step) as T) : step)),
      more,
    })
    return {
      v: 1,
      kind: REPORT_KIND,
      source,
      chain: this.chain,
      at,
      question,
      verdict,
      summary: this.tally.summary(),
      decided: this.tally.decided(words),
      classes: this.tally.classes(),
      passed: wordedList(this.passed.list()),
      authority: { policies: this.authority.policiesCited(words), grants: this.authority.grantsCited() },
      approvals: this.approvals.list(),
      still: {
        credentials: this.credentials.list(at, limit, concerns),
        grants: this.authority.grantsAlive(at, concerns),
        approvals: this.approvals.alive(at, concerns),
        open: wordedList(listed(this.open.values(), limit)),
        indeterminate: wordedList(this.indeterminate.list()),
        stops: [...this.stops.values()].filter(({ until }) => until === null || until > at),
      },
      timeline: wordedList(this.timeline.list()),
    }
  }

  private tellAttempt(entry: Entry & AttemptBody): void {
    const fit = fitsAttempt(this.options.question, entry)
    if (fit === 'no') return
    this.agents.add(entry.agent.id)
    this.tally.add(entry, fit)
    this.authority.cite(entry)
    this.approvals.cite(entry)
    this.credentials.cite(entry)
    const step = this.stepOf(entry)
    this.addStep(step)
    if (entry.decision.effect !== 'allow') return
    this.open.set(entry.seq, step)
    if (entry.ops.some(({ classes }) => classes.some(each => !ORDINARY.has(each)))) this.passed.add(step)
  }

  private stepOf(entry: Entry & AttemptBody): ToldAttempt {
    const { seq, t, agent, req, ops, decision, policy, probes = [], approval, credential } = entry
    return {
      type: 'attempt',
      seq,
      t,
      agent,
      api: req.api,
      method: req.method,
      operations: ops,
      decision,
      because: null,
      policy,
      probes: probes.map(({ probe, op, resource, status, asked }) => ({
        probe,
        type: ops[op]?.resources[resource]?.type ?? null,
        id: ops[op]?.resources[resource]?.id ?? null,
        status,
        asked: asked ?? null,
      })),
      approval: approval ?? null,
      credential: credential ?? null,
      outcome: null,
      disclosed: this.options.disclosed?.(seq) ?? [],
    }
  }

  private tellOutcome({ seq, t, attempt, status, http, ms, upstream_id }: Entry & OutcomeBody): void {
    const step = this.open.get(attempt)
    if (step === undefined) return
    this.open.delete(attempt)
    step.outcome = { seq, t, status, http, ms, upstreamId: upstream_id ?? null }
    if (status === 'indeterminate') this.indeterminate.add(step)
  }

  private tellControl(entry: Entry & ControlBody): void {
    const { question } = this.options
    const fits = fitsControl(question, entry)
    switch (entry.type) {
      case 'policy':
        this.authority.addPolicy(entry)
        this.tellCommon(entry)
        break
      case 'grant':
        this.authority.addGrant(entry)
        if (fits) this.addStep(controlOf(entry))
        break
      case 'mint':
        this.credentials.add(entry)
        if (fits) this.addStep(controlOf(entry))
        break
      case 'probe':
        if (fits) this.addStep(controlOf(entry))
        break
      case 'approval':
        this.approvals.add(entry, fits)
        if (fits || this.approvals.has(entry.data.id)) this.addStep(controlOf(entry))
        break
      case 'halt':
      case 'freeze':
        this.tellStop(entry)
        break
      case 'recover':
      case 'key':
      case 'erase':
      case 'archive':
      case 'boot':
      case 'close':
        this.tellCommon(entry)
        break
      case 'suppressed':
        if (isWithin(question, entry.t)) this.tally.suppress(entry.data.count as number)
        break
      default:
    }
  }

  private tellStop(entry: Entry & ControlBody): void {
    const { seq, t, type, data } = entry
    if (type !== 'halt' && type !== 'freeze') return
    const [scope, agent, task] = [textOr(data.scope), textOr(data.agent), textOr(data.task)]
    if (!this.mayStop(agent, task)) return
    const key = JSON.stringify([type, scope, agent, task])
    if (data.action === 'halted' || data.action === 'frozen') {
      const until = typeof data.until === 'number' ? data.until : null
      const said = { by: data.by as string, because: textOr(data.because), until }
      this.stops.set(key, { type, scope, agent, task, ...said, seq, t })
    } else this.stops.delete(key)
    this.tellCommon(entry)
  }

  /** Whether what stops this agent or this task may stop those that are asked about. */
  private mayStop(agent: string | null, task: string | null): boolean {
    const { agents, tasks } = this.options.question
    const asked = { agents: agent === null ? [] : agents, tasks: task === null ? [] : tasks }
    return fitsWho(asked, { agent, task })
  }

  /** What happens to the whole sidecar: in the time that was asked for, or else between attempts and for a day after the last. */
  private tellCommon(entry: Entry & ControlBody): void {
    const { question } = this.options
    if (!isWithin(question, entry.t)) return
    const step = controlOf(entry)
    const near = this.lastStepT !== null && entry.t - this.lastStepT <= AFTERMATH_MS
    if (question.sinceMs !== null || near) this.timeline.add(step)
    else if (this.lastStepT !== null) this.pending.push(step)
    if (this.pending.length > this.options.limit) this.pending.shift()
  }

  private addStep(step: Step): void {
    for (const before of this.pending) this.timeline.add(before)
    this.pending = []
    this.lastStepT = step.t
    this.timeline.add(step)
  }

  /** Whether something that is still alive is in the hands of those that are asked about, or that were met. */
  private concerns(held: { readonly agent: string | null; readonly task: string | null }): boolean {
    const { question } = this.options
    if (asksNothing(question)) return true
    const named = question.agents.length > 0 || question.tasks.length > 0
    return fitsWho(question, held) && (named || this.agents.has(held.agent ?? ''))
  }
}

/** What these do can be undone, or does nothing. */
const ORDINARY: ReadonlySet<string> = new Set(['read', 'create', 'update'])

function controlOf(entry: Entry & ControlBody): ControlStep {
  const { seq, t } = entry
  const { title, facts } = controlStep(entry)
  return {
    type: entry.type as ControlStep['type'],
    seq,
    t,
    action: title === '' ? null : title,
    facts: facts.map(({ label, value }) => [label, value]),
  }
}
