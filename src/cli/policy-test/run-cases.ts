import type { DecisionInput } from '../../policy/index.js'
import { chooseAgent, imagine } from '../explain.js'
import type { Expectation } from './case-schema.js'
import type { CaseGroup, PolicyCase } from './read-cases.js'

/** What became of a case. */
export interface CaseOutcome {
  readonly effect: Expectation
  readonly code: string
  readonly rule: string | null
  readonly operations: readonly string[]
}

export interface CaseResult {
  readonly case: PolicyCase
  readonly outcome: CaseOutcome
  /** How it differs from what was expected, a phrase each; empty where the case holds. */
  readonly differences: readonly string[]
  /** What the decision was made over; null where no rule was asked. */
  readonly input: DecisionInput | null
}

export function runCases({ consulted, cases }: CaseGroup): readonly CaseResult[] {
  return cases.map(each => {
    const { active } = consulted
    const agent = chooseAgent(active, each.agent)
    const usage = Object.fromEntries(
      Object.entries(each.usage).map(([rule, used]) => [`${rule}/${agent.id}`, used]),
    )
    const imagined = imagine(active, agent, each.request, { ...each, usage })
    const outcome: CaseOutcome =
      imagined.kind === 'refused'
        ? { effect: 'refused', code: imagined.code, rule: null, operations: [] }
        : { ...imagined.decision, operations: imagined.input.operations.map(({ name }) => name) }
    const { effect, code, rule, operations } = outcome
    return {
      case: each,
      outcome: { effect, code, rule, operations },
      differences: differencesOf(each.expected, outcome),
      input: imagined.kind === 'refused' ? null : imagined.input,
    }
  })
}

/** Code of the decision from `metadata.expires` on. */
export const EXPIRED = 'policy_expired'

function differencesOf(expected: PolicyCase['expected'], outcome: CaseOutcome): readonly string[] {
  const differences: string[] = []
  const compare = (what: string, wanted: string | undefined, found: string): void => {
    if (wanted !== undefined && wanted !== found) differences.push(`expected ${what} ${wanted}, got ${found}`)
  }
  compare('the effect', expected.expect, outcome.effect)
  compare('the rule', expected.rule, outcome.rule ?? 'none')
  compare('the code', expected.code, outcome.code)
  // Everything is denied then, whatever the rules say: such a case would hold for any policy.
  if (outcome.code === EXPIRED && expected.code === undefined)
    differences.push('the policy has expired at that time, which says nothing about its rules: set `now`')
  compare('the operations', expected.operations?.join(', '), outcome.operations.join(', ') || 'none')
  return differences
}
