import assert from 'node:assert/strict'
import { test } from 'node:test'
import { diffHeadline } from '../../src/cli/diff-headline.js'
import type { Direction, PolicyDiff } from '../../src/policy/index.js'

const STANDING = { verdict: 'denied', by: [], listed: true, classes: [] } as const

/** So many operations of one direction for each agent. */
function changes(direction: Direction, counts: Readonly<Record<string, number>>): PolicyDiff['operations'] {
  return Object.entries(counts).flatMap(([agent, count]) =>
    Array.from({ length: count }, (_, i) => ({
      agent,
      api: 'shop',
      operation: `GET /${i}`,
      direction,
      from: STANDING,
      to: STANDING,
      raised: [],
      otherAccount: false,
    })),
  )
}

test('the headline names the agents with most first, and counts those beyond five together', () => {
  const operations = changes('widened', { a: 1, b: 7, c: 2, d: 3, e: 4, f: 5, g: 1 })
  assert.equal(
    diffHeadline({ operations, terms: [], widens: true }),
    'The new policy widens 7 operations for b, 5 for f, 4 for e, 3 for d, 2 for c and 2 for 2 agents more.',
  )
})

test('the headline never leaves what may be wider unsaid, and narrowing only where nothing else is', () => {
  const narrower = changes('narrowed', { coder: 4 })
  const unsure = { direction: 'changed', what: 'window night is at another time' } as const
  assert.equal(
    diffHeadline({ operations: narrower, terms: [unsure], widens: true }),
    'The new policy may widen 1 term beside the rules: it could not be shown that it doesn’t.',
  )
  assert.equal(
    diffHeadline({ operations: narrower, terms: [{ ...unsure, direction: 'narrowed' }], widens: false }),
    'The new policy widens nothing; it narrows 4 operations for coder and 1 term beside the rules.',
  )
})
