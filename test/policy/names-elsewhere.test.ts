import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { activate, compilePolicy } from '../../src/policy/index.js'
import { classify } from '../../src/protocol/index.js'
import { inputOf, policyText, sourceOf } from './a-policy.js'

const OWN = 'type Query { volume: String } type Mutation { volumeDelete(id: String): String }'
const OTHER = 'type Query { box: String } type Mutation { boxDelete(id: String): String }'
const APIS = `  own: { upstream: https://own.internal, credential: own, graphql: { path: /graphql, schema: own.graphql } }
  other: { upstream: https://other.internal, credential: own, graphql: { path: /graphql, schema: other.graphql } }
credentials:
  own: { minter: jwt, audience: https://own.internal }`
/** What a mutation is called where its API's catalog doesn't have it. */
const CALLED = 'Mutation.volumeDelete'
const ANYTHING = '  - { id: anything, allow: { api: other, class: ["*", unknown] }, to: coder }'

/** What becomes of a mutation `volumeDelete`, which only the API `own` is known to have, at the other API. */
function decidedElsewhere(rule: string, before = ANYTHING): string {
  const source = sourceOf(policyText(`${before}\n${rule}`, { apis: APIS }))
  const files = new Map(Object.entries({ 'own.graphql': OWN, 'other.graphql': OTHER }))
  const compiled = compilePolicy(source, { catalogs: new Map(), files })
  assert.ok(compiled.kind === 'compiled', JSON.stringify(compiled))
  const policy = activate(compiled.payload, compiled.cid, compiled.catalogs)
  const { catalog } = policy.apis.get('other') ?? {}
  assert.ok(catalog)
  const classified = classify(catalog, {
    method: 'POST',
    target: '/graphql',
    headers: [['content-type', 'application/json']],
    body: new TextEncoder().encode('{"query":"mutation { volumeDelete(id: \\"v\\") }"}'),
  })
  assert.ok(classified.kind === 'operations', JSON.stringify(classified))
  const operations = classified.operations.map(each => catalog.describe('other', each))
  assert.deepEqual([operations[0]?.name, operations[0]?.classes], [CALLED, ['unknown']])
  return policy.decide(inputOf(operations)).code
}

describe('attack: an operation that a rule for several APIs names, at the API whose catalog doesn’t have it', () => {
  it('passes where nothing names it', () => {
    assert.equal(decidedElsewhere('  - { id: no, deny: { api: own, operations: volumeDelete } }'), 'allowed')
  })

  it('is denied by its name as by a pattern', () => {
    for (const name of ['volumeDelete', '"volumeDel*"'])
      assert.equal(
        decidedElsewhere(`  - { id: no, deny: { api: "*", operations: [${name}] } }`),
        'denied_by_rule',
      )
  })

  it('is held by its name where the hold says that it means the unknown', () => {
    assert.equal(
      decidedElsewhere(
        '  - { id: ask, hold: { api: "*", operations: [volumeDelete], class: ["*", unknown] }, to: coder, approvers: finance }',
      ),
      'approval_required',
    )
  })

  it('is left out by its name where an allow says so, and no allow reaches it by that', () => {
    const more = (select: string) => `  - { id: more, allow: { api: "*", ${select} }, to: coder }`
    const excepted = more('class: ["*", unknown], except: { operations: volumeDelete }')
    assert.equal(decidedElsewhere(excepted, ''), 'unknown_operation')
    assert.equal(
      decidedElsewhere(more('class: ["*", unknown], operations: volumeDelete'), ''),
      'unknown_operation',
    )
  })
})

describe('attack: a mutation that the API has and its catalog doesn’t', () => {
  it('is denied by a pattern of fields', () => {
    const rule = '  - { id: no, deny: { api: other, operations: ["*Delete"] } }'
    assert.equal(decidedElsewhere(rule), 'denied_by_rule')
  })

  it('is not denied by a pattern of others', () => {
    const rule = '  - { id: no, deny: { api: other, operations: ["box*"] } }'
    assert.equal(decidedElsewhere(rule), 'allowed')
  })
})
