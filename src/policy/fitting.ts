import type { DecisionInput, Effect, FittingRule } from './active.js'
import { ConditionContext } from './condition.js'
import { type IndexedRule, type RuleIndex, reach } from './decide.js'

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
      .map(rule => fitting(rule, index, context))
  })
}

function fitting(rule: IndexedRule, operation: number, context: ConditionContext): FittingRule {
  const { id, effect, when, limit } = rule
  return {
    rule: id,
    effect,
    operation,
    when: when === null ? null : when.holds(context),
    sums: limit?.sum !== undefined,
  }
}
