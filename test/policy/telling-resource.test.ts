import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { activeOf, inputOf, operation, policyText } from './a-policy.js'

const POLICY = policyText(`  - { id: read, allow: { api: shop, class: read }, to: coder }
  - { id: ours, allow: { api: shop, class: update, resources: ["ours-*"] }, to: coder }
  - { id: kept, deny: { api: shop, resources: ["kept-*"] }, because: It is kept. }`)

function told(classes: readonly ('read' | 'update')[], ...ids: readonly string[]) {
  const policy = activeOf(POLICY)
  const resources = ids.map(id => ({ type: 'order', id }))
  const input = inputOf([operation('PATCH /orders/{order}', { classes, resources })])
  const decision = policy.decide(input)
  return [decision.code, ids[policy.tellingResource(input, decision)]]
}

describe('the resource that a refusal is about', () => {
  it('attack: is the one that the rule names, and not the harmless one before it', () => {
    assert.deepEqual(told(['read'], 'ours-1', 'ours-2', 'kept-1'), ['denied_by_rule', 'kept-1'])
  })

  it('is the one that no allow reaches where no rule denies', () => {
    assert.deepEqual(told(['update'], 'ours-1', 'theirs-1', 'theirs-2'), ['no_matching_rule', 'theirs-1'])
  })

  it('is the first where none stands out', () => {
    assert.deepEqual(told(['update'], 'theirs-1'), ['no_matching_rule', 'theirs-1'])
    const many = Array.from({ length: 16 }, (_, index) => `ours-${index}`)
    assert.deepEqual(told(['read'], ...many, 'kept-1'), ['denied_by_rule', 'ours-0'])
  })
})
