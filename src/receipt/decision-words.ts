import type { AttemptBody, OutcomeBody } from './entry.js'

type Effect = AttemptBody['decision']['effect']

/** What is decided under a code; under every other one a request is refused. */
const EFFECTS: ReadonlyMap<string, Effect> = new Map([
  ['allowed', 'allow'],
  ['observed', 'allow'],
  ['approved', 'allow'],
  ['approval_required', 'hold'],
])

/**
 * What of a decision contradicts itself; null where nothing does. ATTACK: a keeper lets pass what its policy denies, under
 * a code that says that no policy was asked, or without an operation that anybody could ask one about.
 */
export function contradictionIn({ decision, ops }: Pick<AttemptBody, 'decision' | 'ops'>): string | null {
  const { effect, code } = decision
  const stated = EFFECTS.get(code) ?? 'deny'
  if (effect !== stated) return `${effect}, with a code of ${stated}`
  return effect !== 'deny' && ops.length === 0 ? `${effect}, and no operation` : null
}

/** What of an outcome contradicts itself; null where nothing does. ATTACK: what was done gives back what it had used of its limits. */
export function contradictionInOutcome({ status, http, upstream_id, resp_c }: OutcomeBody): string | null {
  if (status !== 'not_sent') return null
  if (http !== 0) return `HTTP ${http}`
  return upstream_id === undefined && resp_c === undefined ? null : 'an answer'
}
