import type { JsonObject, JsonValue } from '../canon/index.js'
import type { Catalog, OperationClass, OperationSpec } from '../protocol/index.js'
import type { Effect } from './active.js'
import { type CompiledPolicy, type CompiledRule, readCompiled } from './compiled.js'
import type { Constants } from './condition-parts.js'
import { OBSERVABLE } from './observe.js'
import { type RulesByOperation, rulesByOperation } from './rule-index.js'
import { isGround, type Supposition, supposeOperation, supposeUnlisted } from './supposition.js'
import { type RuleExtent, ruleExtent, type SurveyedRule, supposeRule, surveyedRule } from './survey-rule.js'

/*
 * What can become of the requests for one operation, over all scopes, resources, arguments, times and counters:
 * the same meaning as `decide`, worked out for all of them at once.
 *
 * INVARIANT: what `decide` answers for any request is among the outcomes that are surveyed for its operation, for
 * an agent of the policy in its environment whose grant has no narrowing of its own, while the policy is in force. An
 * agent that observes is one that may.
 * A property test holds the two together.
 */

/** One kind of request for an operation: which classes its arguments raise, and whether it names another account. */
export interface Case {
  readonly raised: readonly OperationClass[]
  readonly otherAccount: boolean
  /** What may become of it; never empty. */
  readonly effects: ReadonlySet<Effect>
  readonly ways: readonly Way[]
  /** The rules without which nothing passes: what each lets pass at once (`allow`), or once people have agreed (`hold`). */
  readonly grounds: readonly Way[]
}

/** A rule that may decide, and what it decides then. */
export interface Way {
  readonly effect: Effect
  /** Null where nothing matches. */
  readonly rule: SurveyedRule | null
  /** Whether the rule matches whatever the request is. */
  readonly always: boolean
  /** Which parts of the rule still have to match; null where no rule does. */
  readonly extent: RuleExtent | null
  /** True where it decides by a limit that is used up. */
  readonly over: boolean
}

export interface OperationSurvey {
  readonly api: string
  /** Null for the operations that the catalog doesn't have. */
  readonly spec: OperationSpec | null
  /** The first is the plain one: base classes, no other account. */
  readonly cases: readonly Case[]
}

/** One case while it is worked out; a `never` is tried on the same. */
export interface OpenCase {
  readonly raised: readonly OperationClass[]
  readonly otherAccount: boolean
  readonly supposed: Supposition
}

/** The rules of a policy for one agent and one API, ready to be asked about any operation. */
export interface ApiSurvey {
  readonly agent: string
  readonly api: string
  readonly operations: readonly OperationSpec[]
  /** What became of operations of one kind. */
  readonly alike: Map<string, readonly Case[]>
  rulesFor(spec: OperationSpec | null): readonly SurveyedRule[]
  constantsFor(spec: OperationSpec | null): Constants
}

/** A policy that can be surveyed. */
export interface PolicySurvey {
  readonly policy: CompiledPolicy
  readonly agents: readonly string[]
  readonly apis: readonly string[]
  /** Those at which a thing may have other names than the id that a request says. */
  readonly aliased: ReadonlySet<string>
  of(agent: string, api: string): ApiSurvey
}

/** Opens a compiled policy for surveys; throws `compiled_policy_malformed` for one that no build of this version made. */
export function openSurvey(
  payload: JsonObject,
  apis: ReadonlyMap<string, { readonly catalog: Catalog }>,
): PolicySurvey {
  const policy = readCompiled(payload)
  const operations = new Map([...apis].map(([name, { catalog }]) => [name, catalog.operations()]))
  const rules = new Map(
    [...apis.keys()].map(api => [
      api,
      policy.rules
        .filter(rule => rule.apis.includes(api))
        .map(rule => surveyedRule(rule, api, policy.windows)),
    ]),
  )
  return {
    policy,
    agents: Object.keys(policy.agents).sort(),
    apis: [...apis.keys()].sort(),
    aliased: new Set([...apis].flatMap(([name, { catalog }]) => (catalog.hasOtherNames ? [name] : []))),
    of: (agent, api) => surveyApi(policy, agent, api, operations.get(api) ?? [], rules.get(api) ?? []),
  }
}

function surveyApi(
  policy: CompiledPolicy,
  agent: string,
  api: string,
  operations: readonly OperationSpec[],
  rules: readonly SurveyedRule[],
): ApiSurvey {
  const own = [
    ...rules.filter(({ rule }) => rule.to === undefined || rule.to.includes(agent)),
    ...observing(policy, agent, api),
  ]
  const index: RulesByOperation<SurveyedRule> = rulesByOperation(own)
  const constants = agentConstants(policy, agent, api)
  return {
    agent,
    api,
    operations,
    alike: new Map(),
    rulesFor: spec => (spec === null ? index.unlisted : index.byOperation(spec)),
    constantsFor: spec =>
      spec === null
        ? constants
        : new Map([...constants, ['operation.name', spec.name], ['operation.effects', spec.effects]]),
  }
}

/** Name of what an agent that observes is allowed without a rule. No rule can have it. */
export const OBSERVING = 'mode: observe'

/**
 * Observing as the allow that it amounts to: whatever no deny or hold reaches, up to `update`, until its end. Its
 * condition can't be decided, so that nothing is ever certain to pass by it, nor certain not to.
 */
function observing(policy: CompiledPolicy, agent: string, api: string): readonly SurveyedRule[] {
  const until = policy.agents[agent]?.observeUntil
  if (until === undefined) return []
  const rule = {
    id: OBSERVING,
    effect: 'allow',
    apis: [api],
    to: [agent],
    select: { classes: [...OBSERVABLE] },
    when: `now < timestamp("${new Date(until).toISOString()}")`,
  } as const satisfies CompiledRule
  return [surveyedRule(rule, api, policy.windows)]
}

/** What a condition reads that is the same for every request of an agent to an API. */
function agentConstants(policy: CompiledPolicy, id: string, api: string): Constants {
  const agent = policy.agents[id]
  const facts = Object.entries(agent?.facts ?? {}).map(
    ([name, value]) => [`agent.facts.${name}`, asCel(value as JsonValue)] as const,
  )
  return new Map<string, unknown>([
    ['agent.id', id],
    ['agent.environment', agent?.environment],
    ['operation.api', api],
    ['request.api', api],
    ...facts,
  ])
}

function asCel(value: JsonValue): unknown {
  return typeof value === 'number' ? BigInt(value) : value
}

/** Surveys one operation; `null` for those that the catalog doesn't have. */
export function surveyOperation(survey: ApiSurvey, spec: OperationSpec | null): OperationSurvey {
  const rules = survey.rulesFor(spec)
  const key = spec === null || rules.some(dependsOnName) ? null : likenessOf(spec, rules)
  const known = key === null ? undefined : survey.alike.get(key)
  const cases = known ?? surveyCases(survey, spec, rules)
  if (key !== null) survey.alike.set(key, cases)
  return { api: survey.api, spec, cases }
}

/** Operations that are alike in all that their rules ask for end alike: a large API has few kinds of them. */
function likenessOf(spec: OperationSpec, rules: readonly SurveyedRule[]): string {
  const { classes, raisable, scope, effects } = spec
  // Types of resources are different in every service, and few rules ask for them.
  const resources = rules.some(dependsOnResources) ? spec.resources : []
  return [classes, raisable, scope, resources, effects, rules.map(({ id }) => id)]
    .map(list => list.join())
    .join(' ')
}

function dependsOnResources({ select, except }: SurveyedRule): boolean {
  return select.resources !== null || (except !== null && except.resources !== null)
}

function dependsOnName({ select, except, when }: SurveyedRule): boolean {
  const names = select.names !== null || (except !== null && except.names !== null)
  return names || when?.reads.includes('operation.name') === true
}

function surveyCases(
  survey: ApiSurvey,
  spec: OperationSpec | null,
  rules: readonly SurveyedRule[],
): readonly Case[] {
  // Most operations meet no condition, and then nobody asks what is known.
  const conditional = rules.some(({ when }) => when !== null)
  const constants = conditional ? survey.constantsFor(spec) : NOTHING_KNOWN
  return casesOf(spec).map(({ raised, otherAccount, supposed }) => ({
    raised,
    otherAccount,
    ...outcomesOf(rules, supposed, conditional ? withClasses(constants, supposed) : constants),
  }))
}

const NOTHING_KNOWN: Constants = new Map()

/** `operation.classes` is the same for all requests of a case. */
export function withClasses(constants: Constants, { kind }: Supposition): Constants {
  return new Map([...constants, ['operation.classes', kind.classes]])
}

/** Every case of an operation: each set of classes that arguments may raise, without and with another account. */
export function casesOf(spec: OperationSpec | null): readonly OpenCase[] {
  if (spec === null)
    return [false, true].map(otherAccount => ({
      raised: [],
      otherAccount,
      supposed: supposeUnlisted(otherAccount),
    }))
  const raisable = spec.raisable.filter(each => !spec.classes.includes(each))
  const accounts = spec.scope.includes('account') ? [false, true] : [false]
  return accounts.flatMap(otherAccount =>
    subsets(raisable).map(raised => ({
      raised,
      otherAccount,
      supposed: supposeOperation(spec, [...spec.classes, ...raised].sort(), otherAccount),
    })),
  )
}

/** At most 2^9: one class is the operation's own. */
function subsets<T>(list: readonly T[]): readonly (readonly T[])[] {
  let all: readonly (readonly T[])[] = [[]]
  for (const each of list) all = all.concat(all.map(set => [...set, each]))
  return all
}

function outcomesOf(
  rules: readonly SurveyedRule[],
  supposed: Supposition,
  constants: Constants,
): Pick<Case, 'effects' | 'ways' | 'grounds'> {
  const matching = rules.flatMap(rule => {
    const extent = ruleExtent(rule, supposed, constants)
    return extent.whole === 'no' ? [] : [{ rule, extent, always: extent.whole === 'all' }]
  })
  const denies = matching.filter(({ rule }) => rule.effect === 'deny')
  const ways: Way[] = denies.map(each => ({ ...each, effect: 'deny', over: false }))
  if (denies.some(({ always }) => always)) return { effects: new Set<Effect>(['deny']), ways, grounds: [] }
  const bars = matching.filter(({ rule }) => rule.effect === 'hold')
  const allows = matching.filter(({ rule }) => rule.effect === 'allow')
  const grounds = [...allows, ...bars.filter(({ rule }) => isGround(rule.select, supposed))]
  const live = grounds.flatMap((each): readonly Way[] => {
    const effect = reachOf(each.rule, rules, supposed, constants)
    return effect === 'nothing' ? [] : [{ ...each, effect, over: false }]
  })
  ways.push(...live.filter(({ effect }) => effect === 'allow'))
  if (live.length > 0) {
    for (const each of bars) ways.push({ ...each, effect: 'hold', over: false })
    for (const each of [...allows, ...bars]) {
      const { limit } = each.rule.rule
      if (limit !== undefined) ways.push({ ...each, effect: limit.over, over: true })
    }
  }
  if (!live.some(({ always }) => always))
    ways.push({ effect: 'deny', rule: null, always: live.length === 0, extent: null, over: false })
  return { effects: new Set(ways.map(way => way.effect)), ways, grounds: live }
}

/**
 * The most that a rule can let pass where it matches: `allow`, `hold` (a person has to agree), or nothing because
 * another rule denies all that it selects.
 */
export function reachOf(
  rule: SurveyedRule,
  rules: readonly SurveyedRule[],
  supposed: Supposition,
  constants: Constants,
): 'nothing' | 'hold' | 'allow' {
  const narrowed = supposeRule(rule, supposed, constants)
  return narrowed === null ? 'nothing' : reachWithin(rule, rules, narrowed, constants)
}

/** The same, where it is supposed already that the rule matches. */
export function reachWithin(
  rule: SurveyedRule,
  rules: readonly SurveyedRule[],
  narrowed: Supposition,
  constants: Constants,
): 'nothing' | 'hold' | 'allow' {
  const always = (effect: Effect): boolean =>
    rules.some(other => other.effect === effect && ruleExtent(other, narrowed, constants).whole === 'all')
  if (always('deny')) return 'nothing'
  return rule.effect === 'hold' || always('hold') ? 'hold' : 'allow'
}
