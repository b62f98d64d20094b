import type { ArgumentType, Operation } from '../protocol/index.js'
import type {
  Decision,
  DecisionCode,
  DecisionInput,
  Effect,
  LimitWindow,
  PolicyAgent,
  Reservation,
} from './active.js'
import { counterKey, countsUnderShared } from './budget.js'
import type { CompiledLimit } from './compiled.js'
import { type Condition, ConditionContext, type ProbeFacts } from './condition.js'
import { coversOperation } from './grant-details.js'
import { checkLimit, type LimitVerdict } from './limit.js'
import { type Match, matchSelector, type Selection } from './match.js'
import { passesObserved } from './observe.js'
import { factsFor, MAX_QUESTIONS, type ProbeQuestion, type RuleProbe, subjectsOf } from './probe.js'
import type { WindowTest } from './window.js'

/** A rule made ready for one API. */
export interface IndexedRule {
  readonly id: string
  readonly effect: Effect
  readonly select: Selection
  readonly except: Selection | null
  /** Null for every agent. */
  readonly to: ReadonlySet<string> | null
  readonly during: readonly WindowTest[] | null
  readonly when: Condition | null
  /** What is asked before it is tried. */
  readonly probe: RuleProbe | null
  readonly limit: CompiledLimit | null
  readonly approvers: readonly string[]
  readonly because: string | null
}

/** Rules that could match one operation, by effect, each list by id. */
export interface Candidates {
  readonly deny: readonly IndexedRule[]
  readonly hold: readonly IndexedRule[]
  readonly allow: readonly IndexedRule[]
  /** Type of the operation's arguments. */
  readonly args: ArgumentType
}

/** Everything that deciding needs of a policy. */
export interface RuleIndex {
  readonly expiresMs: number
  readonly agents: ReadonlyMap<string, PolicyAgent>
  /** Limits of the whole policy. */
  readonly shared: readonly IndexedRule[]
  /** Constant time, whatever the number of routes or of rules by name. */
  candidates(operation: Operation): Candidates
}

/** What became of one operation before its limits were looked at. */
type Judgement =
  | { readonly kind: 'denied'; readonly code: DenialCode; readonly rule: IndexedRule | null }
  | {
      readonly kind: 'held'
      readonly rules: readonly IndexedRule[]
      readonly limited: readonly IndexedRule[]
    }
  | { readonly kind: 'allowed'; readonly rule: IndexedRule; readonly limited: readonly IndexedRule[] }
  /** No rule reaches it, and its agent observes. */
  | { readonly kind: 'observed'; readonly limited: readonly IndexedRule[] }

type DenialCode = 'denied_by_rule' | 'no_matching_rule' | 'unknown_operation' | 'outside_grant'

/** What was decided about one operation, limits included. */
interface Verdict {
  readonly effect: Effect
  readonly code: DecisionCode
  readonly rule: IndexedRule | null
  readonly approvers: readonly string[]
  readonly retryAfterMs: number | null
  readonly index: number
}

/**
 * Decides a whole request: per operation deny beats hold beats allow, nothing matching is a deny; per request the
 * most severe. The order of rules and operations never matters. Pure, and never throws.
 */
export function decide(rules: RuleIndex, input: DecisionInput): Decision {
  if (input.nowMs >= rules.expiresMs) return denial('policy_expired')
  if (input.nowMs < input.lastEntryMs) return denial('clock_behind')
  if (input.operations.length === 0) return denial('no_matching_rule')
  const judgements = input.operations.map(operation => judge(rules, input, operation))
  const limits = checkLimits(input, judgements)
  const verdicts = judgements.map((judgement, index) => applyLimits(judgement, limits, index))
  const decisive = verdicts.reduce(moreSevere)
  return {
    effect: decisive.effect,
    code: decisive.code,
    rule: decisive.rule?.id ?? null,
    because: decisive.rule?.because ?? null,
    approvers: decisive.effect === 'hold' ? union(verdicts.map(verdict => verdict.approvers)) : [],
    reservations: decisive.effect === 'deny' ? [] : reservationsOf(limits),
    counted: [...limits.values()].map(({ reservation: { key, window } }) => ({ key, window })),
    decisive: decisive.index,
    retryAfterMs: decisive.retryAfterMs,
  }
}

function denial(code: 'policy_expired' | 'clock_behind' | 'no_matching_rule'): Decision {
  return {
    effect: 'deny',
    code,
    rule: null,
    because: null,
    approvers: [],
    counted: [],
    reservations: [],
    decisive: 0,
    retryAfterMs: null,
  }
}

function judge(rules: RuleIndex, input: DecisionInput, operation: Operation): Judgement {
  const candidates = rules.candidates(operation)
  const agent = rules.agents.get(input.agent.id)
  const context = new ConditionContext(input, operation, agent, candidates.args)
  const denies = candidates.deny.find(rule => applies(rule, input, operation, context) !== 'no')
  if (denies !== undefined) return { kind: 'denied', code: 'denied_by_rule', rule: denies }
  if (!isWithinGrant(input, operation, agent)) return { kind: 'denied', code: 'outside_grant', rule: null }

  const allows = candidates.allow.filter(rule => applies(rule, input, operation, context) === 'yes')
  const bars: IndexedRule[] = []
  let admits = allows.length > 0
  for (const rule of candidates.hold) {
    const match = applies(rule, input, operation, context)
    if (match === 'no') continue
    bars.push(rule)
    admits ||= match === 'yes'
  }
  const own = [...allows, ...bars].filter(rule => rule.limit !== null)
  const limited = countsUnderShared(operation) ? [...own, ...rules.shared] : own
  if (admits && bars.length > 0) return { kind: 'held', rules: bars, limited }
  const [allow] = allows
  if (allow !== undefined) return { kind: 'allowed', rule: allow, limited }
  // A hold that reaches it, if only partly, is a rule that speaks of it: observing is for where none does.
  if (agent !== undefined && bars.length === 0 && passesObserved(agent, operation, input.nowMs))
    return { kind: 'observed', limited }
  const hidden = operation.classes.includes('unknown') || operation.classes.includes('opaque')
  return { kind: 'denied', code: hidden ? 'unknown_operation' : 'no_matching_rule', rule: null }
}

/** A grant for an agent that the policy doesn't know, or for another environment than the policy says, covers nothing. */
function isWithinGrant(input: DecisionInput, operation: Operation, agent: PolicyAgent | undefined): boolean {
  if (agent === undefined || agent.environment !== input.agent.environment) return false
  return input.authorizationDetails === null || coversOperation(input.authorizationDetails, operation)
}

/** Agent, selector and window of a rule against an operation, its condition apart. */
export function reach(
  rule: IndexedRule,
  input: Pick<DecisionInput, 'agent' | 'nowMs'>,
  operation: Operation,
): Match {
  if (rule.to !== null && !rule.to.has(input.agent.id)) return 'no'
  const match = matchSelector(rule, operation)
  if (match === 'no') return 'no'
  return rule.during === null || rule.during.some(isOpen => isOpen(input.nowMs)) ? match : 'no'
}

function applies(
  rule: IndexedRule,
  input: DecisionInput,
  operation: Operation,
  context: ConditionContext,
): Match {
  const match = reach(rule, input, operation)
  if (match === 'no') return 'no'
  if (rule.probe !== null) return appliesAsAnswered(rule, rule.probe, match, input, operation, context)
  if (rule.when === null) return match
  switch (rule.when.holds(context)) {
    case 'yes':
      return match
    case 'no':
      return 'no'
    // An error or a missing field: an allow doesn't match, a hold and a deny do.
    case 'error':
      return rule.effect === 'allow' ? 'no' : match
  }
}

/**
 * A rule with a probe is tried once for each resource that was asked about, as resources are: an allow needs all of
 * them, a deny any. INVARIANT: without an answer an allow doesn't match, whatever its condition says; a hold and a deny
 * do, unless their condition is false without it. A hold that only some of them meet bars, and is no ground to pass.
 */
function appliesAsAnswered(
  rule: IndexedRule,
  probe: RuleProbe,
  match: Match,
  input: DecisionInput,
  operation: Operation,
  context: ConditionContext,
): Match {
  const verdicts = answersFor(probe, input, operation).map(facts => {
    if (facts === null && rule.effect === 'allow') return 'error'
    return rule.when === null ? 'yes' : rule.when.holds(context, facts)
  })
  switch (rule.effect) {
    case 'allow':
      return verdicts.every(each => each === 'yes') ? match : 'no'
    case 'deny':
      return verdicts.some(each => each !== 'no') ? match : 'no'
    case 'hold':
      if (verdicts.every(each => each === 'no')) return 'no'
      return verdicts.includes('no') ? 'partly' : match
  }
}

/** The answers to a rule's probe, as its condition reads them. */
export function answersFor(
  probe: RuleProbe,
  input: Pick<DecisionInput, 'probe'>,
  operation: Operation,
): readonly (ProbeFacts | null)[] {
  return factsFor(probe, operation, input.probe).map(values =>
    values === null ? null : { values, type: probe.facts },
  )
}

/**
 * What has to be asked before a request is decided: the probes of all rules that reach it. Nothing where it is denied
 * whatever the answers are: by a rule without a probe, by its grant or by the time. At most `MAX_QUESTIONS`.
 */
export function questionsOf(rules: RuleIndex, input: DecisionInput): readonly ProbeQuestion[] {
  if (input.nowMs >= rules.expiresMs || input.nowMs < input.lastEntryMs) return []
  const agent = rules.agents.get(input.agent.id)
  const questions = new Map<string, ProbeQuestion>()
  for (const [index, operation] of input.operations.entries()) {
    if (!isWithinGrant(input, operation, agent)) return []
    const { deny, hold, allow, args } = rules.candidates(operation)
    const context = new ConditionContext(input, operation, agent, args)
    if (deny.some(rule => rule.probe === null && applies(rule, input, operation, context) !== 'no')) return []
    for (const rule of [...deny, ...hold, ...allow]) {
      const { probe } = rule
      if (probe === null || reach(rule, input, operation) === 'no') continue
      for (const { type, id } of subjectsOf(probe, operation)) {
        if (questions.size === MAX_QUESTIONS) break
        const key = JSON.stringify([probe.name, type, id])
        if (!questions.has(key)) questions.set(key, { probe: probe.name, type, id, operation: index })
      }
    }
  }
  return [...questions.values()]
}

/** Every limit that matches, over all operations that it matches. */
function checkLimits(
  input: DecisionInput,
  judgements: readonly Judgement[],
): ReadonlyMap<IndexedRule, LimitVerdict> {
  const operations = new Map<IndexedRule, Operation[]>()
  for (const [index, judgement] of judgements.entries()) {
    if (judgement.kind === 'denied') continue
    for (const rule of judgement.limited) {
      const matched = operations.get(rule) ?? []
      matched.push(input.operations[index] as Operation)
      operations.set(rule, matched)
    }
  }
  const verdicts = new Map<IndexedRule, LimitVerdict>()
  for (const [rule, matched] of operations) {
    const limit = rule.limit as CompiledLimit
    const counter: LimitWindow = { key: counterKey(rule.id, input.agent), window: limit.window }
    verdicts.set(rule, checkLimit(limit, counter, matched, input.usage, input.nowMs))
  }
  return verdicts
}

function applyLimits(
  judgement: Judgement,
  limits: ReadonlyMap<IndexedRule, LimitVerdict>,
  index: number,
): Verdict {
  if (judgement.kind === 'denied') {
    const { code, rule } = judgement
    return { effect: 'deny', code, rule, approvers: [], retryAfterMs: null, index }
  }
  const over = judgement.limited.filter(rule => limits.get(rule)?.over === true)
  const denies = smallest(over.filter(rule => rule.limit?.over === 'deny'))
  if (denies !== undefined) {
    const retryAfterMs = limits.get(denies)?.retryAfterMs ?? null
    return { effect: 'deny', code: 'over_limit', rule: denies, approvers: [], retryAfterMs, index }
  }
  const holds = judgement.kind === 'held' ? [...judgement.rules, ...over] : over
  const held = smallest(holds)
  if (held !== undefined) {
    const approvers = holds.flatMap(rule => rule.approvers)
    return { effect: 'hold', code: 'approval_required', rule: held, approvers, retryAfterMs: null, index }
  }
  if (judgement.kind === 'observed')
    return { effect: 'allow', code: 'observed', rule: null, approvers: [], retryAfterMs: null, index }
  const rule = judgement.kind === 'allowed' ? judgement.rule : null
  return { effect: 'allow', code: 'allowed', rule, approvers: [], retryAfterMs: null, index }
}

const SEVERITY: Readonly<Record<Effect, number>> = { allow: 0, hold: 1, deny: 2 }
/** Of several codes of one effect, the one that says most; of allows, that nobody wrote this one down. */
const TELLING: readonly DecisionCode[] = [
  'denied_by_rule',
  'outside_grant',
  'unknown_operation',
  'over_limit',
  'observed',
]

/** The verdict that decides; of equals the one with the smaller rule id, then the earlier operation. */
function moreSevere(a: Verdict, b: Verdict): Verdict {
  if (a.effect !== b.effect) return SEVERITY[a.effect] > SEVERITY[b.effect] ? a : b
  const [tellsA, tellsB] = [telling(a.code), telling(b.code)]
  if (tellsA !== tellsB) return tellsA < tellsB ? a : b
  return compareIds(a.rule?.id ?? '', b.rule?.id ?? '') <= 0 ? a : b
}

function telling(code: DecisionCode): number {
  const place = TELLING.indexOf(code)
  return place < 0 ? TELLING.length : place
}

function smallest(rules: readonly IndexedRule[]): IndexedRule | undefined {
  return rules.reduce<IndexedRule | undefined>(
    (least, rule) => (least === undefined || compareIds(rule.id, least.id) < 0 ? rule : least),
    undefined,
  )
}

/** By UTF-16 code units, as JCS sorts. */
export function compareIds(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function union(lists: readonly (readonly string[])[]): readonly string[] {
  return [...new Set(lists.flat())].sort(compareIds)
}

function reservationsOf(limits: ReadonlyMap<IndexedRule, LimitVerdict>): readonly Reservation[] {
  return [...limits.values()]
    .map(verdict => verdict.reservation)
    .filter(reservation => reservation.amount > 0)
    .sort((a, b) => compareIds(a.key, b.key))
}
