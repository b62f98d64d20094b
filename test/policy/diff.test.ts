import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { loadShippedCatalogs } from '../../src/cli/catalogs.js'
import { activate, diffPolicies, openSurvey } from '../../src/policy/index.js'
import { A_KEY, ANOTHER_KEY, compiledOf, policyText } from './a-policy.js'

const GROUPS = `approvers:
  finance: { keys: { maria: "${A_KEY}" } }
  interns: { keys: { kim: "${ANOTHER_KEY}" } }
`

const RAILWAY = `  railway: { catalog: railway, credential: railway }
credentials:
  railway: { minter: railway-project-token, project: p, environment: e }`

function surveyOf(rules: string) {
  const parts = rules.includes('api: railway') ? { apis: RAILWAY } : {}
  const text = policyText(rules, parts).replace(/approvers:\n {2}finance.*\n/, GROUPS)
  const { payload, cid, catalogs } = compiledOf(text, new Map(loadShippedCatalogs()))
  return openSurvey(payload, activate(payload, cid, catalogs).apis)
}

/** `widened PATCH /orders/{order}`, or `changed` and the words of a term. */
function diff(before: string, after: string): readonly string[] {
  const { operations, terms, widens } = diffPolicies(surveyOf(before), surveyOf(after))
  const found = [
    ...operations.map(({ direction, operation }) => `${direction} ${operation}`),
    ...terms.map(({ direction, what }) => `${direction} ${what}`),
  ]
  assert.equal(
    widens,
    found.some(each => !each.startsWith('narrowed')),
  )
  return found
}

const [PATCH, NOTE] = ['"PATCH /orders/{order}"', '"POST /orders/{order}/note"']
const allow = (id: string, operations: string, rest = '', select = '') =>
  `  - { id: ${id}, allow: { api: shop, operations: [${operations}]${select} }, to: coder${rest} }\n`
const TWO = ', limit: { count: 2, per: 1h }'

describe('a difference in what a limit counts', () => {
  it('attack: one limit over two operations becomes two limits', () => {
    assert.deepEqual(
      diff(allow('w', `${PATCH}, ${NOTE}`, TWO), allow('w', PATCH, TWO) + allow('v', NOTE, TWO)),
      [
        'widened for coder the limit of w, up to 2 per 1h, no longer counts together: shop PATCH /orders/{order}, shop POST /orders/{order}/note',
      ],
    )
  })

  it('attack: a rule is renamed, and what was used up of its limit is forgotten', () => {
    assert.deepEqual(diff(allow('w', PATCH, TWO), allow('v', PATCH, TWO)), [
      'changed for coder what the limit of w, up to 2 per 1h, has counted is forgotten: v counts anew',
    ])
  })

  it('is none where an operation leaves the limit and the policy, or another one is counted as well', () => {
    const both = allow('w', `${PATCH}, ${NOTE}`, TWO)
    assert.deepEqual(diff(both, allow('w', PATCH, TWO)), ['narrowed POST /orders/{order}/note'])
    assert.deepEqual(diff(allow('w', PATCH, TWO) + allow('v', NOTE, TWO), both + allow('v', NOTE, TWO)), [])
  })

  it('attack: above its limit other people are asked', () => {
    const over = (group: string) =>
      allow('w', PATCH, `, limit: { count: 2, per: 1h, over: hold }, approvers: ${group}`)
    assert.deepEqual(diff(over('finance'), over('interns')), ['changed PATCH /orders/{order}'])
    assert.deepEqual(diff(over('[finance, interns]'), over('interns')), ['widened PATCH /orders/{order}'])
    assert.deepEqual(diff(over('interns'), over('[finance, interns]')), ['narrowed PATCH /orders/{order}'])
    assert.deepEqual(diff(over('finance'), allow('w', PATCH, TWO)), ['narrowed PATCH /orders/{order}'])
  })

  it('attack: the limit goes of a rule that a hold stands above', () => {
    const hold = `  - { id: h, hold: { api: shop, operations: [${PATCH}] }, to: coder, approvers: finance }\n`
    assert.deepEqual(diff(hold + allow('w', PATCH, TWO), hold + allow('w', PATCH)), [
      'widened PATCH /orders/{order}',
    ])
  })
})

describe('a difference in what no catalog lists', () => {
  const OPEN = (pattern: string) => allow('o', `"${pattern}"`, '', ', class: [unknown, read]')
  const UNLISTED = '(not in the catalog)'

  it('attack: a pattern for unknown operations grows', () => {
    assert.deepEqual(diff(OPEN('GET /orders/*'), OPEN('GET /*')), [`widened ${UNLISTED}`])
    assert.deepEqual(diff(OPEN('GET /*'), OPEN('GET /orders/*')), [`narrowed ${UNLISTED}`])
    assert.deepEqual(diff(OPEN('GET /*'), OPEN('GET /*')), [])
  })

  it('attack: a deny by a pattern shrinks over them', () => {
    const deny = (pattern: string) => `  - { id: d, deny: { api: shop, operations: ["${pattern}"] } }\n`
    const [all, some] = [deny('* /*/refund'), deny('POST /*/refund')]
    assert.deepEqual(diff(OPEN('*') + all, OPEN('*') + some), [`widened ${UNLISTED}`])
    assert.deepEqual(diff(OPEN('*') + some, OPEN('*') + all), [`narrowed ${UNLISTED}`])
  })
})

describe('an allow that becomes a hold', () => {
  const hold = (select: string) =>
    `  - { id: w, hold: { api: shop, operations: [${PATCH}]${select} }, to: coder, approvers: finance }\n`

  it('is narrower where the allow asked for nothing', () => {
    assert.deepEqual(diff(allow('w', PATCH), hold('')), ['narrowed PATCH /orders/{order}'])
  })

  it('attack: of another resource, which nobody could ask for before', () => {
    assert.deepEqual(diff(allow('w', PATCH, '', ', resources: ["a-*"]'), hold(', resources: ["b-*"]')), [
      'changed PATCH /orders/{order}',
    ])
  })

  it('attack: of the same scope, which a hold matches as well where nobody knows it', () => {
    assert.deepEqual(diff(allow('w', PATCH, '', ', scope: { order: o1 }'), hold(', scope: { order: o1 }')), [
      'changed PATCH /orders/{order}',
    ])
  })
})

describe('a hold that bars what it gives nobody', () => {
  const opaque = (id: string, effect: string, classes: string, rest = '') =>
    `  - { id: ${id}, ${effect}: { api: railway, operations: [variableUpsert], class: [${classes}] }, to: coder${rest} }\n`
  const asked = ', approvers: finance'
  const one = opaque('a', 'allow', 'update, opaque', ', when: size(resources) == 1')

  it('attack: it becomes a ground to pass, for a request that no allow reaches', () => {
    assert.deepEqual(
      diff(one + opaque('h', 'hold', 'update', asked), one + opaque('h', 'hold', 'update, opaque', asked)),
      ['widened variableUpsert'],
    )
  })

  it('attack: another allow, which it bars, lets more be asked for than before', () => {
    const before = one + opaque('h', 'hold', 'update', asked)
    const after = before + opaque('b', 'allow', 'update, opaque')
    assert.deepEqual(diff(before, after), ['widened variableUpsert'])
    assert.deepEqual(diff(after, before), ['narrowed variableUpsert'])
  })
})
