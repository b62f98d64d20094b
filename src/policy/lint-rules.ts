import { canonicalize, type JsonObject } from '../canon/index.js'
import type { CompiledRule, Criteria } from './compiled.js'
import { isGlob } from './glob.js'
import { coversConditions, coversNames } from './rule-cover.js'
import { canHold } from './satisfiable.js'
import { isGround } from './supposition.js'
import { type ApiSurvey, casesOf, type PolicySurvey, reachOf, withClasses } from './survey.js'
import { ruleExtent, type SurveyedRule } from './survey-rule.js'

/*
 * What becomes of each rule beside the others: whether there is a request, of any agent, for which it makes a
 * difference. Worked out on the same suppositions as the survey.
 */

/** What can be said of one rule; each is true for no request, or not known to be. */
export interface RuleUse {
  readonly rule: CompiledRule
  /** Some request is selected, whatever its condition says. */
  readonly selects: boolean
  /** Its condition can be true. */
  readonly canBeTrue: boolean
  /** It lets something pass, or bars something, that a deny doesn't deny already. */
  readonly matters: boolean
  /** A deny that denies all it selects; null where there are several, or none. */
  readonly deniedBy: string | null
}

/** Looks every rule of a policy over. */
export function usesOf(survey: PolicySurvey): readonly RuleUse[] {
  const uses = new Map<
    string,
    { selects: boolean; canBeTrue: boolean; matters: boolean; denies: Set<string> }
  >()
  for (const agent of survey.agents) for (const api of survey.apis) lookOver(survey.of(agent, api), uses)
  return survey.policy.rules.map(rule => {
    const use = uses.get(rule.id)
    const [only, ...others] = [...(use?.denies ?? [])]
    return {
      rule,
      selects: use?.selects ?? false,
      canBeTrue: use?.canBeTrue ?? false,
      matters: use?.matters ?? false,
      deniedBy: only === undefined || others.length > 0 ? null : only,
    }
  })
}

function lookOver(
  api: ApiSurvey,
  uses: Map<string, { selects: boolean; canBeTrue: boolean; matters: boolean; denies: Set<string> }>,
): void {
  for (const spec of [...api.operations, null]) {
    const rules = api.rulesFor(spec)
    // A rule that is known to matter needs no second look.
    const open = rules.filter(rule => uses.get(rule.id)?.matters !== true)
    if (open.length === 0) continue
    for (const { supposed } of casesOf(spec)) {
      const constants = withClasses(api.constantsFor(spec), supposed)
      for (const rule of open) {
        const use = uses.get(rule.id) ?? {
          selects: false,
          canBeTrue: false,
          matters: false,
          denies: new Set(),
        }
        uses.set(rule.id, use)
        const extent = ruleExtent(rule, supposed, constants)
        if ([extent.select, extent.except, extent.hours].includes('no')) continue
        use.selects = true
        use.canBeTrue ||= rule.when === null || canHold([{ condition: rule.when, is: true }], constants)
        if (extent.whole === 'no') continue
        if (rule.effect === 'deny' || (rule.effect === 'hold' && !isGround(rule.select, supposed)))
          use.matters = true
        else if (reachOf(rule, rules, supposed, constants) !== 'nothing') use.matters = true
        else for (const deny of deniersOf(rules, api, spec, supposed)) use.denies.add(deny)
      }
    }
  }
}

function deniersOf(
  rules: readonly SurveyedRule[],
  api: ApiSurvey,
  spec: Parameters<ApiSurvey['rulesFor']>[0],
  supposed: Parameters<typeof ruleExtent>[1],
): readonly string[] {
  const constants = withClasses(api.constantsFor(spec), supposed)
  const denies = rules.filter(
    rule => rule.effect === 'deny' && ruleExtent(rule, supposed, constants).whole !== 'no',
  )
  return denies.slice(0, 1).map(({ id }) => id)
}

/** A rule beside another that makes it superfluous; `same`: they mean the same. */
export interface CoveredRule {
  readonly rule: CompiledRule
  readonly by: CompiledRule
  readonly same: boolean
}

/**
 * Rules that another of the same effect makes superfluous. Those that mean the same are found by what they mean, and only
 * the first of them is held against the others: of those, against the ones that select by the same classes and effects.
 */
export function coveredRules(rules: readonly CompiledRule[]): readonly CoveredRule[] {
  const first = new Map<string, CompiledRule>()
  const alike = new Map<string, CompiledRule[]>()
  const same: CoveredRule[] = []
  for (const rule of rules) {
    const meaning = meaningOf(rule)
    const by = first.get(meaning)
    if (by !== undefined) same.push({ rule, by, same: true })
    else {
      first.set(meaning, rule)
      const key = kindOf(rule)
      const known = alike.get(key)
      if (known === undefined) alike.set(key, [rule])
      else known.push(rule)
    }
  }
  return [...same, ...[...alike.values()].flatMap(coveredAmong)]
}

/** Of rules no two of which mean the same. */
function coveredAmong(rules: readonly CompiledRule[]): readonly CoveredRule[] {
  const index = new Map<string, number[]>()
  for (const [at, rule] of rules.entries())
    for (const key of foundUnder(rule)) {
      const known = index.get(key)
      if (known === undefined) index.set(key, [at])
      else known.push(at)
    }
  return rules.flatMap((rule, at) => {
    const isCovering = (other: number): boolean => {
      const outer = rules[other] as CompiledRule
      // Of two that cover each other the later one is reported.
      return other !== at && covers(outer, rule) && (other < at || !covers(rule, outer))
    }
    const found = lookedUnder(rule).flatMap(key => index.get(key)?.find(isCovering) ?? [])
    const by = rules[Math.min(...found)]
    return by === undefined ? [] : [{ rule, by, same: false }]
  })
}

const ANY = ''
/** A rule for more names is found as one for any. */
const MAX_KEYS = 64

/** What each rule that this one covers has to name, one of these: resources, or else operations; `ANY` where it may be anything. */
function foundUnder({ apis, select: { resources, operations } }: CompiledRule): readonly string[] {
  const ids = resources?.map(({ id }) => id)
  if (ids !== undefined && ids.length <= MAX_KEYS && !ids.some(isGlob))
    return [...new Set(ids.map(resourceKey))]
  if (operations === undefined || operations.patterns.length > 0) return [ANY]
  const names = apis.flatMap(api => namesOf(operations, api))
  return names.length > MAX_KEYS ? [ANY] : [...new Set(names)]
}

/** Under which keys a rule is that covers this one: whatever covers it covers its first resource and its first operation. */
function lookedUnder({ apis, select: { resources, operations } }: CompiledRule): readonly string[] {
  const [resource] = resources ?? []
  const name = operations === undefined ? undefined : apis.flatMap(api => namesOf(operations, api))[0]
  return [
    ANY,
    ...(resource === undefined ? [] : [resourceKey(resource.id)]),
    ...(name === undefined ? [] : [name]),
  ]
}

function resourceKey(id: string): string {
  return `resource ${id}`
}

function namesOf({ named, globbed }: NonNullable<Criteria['operations']>, api: string): readonly string[] {
  return [...(named[api] ?? []), ...(globbed[api] ?? [])].map(name => `operation ${api} ${name}`)
}

/** What two rules have in common where one covers the other. */
function kindOf({ effect, select: { classes, effects } }: CompiledRule): string {
  return JSON.stringify([effect, classes ?? null, effects ?? null])
}

/** Of two rules of one kind. */
function covers(outer: CompiledRule, inner: CompiledRule): boolean {
  return (
    (outer.to === undefined || (inner.to?.every(agent => outer.to?.includes(agent)) ?? false)) &&
    coversConditions(outer, inner) &&
    coversNames(outer, inner) &&
    // Every limit counts, and every group signs: a rule with one of its own is never superfluous.
    outer.limit === undefined &&
    inner.limit === undefined &&
    (inner.approvers ?? []).every(group => outer.approvers?.includes(group))
  )
}

function meaningOf({ id: _, because: __, ...meaning }: CompiledRule): string {
  return canonicalize(JSON.parse(JSON.stringify(meaning)) as JsonObject)
}
