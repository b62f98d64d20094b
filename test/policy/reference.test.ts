import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Decision } from '../../src/policy/index.js'
import {
  inputFrom,
  policyOf,
  someCircumstances,
  someOperationsByOtherNames,
  someRule,
  someTerms,
} from './random-policy.js'
import { type Expected, expectedDecision } from './reference-decider.js'

/** Policies that are tried; each is asked about a few requests. */
const RUNS = Number(process.env.COUNTERSIGN_POLICY_RUNS ?? 150)

function compared({ effect, code, rule, because, approvers, reservations }: Decision): Expected {
  const reserved = Object.fromEntries(reservations.map(({ key, amount }) => [key, amount]))
  return { effect, code, rule, because, approvers, reserved }
}

describe('decide, held against the text of docs/policy.md', () => {
  it('answers what a naive reading of the source does', () => {
    const seen = new Map<string, number>()
    const request = fc.tuple(someOperationsByOtherNames, someCircumstances)
    fc.assert(
      fc.property(
        fc.array(someRule, { minLength: 3, maxLength: 9 }),
        someTerms,
        fc.array(request, { minLength: 20, maxLength: 40 }),
        (rules, terms, requests) => {
          const { world, active } = policyOf(rules, terms)
          for (const [operations, circumstances] of requests) {
            const input = inputFrom(operations, circumstances)
            const decision = compared(active.decide(input))
            seen.set(decision.code, (seen.get(decision.code) ?? 0) + 1)
            assert.deepEqual(
              decision,
              expectedDecision(world, input),
              JSON.stringify({ operations, rules: world.document.rules }),
            )
          }
        },
      ),
      // Making a policy smaller takes minutes; what disagreed stands in the message.
      { numRuns: RUNS, endOnFailure: true },
    )
    // What never happens would prove nothing.
    for (const code of CODES) assert.ok((seen.get(code) ?? 0) > 0, `${code}: ${seen.get(code)}`)
  })
})

const CODES: readonly Decision['code'][] = [
  'allowed',
  'observed',
  'denied_by_rule',
  'no_matching_rule',
  'unknown_operation',
  'approval_required',
  'over_limit',
  'outside_grant',
  'policy_expired',
  'clock_behind',
]
