import type { OperationClass, OperationSpec } from '../protocol/index.js'
import type { CompiledNever } from './compiled.js'
import type { Constants } from './condition-parts.js'
import { isGround, type Supposition } from './supposition.js'
import {
  type ApiSurvey,
  casesOf,
  type OpenCase,
  type PolicySurvey,
  reachWithin,
  withClasses,
} from './survey.js'
import { ruleExtent, type SurveyedRule, supposeRule, surveyedRule } from './survey-rule.js'

/** One way in which a policy lets happen what a statement says never happens. */
export interface Breach {
  readonly statement: CompiledNever
  readonly agent: string
  readonly api: string
  /** Null for the operations that the catalog doesn't have. */
  readonly spec: OperationSpec | null
  readonly raised: readonly OperationClass[]
  readonly otherAccount: boolean
  /** The rule that lets it pass. */
  readonly rule: SurveyedRule
  /** `hold` where a person has to agree first. */
  readonly effect: 'allow' | 'hold'
  /** What the requests have in common that pass and must not. */
  readonly supposed: Supposition
}

/**
 * Tries every statement of a policy on every operation of every catalog, for every agent, with every class that an
 * argument may raise. No breach is a proof; a breach that hangs on a condition which can't be decided counts.
 * One breach for each statement, agent and operation: the one that needs the least.
 */
export function findBreaches(survey: PolicySurvey): readonly Breach[] {
  const statements = survey.policy.never ?? []
  return statements.flatMap(statement =>
    survey.agents
      .filter(agent => statement.to === undefined || statement.to.includes(agent))
      .flatMap(agent =>
        survey.apis
          .filter(api => statement.apis.includes(api))
          .flatMap(api => breachesOf(statement, survey, survey.of(agent, api))),
      ),
  )
}

/**
 * Ids of the statements that no request breaks only because of the ids that requests name, at an API where a thing may
 * have other names: `role/job` may be `role/service-role/job`, which patterns don't know.
 */
export function provenByIds(survey: PolicySurvey, breaches: readonly Breach[]): readonly string[] {
  const apis = survey.apis.filter(api => survey.aliased.has(api))
  const broken = new Set(breaches.map(({ statement }) => statement.id))
  const never = (survey.policy.never ?? [])
    .filter(({ id, select }) => select.resources !== undefined && !broken.has(id))
    .map(({ select: { resources: _, ...select }, ...rest }) => ({ ...rest, select }))
  const wider = findBreaches({ ...survey, apis, policy: { ...survey.policy, never } })
  return [...new Set(wider.map(({ statement }) => statement.id))]
}

function breachesOf(statement: CompiledNever, survey: PolicySurvey, api: ApiSurvey): readonly Breach[] {
  const tried = surveyedRule(ruleOf(statement), api.api, survey.policy.windows)
  return [...api.operations, null].flatMap(spec => {
    const cases = casesOf(spec).filter(({ supposed }) => {
      const reached = ruleExtent({ ...tried, when: null }, supposed, new Map()).whole
      return reached !== 'no'
    })
    if (cases.length === 0) return []
    const rules = api.rulesFor(spec)
    const constants = api.constantsFor(spec)
    for (const each of cases) {
      const found = breachIn(tried, each, rules, withClasses(constants, each.supposed), statement.without)
      if (found !== null) {
        const { raised, otherAccount } = each
        return { statement, agent: api.agent, api: api.api, spec, raised, otherAccount, ...found }
      }
    }
    return []
  })
}

/** A statement reaches as far as a deny would. */
export function ruleOf({ without: _, ...statement }: CompiledNever): SurveyedRule['rule'] {
  return { ...statement, effect: 'deny' }
}

function breachIn(
  statement: SurveyedRule,
  { supposed }: OpenCase,
  rules: readonly SurveyedRule[],
  constants: Constants,
  without: CompiledNever['without'],
): Pick<Breach, 'rule' | 'effect' | 'supposed'> | null {
  let attended: Pick<Breach, 'rule' | 'effect' | 'supposed'> | null = null
  for (const rule of rules) {
    if (rule.effect === 'deny' || (rule.effect === 'hold' && !isGround(rule.select, supposed))) continue
    const passing = supposeRule(rule, supposed, constants)
    const both = passing === null ? null : supposeRule(statement, passing, constants)
    // What the statement adds may leave nothing of what the rule reaches.
    if (both === null || ruleExtent(rule, both, constants).whole === 'no') continue
    const effect = reachWithin(rule, rules, both, constants)
    if (effect === 'allow') return { rule, effect, supposed: both }
    if (effect === 'hold' && without !== 'approval') attended ??= { rule, effect, supposed: both }
  }
  return attended
}
