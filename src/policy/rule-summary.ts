import type { CompiledRule, Criteria } from './compiled.js'
import { limitWords } from './rule-words.js'

/** A rule of a sealed policy in words, for people who look at what an agent may do. */
export interface RuleSummary {
  readonly id: string
  readonly effect: 'allow' | 'hold' | 'deny'
  /** Null on a deny for every agent. */
  readonly agents: readonly string[] | null
  readonly apis: readonly string[]
  /** What it selects and under which conditions, a few words each; all of them have to be true. */
  readonly words: readonly string[]
  readonly approvers: readonly string[]
  readonly because: string | null
}

/** Names of operations that are listed before the rest is counted. */
const LISTED = 5

export function ruleSummary(rule: CompiledRule): RuleSummary {
  const { id, effect, to, apis, select, except, when, during, limit, approvers, because } = rule
  return {
    id,
    effect,
    agents: to ?? null,
    apis,
    words: [
      ...criteriaWords(select, effect),
      ...(except === undefined ? [] : [`but not: ${criteriaWords(except, effect).join(', ')}`]),
      ...(when === undefined ? [] : [`when ${when}`]),
      ...(during === undefined ? [] : [`during ${during.join(' or ')}`]),
      ...(limit === undefined ? [] : [limitWords(limit)]),
    ],
    approvers: approvers ?? [],
    because: because ?? null,
  }
}

function criteriaWords(criteria: Criteria, effect: CompiledRule['effect']): readonly string[] {
  const { operations, classes, effects, scope, resources } = criteria
  const names = [
    ...new Set([
      ...Object.values(operations?.named ?? {}).flat(),
      ...Object.values(operations?.globbed ?? {}).flat(),
      ...(operations?.patterns ?? []),
    ]),
  ]
  const more = names.length > LISTED ? ` and ${names.length - LISTED} more` : ''
  const ids = (resources ?? []).map(({ type, id }) => (type === undefined ? id : `${type} ${id}`))
  const words = [
    ...(names.length === 0 ? [] : [`${names.slice(0, LISTED).join(', ')}${more}`]),
    ...(classes === undefined ? [] : [`class ${classes.join(' or ')}`]),
    ...(effects === undefined ? [] : [`effect ${effects.join(' or ')}`]),
    ...Object.entries(scope ?? {}).map(([member, values]) => `scope.${member} is ${values.join(' or ')}`),
    ...(ids.length === 0
      ? []
      : [`${effect === 'allow' ? 'every resource is' : 'a resource is'} ${ids.join(' or ')}`]),
  ]
  return words.length === 0 ? ['every operation'] : words
}
