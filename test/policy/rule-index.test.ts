import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { JsonObject } from '../../src/canon/index.js'
import { readCompiled } from '../../src/policy/compiled.js'
import { activate } from '../../src/policy/index.js'
import { indexRules } from '../../src/policy/rule-index.js'
import { compiledOf, inputOf, operation, policyText } from './a-policy.js'

/** A policy with as many routes, and one rule by name for each. */
function wide(routes: number): {
  readonly payload: JsonObject
  readonly compiled: ReturnType<typeof compiledOf>
} {
  const lines = Array.from(
    { length: routes },
    (_, i) => `      - { route: "GET /things${i}/{id}", class: read }`,
  )
  const rules = Array.from(
    { length: routes },
    (_, i) => `  - { id: rule-${i}, allow: { api: shop, operations: ["GET /things${i}/{id}"] }, to: coder }`,
  )
  const apis = `  shop:\n    upstream: https://shop.internal\n    routes:\n${lines.join('\n')}`
  const compiled = compiledOf(policyText(rules.join('\n'), { apis }))
  return { payload: compiled.payload, compiled }
}

it('looks at the same number of rules for a request, whether there are 10 rules by name or 500', () => {
  for (const routes of [10, 500]) {
    const { compiled, payload } = wide(routes)
    const policy = readCompiled(payload)
    const { apis, agents } = activate(payload, compiled.cid, compiled.catalogs)
    const index = indexRules(policy, apis, agents)
    const { allow, hold, deny } = index.candidates(operation('GET /things7/{id}'))
    assert.deepEqual([allow.map(rule => rule.id), hold.length, deny.length], [['rule-7'], 0, 0])
  }
})

it('decides by the rule that names the operation among 500', () => {
  const { compiled, payload } = wide(500)
  const policy = activate(payload, compiled.cid, compiled.catalogs)
  assert.equal(policy.decide(inputOf([operation('GET /things499/{id}')])).rule, 'rule-499')
})
