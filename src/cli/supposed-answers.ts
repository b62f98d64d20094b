import type { JsonObject } from '../canon/index.js'
import type { ActivePolicy, DecisionInput, ProbeResult } from '../policy/index.js'

/**
 * What an API is supposed to answer where nobody asks it, facts by probe and the same about every resource. A probe that
 * isn't there could not be asked.
 */
export type SupposedAnswers = Readonly<Record<string, JsonObject>>

/** The results of everything that the policy would ask about a request; null where it asks nothing. */
export function supposedResults(
  policy: ActivePolicy,
  input: DecisionInput,
  answers: SupposedAnswers,
): readonly ProbeResult[] | null {
  const questions = policy.questions(input)
  if (questions.length === 0) return null
  return questions.map(({ probe, type, id }) => {
    const facts = Object.hasOwn(answers, probe) ? (answers[probe] as JsonObject) : null
    return { probe, type, id, status: facts === null ? 'unreachable' : 'answered', facts }
  })
}

/** The first probe, or fact of one, that no API of the policy has; null where all are known. */
export function unknownAnswer(policy: ActivePolicy, answers: SupposedAnswers): string | null {
  for (const [probe, facts] of Object.entries(answers)) {
    const specs = [...policy.apis.values()].flatMap(({ catalog }) => catalog.probes?.get(probe) ?? [])
    if (specs.length === 0) return `the probe "${probe}"`
    const unknown = Object.keys(facts).find(name => !specs.some(spec => Object.hasOwn(spec.facts, name)))
    if (unknown !== undefined) return `the fact "${unknown}" of the probe ${probe}`
  }
  return null
}
