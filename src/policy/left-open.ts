import { ANYTHING, type Spelling, UNMAPPED } from '../protocol/index.js'
import type { Decision, DecisionInput } from './active.js'
import { type RuleIndex, reach } from './decide.js'

/**
 * In words, what the rule that decided was met by although the request doesn't name it, so that its author can tell such a
 * denial from one that was meant. Empty where the request names what the rule does. Never throws.
 */
export function leftOpenIn(
  rules: RuleIndex,
  input: DecisionInput,
  { rule: id, effect, decisive }: Decision,
): readonly string[] {
  const operation = input.operations[decisive]
  if (operation === undefined || effect === 'allow') return []
  const { deny, hold } = rules.candidates(operation)
  const rule = [...deny, ...hold].find(each => each.id === id)
  if (rule === undefined || reach(rule, input, { ...operation, spellings: [] }) !== 'no') return []
  const met = (operation.spellings ?? []).filter(
    each => reach(rule, input, { ...operation, spellings: [each] }) !== 'no',
  )
  return [...new Set(met.map(inWords))]
}

function inWords({ type, id, like, may }: Spelling): string {
  if (may !== undefined) {
    const kinds = may.isItsOwn
      ? [`a ${may.kind} of ${may.service}`]
      : [...(may.kind === '' ? [] : [`a ${may.kind}`]), `anything of ${may.service}`]
    return `an argument that is no ARN may be ${kinds.join(' or ')}`
  }
  if (like === ANYTHING) return `it may be any ${type}: the request names none, or not in the rule’s words`
  if (type === UNMAPPED && like === undefined) return `${id} may be anything`
  return `it may be ${like ?? id}`
}
