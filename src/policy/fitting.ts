import type { Operation } from '../protocol/index.js'
import type { DecisionInput, Effect, FittingRule } from './active.js'
import { type Condition, ConditionContext } from './condition.js'
import { answersFor, type IndexedRule, type RuleIndex, reach } from './decide.js'

const EFFECTS: readonly Effect[] = ['deny', 'hold', 'allow']

/**
 * Every rule that fits an operation by agent, selector and window, whether it decided or not: what a coverage counts,
 * and what has to be known before a decision without arguments can be trusted. Never throws.
 */
export function fittingRules(rules: RuleIndex, input: DecisionInput): readonly FittingRule[] {
  const agent = rules.agents.get(input.agent.id)
  return input.operations.flatMap((operation, index) => {
    const candidates = rules.candidates(operation)
    const context = new ConditionContext(input, operation, agent, candidates.args)
    return EFFECTS.flatMap(effect => candidates[effect])
      .filter(rule => reach(rule, input, operation) !== 'no')
      .map(rule => fitting(rule, index, input, context))
  })
}

function fitting(
  rule: IndexedRule,
  operation: number,
  input: DecisionInput,
  context: ConditionContext,
): FittingRule {
  const { id, effect, when, limit, probe } = rule
  return {
    rule: id,
    effect,
    operation,
    when: when === null ? null : whenOf(rule, when, input, operation, context),
    probe: probe?.name ?? null,
    sums: limit?.sum !== undefined,
  }
}

/** Of several resources that were asked about, the most telling answer: one that can't be had, then a no. */
function whenOf(
  { probe }: IndexedRule,
  when: Condition,
  input: DecisionInput,
  operation: number,
  context: ConditionContext,
): 'yes' | 'no' | 'error' {
  if (probe === null) return when.holds(context)
  const said = answersFor(probe, input, input.operations[operation] as Operation).map(facts =>
    when.holds(context, facts),
  )
  return said.includes('error') ? 'error' : said.includes('no') ? 'no' : 'yes'
}
