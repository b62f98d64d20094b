import type { Effect } from './active.js'
import type { CompiledPolicy, CompiledRule } from './compiled.js'
import { type Constants, type ParsedCondition, parseCondition } from './condition-parts.js'
import { type Selection, selectionOf } from './match.js'
import { canHold, cannotFail, type Fact } from './satisfiable.js'
import { allOf, type Extent, extentOf, notOf, type Supposition, supposeMatch } from './supposition.js'
import { type Hours, hoursExtent, hoursOf, supposeHours } from './window-minutes.js'

/** A rule, or a `never`, made ready to be tried on suppositions. */
export interface SurveyedRule {
  readonly id: string
  readonly effect: Effect
  readonly rule: CompiledRule
  readonly select: Selection
  readonly except: Selection | null
  readonly when: ParsedCondition | null
  readonly hours: Hours
}

export function surveyedRule(
  rule: CompiledRule,
  api: string,
  windows: CompiledPolicy['windows'],
): SurveyedRule {
  return {
    id: rule.id,
    effect: rule.effect,
    rule,
    select: selectionOf(rule.select, api),
    except: rule.except === undefined ? null : selectionOf(rule.except, api),
    when: rule.when === undefined ? null : parseCondition(rule.when, rule.probe),
    hours: hoursOf(rule.during, windows),
  }
}

/** How far each part of a rule reaches; together they are the rule's extent. */
export interface RuleExtent {
  readonly select: Extent
  /** Of what the exception leaves. */
  readonly except: Extent
  readonly hours: Extent
  readonly when: Extent
  readonly whole: Extent
}

const NOT_SELECTED: RuleExtent = { select: 'no', except: 'all', hours: 'all', when: 'all', whole: 'no' }

/** How far a rule reaches into what is supposed. The agent is not looked at here. */
export function ruleExtent(rule: SurveyedRule, supposed: Supposition, constants: Constants): RuleExtent {
  const select = extentOf(rule.select, rule.effect, supposed)
  if (select === 'no') return NOT_SELECTED
  const except =
    rule.except === null
      ? 'all'
      : notOf(extentOf(rule.except, rule.effect === 'allow' ? 'deny' : 'allow', supposed))
  const hours = hoursExtent(rule.hours, supposed)
  const said = rule.when === null ? 'all' : whenExtent(rule.when, rule.effect, supposed.facts, constants)
  // An upstream may not answer, and then no allow that asks it matches.
  const mayFail = rule.effect === 'allow' && rule.rule.probe !== undefined
  const when = mayFail && said === 'all' ? 'some' : said
  return { select, except, hours, when, whole: allOf([select, except, hours, when]) }
}

/** An error makes an allow not match, a hold and a deny match. */
function whenExtent(
  condition: ParsedCondition,
  effect: Effect,
  facts: readonly Fact[],
  constants: Constants,
): Extent {
  const canBe = (is: boolean): boolean => canHold([...facts, { condition, is }], constants)
  const canFail = (): boolean => !cannotFail(condition, facts, constants)
  if (effect === 'allow') {
    if (!canBe(true)) return 'no'
    return canBe(false) || canFail() ? 'some' : 'all'
  }
  if (!canBe(false)) return 'all'
  return canBe(true) || canFail() ? 'some' : 'no'
}

/** The requests among those supposed that a rule matches; null where it matches none. */
export function supposeRule(
  rule: SurveyedRule,
  supposed: Supposition,
  constants: Constants,
): Supposition | null {
  if (ruleExtent(rule, supposed, constants).whole === 'no') return null
  const narrowed = supposeHours(rule.hours, supposeMatch(rule.select, rule.effect, supposed))
  const { when } = rule
  if (when === null) return narrowed
  // A hold or deny matches on an error as well.
  const isTrue = rule.effect === 'allow' || cannotFail(when, supposed.facts, constants)
  return { ...narrowed, facts: [...supposed.facts, { condition: when, is: isTrue || 'not false' }] }
}
