import type { JsonObject, JsonValue } from '../../src/canon/index.js'
import type { Decision, DecisionInput, PolicyDocument } from '../../src/policy/index.js'
import type { Operation } from '../../src/protocol/index.js'

/*
 * What a decision should be, by docs/policy.md ("How a decision is made") and ARCHITECTURE.md, from the source as it was
 * written. Slow and naive on purpose: it compiles nothing, indexes nothing, and shares no code with src/policy. A
 * condition is answered by the test that wrote it.
 */

/** The part of a decision that is compared. */
export type Expected = Pick<Decision, 'effect' | 'code' | 'rule' | 'because' | 'approvers'> & {
  readonly reserved: Readonly<Record<string, number>>
}

/** What a condition says of an operation; `answer` is what the rule's probe found about one resource, null without an answer. */
export type Answer = (
  when: string,
  operation: Operation,
  input: DecisionInput,
  answer: JsonObject | null,
) => boolean | 'error'

export interface World {
  readonly document: PolicyDocument
  readonly answer: Answer
  /** Operations that the APIs' catalogs have, as `api name`. */
  readonly listed: ReadonlySet<string>
  /** Types of resources that a probe is asked about. */
  readonly probes: Readonly<Record<string, readonly string[]>>
}

type Rule = PolicyDocument['rules'][number]
type Selector = NonNullable<Rule['allow']>
type Criteria = Omit<Selector, 'api' | 'except'>
type Effect = 'allow' | 'hold' | 'deny'
/** `in part`: a hold that bars, and is no ground of its own to let the operation pass. */
type Reach = 'no' | 'in part' | 'yes'

interface Outcome {
  readonly effect: Effect
  readonly code: Decision['code']
  readonly rule: Rule | { readonly id: string } | null
  readonly approvers: readonly string[]
}

export function expectedDecision(world: World, input: DecisionInput): Expected {
  const { document } = world
  if (input.nowMs >= Date.parse(document.metadata.expires)) return denied('policy_expired')
  if (input.nowMs < input.lastEntryMs) return denied('clock_behind')
  const judged = input.operations.map(operation => judgeOperation(world, input, operation))
  const limits = countLimits(world, input, judged)
  const outcomes = judged.map(each => outcomeOf(each, limits))
  const decisive = mostSevere(outcomes)
  const { rule, effect, code } = decisive
  const approvers = effect === 'hold' ? outcomes.flatMap(each => each.approvers) : []
  const reserved = effect === 'deny' ? [] : limits.filter(({ amount }) => amount !== null && amount > 0)
  return {
    effect,
    code,
    rule: rule?.id ?? null,
    because: rule !== null && 'because' in rule ? (rule.because ?? null) : null,
    approvers: [...new Set(approvers)].sort(),
    reserved: Object.fromEntries(reserved.map(({ key, amount }) => [key, amount as number])),
  }
}

/** Whether a statement of `never:` speaks of an operation: it reaches as far as a deny of these words would. */
export function speaksOf(
  world: World,
  { id, to, when, ...deny }: Pick<Rule, 'id'> & Selector & Partial<Pick<Rule, 'to' | 'when'>>,
  input: DecisionInput,
  operation: Operation,
): boolean {
  const rule: Rule = {
    id,
    deny,
    ...(to === undefined ? {} : { to }),
    ...(when === undefined ? {} : { when }),
  }
  return reachOf(world, rule, 'deny', input, operation) !== 'no'
}

function denied(code: Decision['code']): Expected {
  return { effect: 'deny', code, rule: null, because: null, approvers: [], reserved: {} }
}

interface Judged {
  readonly operation: Operation
  readonly outcome: Outcome
  /** Rules with a limit that count it, and limits of the whole policy. */
  readonly limited: readonly string[]
}

function judgeOperation(world: World, input: DecisionInput, operation: Operation): Judged {
  const { document } = world
  const matching = (effect: Effect): readonly { rule: Rule; reach: Reach }[] =>
    document.rules
      .filter(rule => rule[effect] !== undefined)
      .map(rule => ({ rule, reach: reachOf(world, rule, effect, input, operation) }))
      .filter(({ reach }) => reach !== 'no')
      .sort((a, b) => (a.rule.id < b.rule.id ? -1 : 1))
  const end = (
    effect: Effect,
    code: Decision['code'],
    rules: readonly Rule[] = [],
    limited: readonly string[] = [],
  ): Judged => {
    const approvers = effect === 'hold' ? rules.flatMap(rule => listOf(rule.approvers)) : []
    return { operation, outcome: { effect, code, rule: rules[0] ?? null, approvers }, limited }
  }

  const denies = matching('deny').map(({ rule }) => rule)
  if (denies.length > 0) return end('deny', 'denied_by_rule', denies)
  if (!grantCovers(document, input, operation)) return end('deny', 'outside_grant')
  const allows = matching('allow').map(({ rule }) => rule)
  const holds = matching('hold')
  const bars = holds.map(({ rule }) => rule)
  const shared = operation.classes.every(each => each === 'read')
    ? []
    : Object.keys(document.limits ?? {}).map(name => `limits.${name}`)
  const limited = [...allows, ...bars].filter(rule => rule.limit !== undefined).map(rule => rule.id)
  const passes = allows.length > 0 || holds.some(({ reach }) => reach === 'yes')
  if (passes && bars.length > 0) return end('hold', 'approval_required', bars, [...limited, ...shared])
  if (allows.length > 0) return end('allow', 'allowed', allows, [...limited, ...shared])
  if (bars.length === 0 && observes(document, input, operation)) return end('allow', 'observed', [], shared)
  const hidden = operation.classes.includes('unknown') || operation.classes.includes('opaque')
  return end('deny', hidden ? 'unknown_operation' : 'no_matching_rule')
}

function observes(document: PolicyDocument, input: DecisionInput, operation: Operation): boolean {
  const agent = document.agents[input.agent.id]
  if (agent?.mode !== 'observe' || input.nowMs >= Date.parse(agent.until ?? '')) return false
  if (operation.account !== undefined) return false
  return operation.classes.every(each => ['read', 'create', 'update'].includes(each))
}

function grantCovers(document: PolicyDocument, input: DecisionInput, operation: Operation): boolean {
  if (document.agents[input.agent.id]?.environment !== input.agent.environment) return false
  const details = input.authorizationDetails
  if (details === null) return true
  return details.some(({ type, ...rest }) => {
    if (type !== 'countersign') return false
    return Object.entries(rest).every(([key, value]) => {
      const said = listOf(value as JsonValue)
      if (key === 'api') return said.includes(operation.api)
      if (key === 'operations') return said.some(each => fits(String(each), operation.name))
      if (key === 'class') return operation.classes.every(each => said.includes(each))
      if (key !== 'scope') return false
      return Object.entries(value as JsonObject).every(([member, values]) => {
        const known = operation.scope[member]
        return known !== undefined && listOf(values).includes(known)
      })
    })
  })
}

function reachOf(
  world: World,
  rule: Rule,
  effect: Effect,
  input: DecisionInput,
  operation: Operation,
): Reach {
  const selector = rule[effect] as Selector
  // A star stands for every agent of the policy.
  const to = listOf(rule.to).includes('*') ? Object.keys(world.document.agents) : listOf(rule.to)
  if (rule.to !== undefined && !to.includes(input.agent.id)) return 'no'
  if (
    rule.during !== undefined &&
    !listOf(rule.during).some(name => isOpen(world.document, name, input.nowMs))
  )
    return 'no'
  const apis = listOf(selector.api)
  if (apis.length > 0 && !apis.includes('*') && !apis.includes(operation.api)) return 'no'
  const { except, api: _, ...criteria } = selector
  const reach = criteriaReach(world, criteria, effect, operation)
  if (reach === 'no') return 'no'
  // An exception is read the other way round.
  const opposite = effect === 'allow' ? 'deny' : 'allow'
  if (except !== undefined && criteriaReach(world, except, opposite, operation) === 'yes') return 'no'
  return conditionReach(world, rule, effect, reach, input, operation)
}

function conditionReach(
  world: World,
  { when, probe }: Rule,
  effect: Effect,
  reach: Reach,
  input: DecisionInput,
  operation: Operation,
): Reach {
  const said = (answer: JsonObject | null): boolean | 'error' =>
    when === undefined ? true : world.answer(when, operation, input, answer)
  if (probe === undefined) {
    const answer = said(null)
    if (answer === 'error') return effect === 'allow' ? 'no' : reach
    return answer ? reach : 'no'
  }
  const about = world.probes[probe] ?? []
  const asked = operation.resources.filter(({ type }) => about.includes(type))
  const answers = asked.map(({ type, id }) => {
    const result = (input.probe ?? []).find(
      each => each.probe === probe && each.type === type && each.id === id,
    )
    return result?.facts ?? null
  })
  if (answers.length === 0) answers.push(null)
  // Without an answer an allow doesn't match; a hold and a deny do, unless their condition is false without it.
  const verdicts = answers.map(each => (each === null && effect === 'allow' ? 'error' : said(each)))
  const met = verdicts.map(each => each === true || (each === 'error' && effect !== 'allow'))
  switch (effect) {
    case 'allow':
      return met.every(Boolean) ? reach : 'no'
    case 'deny':
      return met.some(Boolean) ? reach : 'no'
    case 'hold':
      if (!met.some(Boolean)) return 'no'
      return met.every(Boolean) ? reach : 'in part'
  }
}

/** Keys AND, lists OR. */
function criteriaReach(world: World, criteria: Criteria, reading: Effect, operation: Operation): Reach {
  const names = listOf(criteria.operations)
  const isListed = world.listed.has(`${operation.api} ${operation.name}`)
  // What no catalog has is called by its type and its field in GraphQL; for hold and deny the field is a name of it.
  const called = [operation.name]
  if (!isListed && reading !== 'allow') called.push(operation.name.replace(/^[^.]*\./, ''))
  const exactly = names.some(name => called.includes(name))
  // A name without a star means the operation of a catalog, and an allow is never widened to another API's of that name.
  const named = exactly && isListed
  const bySomePattern = names.some(name => name.includes('*') && called.some(each => fits(name, each)))
  if (criteria.operations !== undefined && !named && !bySomePattern && (!exactly || reading === 'allow'))
    return 'no'
  if (
    criteria.effect !== undefined &&
    !operation.effects.some(each => listOf(criteria.effect).includes(each))
  )
    return 'no'
  const parts = [
    classReach(criteria, reading, named, operation),
    scopeReach(criteria, reading, operation),
    resourceReach(criteria, reading, operation),
    accountReach(criteria, reading, operation),
  ]
  if (parts.includes('no')) return 'no'
  return parts.includes('in part') ? 'in part' : 'yes'
}

function classReach(criteria: Criteria, reading: Effect, named: boolean, operation: Operation): Reach {
  const { classes, baseClasses } = operation
  const hidden = (each: string): boolean => each === 'opaque' || each === 'unknown'
  const written = criteria.class === undefined ? null : listOf(criteria.class)
  const says = (each: string): boolean =>
    written?.includes(each as (typeof written)[number]) === true ||
    (written?.includes('*') === true && (reading === 'deny' || !hidden(each)))
  switch (reading) {
    case 'deny':
      return written === null || classes.some(says) ? 'yes' : 'no'
    case 'allow': {
      if (written !== null) return classes.every(says) ? 'yes' : 'no'
      const raised = classes.some(each => !baseClasses.includes(each))
      return !raised && (named || !classes.some(hidden)) ? 'yes' : 'no'
    }
    case 'hold': {
      const reached = (each: string): boolean => (written === null ? !hidden(each) : says(each))
      // By an exact name alone it reaches whatever the operation has become.
      if (!classes.some(reached) && !(written === null && named)) return 'no'
      const open = (each: (typeof classes)[number]): boolean =>
        hidden(each) && !reached(each) && !(named && baseClasses.includes(each))
      return classes.some(open) ? 'in part' : 'yes'
    }
  }
}

function scopeReach({ scope }: Criteria, reading: Effect, operation: Operation): Reach {
  let reach: Reach = 'yes'
  for (const [member, values] of Object.entries(scope ?? {})) {
    const known = operation.scope[member]
    if (known === undefined) {
      if (reading === 'allow') return 'no'
      continue
    }
    const written = listOf(values).map(String)
    if (written.includes(known)) continue
    if (reading === 'allow' || !written.some(each => sameLetters(each) === sameLetters(known))) return 'no'
    reach = 'in part'
  }
  return reading === 'hold' ? reach : 'yes'
}

/** Capitals and small letters are one to hold and deny, and so are the spellings of a UUID. */
function sameLetters(text: string): string {
  const plain = text.toLowerCase().replace(/[{}-]/g, '')
  return /^[0-9a-f]{32}$/.test(plain) ? plain : text.toLowerCase()
}

function resourceReach({ resources }: Criteria, reading: Effect, operation: Operation): Reach {
  if (resources === undefined) return 'yes'
  const patterns = listOf(resources).map(each => (typeof each === 'string' ? { id: each } : each))
  if (operation.resources.length === 0) return reading === 'allow' ? 'no' : 'yes'
  const isOfType = (pattern: Pattern, type: string): boolean =>
    pattern.type === undefined || pattern.type === type
  const named = operation.resources.filter(({ type, id, like }) =>
    patterns.some(pattern => {
      if (!isOfType(pattern, type)) return false
      if (like === undefined || reading === 'deny') return fits(pattern.id, id)
      // A star of what it may mean is read by a star of the pattern alone.
      const isAll = fits(pattern.id, like)
      return reading === 'allow' ? isAll && fits(pattern.id, id) : isAll || fits(pattern.id, id)
    }),
  )
  if (named.length === operation.resources.length) return 'yes'
  if (reading === 'allow') return 'no'
  const met = operation.resources.some(({ type, id, like }) =>
    patterns.some(pattern => {
      const isSame = sameLetters(pattern.id) === sameLetters(id)
      // A UUID is one thing's alone, whatever it is called.
      if (isSame && sameLetters(id).length === 32) return true
      if (!isOfType(pattern, type)) return false
      const fitsLetters = (text: string): boolean => fits(pattern.id.toLowerCase(), text.toLowerCase())
      return isSame || fitsLetters(id) || (like !== undefined && meanings(like).some(fitsLetters))
    }),
  )
  if (!met && !isWhere(patterns, operation) && !mayBeMet(patterns, operation)) return 'no'
  return reading === 'deny' ? 'yes' : 'in part'
}

/** What an operation names only to say where it acts. */
function isWhere(patterns: readonly Pattern[], { scope, resources }: Operation): boolean {
  return Object.entries(scope).some(([member, value]) =>
    patterns.some(({ type, id }) => {
      if (resources.some(each => each.type === member)) return false
      if (type === undefined ? id.includes('*') : type !== member || /^[*]+$/.test(id)) return false
      return sameLetters(id) === sameLetters(value) || fits(id.toLowerCase(), value.toLowerCase())
    }),
  )
}

interface Pattern {
  readonly type?: string
  readonly id: string
}

/** Some of the names that a name with a star stands for, enough for the patterns that are tried. */
function meanings(like: string): readonly string[] {
  return ['', '1', '2', 'o', 'o1', 'o2', 'x/', 'x/1', '11', '1-1', 'acct_2', '0e1'].map(each =>
    like.replace('*', each),
  )
}

/** What a request leaves open, of a type that it could name and doesn't, may be what a pattern names. */
function mayBeMet(patterns: readonly Pattern[], { spellings = [] }: Operation): boolean {
  const open = spellings.filter(({ like }) => like === '*').map(({ type }) => type)
  return patterns.some(({ type }) => (type === undefined ? open.length > 0 : open.includes(type)))
}

/** Another account has to be named in the scope. */
function accountReach({ scope }: Criteria, reading: Effect, { account }: Operation): Reach {
  if (account === undefined || reading === 'deny' || scope?.account !== undefined) return 'yes'
  return reading === 'allow' ? 'no' : 'in part'
}

interface Counted {
  readonly id: string
  readonly key: string
  readonly over: 'deny' | 'hold' | null
  /** Null where it isn't known. */
  readonly amount: number | null
  readonly approvers: readonly string[]
  readonly rule: Rule | { readonly id: string }
}

/** Every limit that matches, over all operations that it matches. */
function countLimits(
  { document }: World,
  input: DecisionInput,
  judged: readonly Judged[],
): readonly Counted[] {
  const { id: agent, task } = input.agent
  const ids = [...new Set(judged.flatMap(({ limited }) => limited))]
  return ids.map(id => {
    const operations = judged.filter(({ limited }) => limited.includes(id)).map(each => each.operation)
    const shared = id.startsWith('limits.')
      ? document.limits?.[id.slice(7) as 'perAgent' | 'perTask']
      : undefined
    const rule = document.rules.find(each => each.id === id)
    const {
      sum = undefined,
      unit = undefined,
      max = undefined,
      over = undefined,
      count = undefined,
    } = shared === undefined ? (rule?.limit ?? {}) : { count: shared.count }
    const amounts = operations.map(each => (sum === undefined ? 1 : amountOf(each, sum, unit)))
    const amount = amounts.some(each => each === null)
      ? null
      : amounts.reduce<number>((total, each) => total + (each as number), 0)
    const key = id === 'limits.perTask' ? `${id}/${agent}/${task}` : `${id}/${agent}`
    const used = input.usage({ key, window: { kind: 'day' } })
    const isOver = amount === null || used + amount > (count ?? max ?? 0)
    return {
      id,
      key,
      amount,
      over: isOver ? (over ?? 'deny') : null,
      approvers: listOf(rule?.approvers),
      rule: rule ?? { id },
    }
  })
}

function amountOf({ args }: Operation, sum: string, unit: string | undefined): number | null {
  if (unit !== undefined && 'currency' in args && String(args.currency).toLowerCase() !== unit.toLowerCase())
    return null
  const value = args[sum.replace('args.', '')]
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null
}

function outcomeOf({ outcome, limited }: Judged, limits: readonly Counted[]): Outcome {
  if (outcome.effect === 'deny') return outcome
  const over = limits
    .filter(({ id, over }) => limited.includes(id) && over !== null)
    .sort((a, b) => (a.id < b.id ? -1 : 1))
  const denies = over.find(each => each.over === 'deny')
  if (denies !== undefined) return { effect: 'deny', code: 'over_limit', rule: denies.rule, approvers: [] }
  const [first] = over
  if (first === undefined) return outcome
  const held = outcome.effect === 'hold' ? outcome : null
  const rule = held?.rule != null && held.rule.id < first.id ? held.rule : first.rule
  const approvers = [...(held?.approvers ?? []), ...over.flatMap(each => each.approvers)]
  return { effect: 'hold', code: 'approval_required', rule, approvers }
}

const CODES = ['denied_by_rule', 'outside_grant', 'unknown_operation', 'over_limit', 'observed']

/** Deny before hold before allow; then the code that says most, then the smallest id. */
function mostSevere(outcomes: readonly Outcome[]): Outcome {
  const place = ({ effect, code, rule }: Outcome): string => {
    const told = CODES.includes(code) ? CODES.indexOf(code) : CODES.length
    return `${['deny', 'hold', 'allow'].indexOf(effect)}${told}${rule?.id ?? ''}`
  }
  const [first] = [...outcomes].sort((a, b) => (place(a) < place(b) ? -1 : 1))
  if (first === undefined) throw new Error('nothing was asked')
  return first
}

/** Whether a window is open; by the offsets that its zone has in January. */
function isOpen({ windows = {} }: PolicyDocument, name: string, nowMs: number): boolean {
  const window = windows[name]
  const offset = { 'Europe/Berlin': 60, 'Asia/Tokyo': 540, UTC: 0 }[window?.zone ?? '']
  if (window === undefined || offset === undefined) throw new Error(`no window ${name}`)
  const minute = (Math.floor(nowMs / 60_000) + offset) % 1_440
  const minutes = (text: string): number => Number(text.slice(0, 2)) * 60 + Number(text.slice(3))
  const [from, to] = [minutes(window.from), minutes(window.to)]
  for (let at = from; at !== to; at = (at + 1) % 1_440) if (at === minute) return true
  return false
}

/** Whether a pattern, in which a star stands for any run of letters, matches a text: every way to read it is tried. */
export function fits(pattern: string, text: string): boolean {
  if (pattern === '') return text === ''
  if (pattern[0] === '*') return fits(pattern.slice(1), text) || (text !== '' && fits(pattern, text.slice(1)))
  return pattern[0] === text[0] && text !== '' && fits(pattern.slice(1), text.slice(1))
}

function listOf<T>(value: T | readonly T[] | undefined): readonly T[] {
  if (value === undefined) return []
  return Array.isArray(value) ? value : [value as T]
}
