import type { Operation, Resource } from '../protocol/index.js'
import type { Decision, DecisionInput } from './active.js'
import { type RuleIndex, reach } from './decide.js'

/** Of a request with more resources the first one is told of where none of so many stands out. */
const MAX_TRIED = 16

/**
 * Index of that resource of the decisive operation of which somebody who was refused is told: the first that the deciding rule
 * meets by itself, and where no rule decided, the first that no allow reaches. 0 where none stands out. Never throws.
 */
export function tellingResource(
  rules: RuleIndex,
  input: DecisionInput,
  { rule: id, decisive }: Decision,
): number {
  const operation = input.operations[decisive]
  if (operation === undefined || operation.resources.length < 2) return 0
  const { deny, hold, allow } = rules.candidates(operation)
  const decided = id === null ? undefined : [...deny, ...hold, ...allow].find(rule => rule.id === id)
  const stands = (resource: Resource): boolean => {
    const alone: Operation = { ...operation, resources: [resource], spellings: [] }
    return decided === undefined
      ? !allow.some(rule => reach(rule, input, alone) === 'yes')
      : reach(decided, input, alone) !== 'no'
  }
  return Math.max(0, operation.resources.slice(0, MAX_TRIED).findIndex(stands))
}
