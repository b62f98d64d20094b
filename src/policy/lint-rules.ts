import { canonicalize, type JsonObject } from '../canon/index.js'
import type { CompiledRule } from './compiled.js'
import { coversConditions, coversLimit, coversSelection } from './rule-cover.js'
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

/** Rules that another of the same effect makes superfluous; each with the other. */
export function coveredRules(
  rules: readonly CompiledRule[],
): readonly { readonly rule: CompiledRule; readonly by: CompiledRule; readonly same: boolean }[] {
  return rules.flatMap((rule, index) => {
    const by = rules.find(
      (other, at) =>
        at !== index &&
        covers(other, rule) &&
        // Of two that cover each other the later one is reported.
        (at < index || !covers(rule, other)),
    )
    return by === undefined ? [] : [{ rule, by, same: meaningOf(by) === meaningOf(rule) }]
  })
}

function covers(outer: CompiledRule, inner: CompiledRule): boolean {
  return (
    outer.effect === inner.effect &&
    (outer.to === undefined || (inner.to?.every(agent => outer.to?.includes(agent)) ?? false)) &&
    coversSelection(outer, inner) &&
    coversConditions(outer, inner) &&
    // Every limit counts, and every group signs: a rule with one of its own is never superfluous.
    coversLimit(outer, inner) &&
    (outer.limit === undefined || meaningOf(outer) === meaningOf(inner)) &&
    (inner.approvers ?? []).every(group => outer.approvers?.includes(group))
  )
}

function meaningOf({ id: _, because: __, ...meaning }: CompiledRule): string {
  return canonicalize(JSON.parse(JSON.stringify(meaning)) as JsonObject)
}
