import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { loadShippedCatalogs } from '../../src/cli/catalogs.js'
import { activate, findBreaches, openSurvey } from '../../src/policy/index.js'
import { compiledOf, policyText } from './a-policy.js'

const CATALOGS = new Map(loadShippedCatalogs())
const APIS = `  shop:
    upstream: https://shop.internal
    credential: shop
    routes:
      - { route: "DELETE /orders/{order}", class: irreversible }
  railway: { catalog: railway, credential: railway }
credentials:
  shop: { minter: jwt, audience: https://shop.internal }
  railway: { minter: railway-project-token, project: p, environment: e }`
const ID = '0e1f2a3b-4c5d-4e6f-8a9b-0c1d2e3f4a5b'
const ODD = [ID.toUpperCase(), ID.replaceAll('-', ''), `"{${ID}}"`]

/** Ids of the statements that the rules break. */
function broken(rules: readonly string[], never: readonly string[]): readonly string[] {
  const statements = never.map((each, index) => `  - { id: n${index}, ${each} }`)
  // A statement that is broken keeps a policy from compiling: it is put in behind the compiler.
  const { payload, cid, catalogs } = compiledOf(
    policyText(rules.map((each, index) => `  - { id: r${index}, ${each} }`).join('\n'), { apis: APIS }),
    CATALOGS,
  )
  const stated = compiledOf(
    policyText('  - { id: none, deny: { api: [shop, railway], class: "*" } }', {
      apis: APIS,
      more: `never:\n${statements.join('\n')}`,
    }),
    CATALOGS,
  )
  const survey = openSurvey(
    { ...payload, never: stated.payload.never ?? [] },
    activate(payload, cid, catalogs).apis,
  )
  return [...new Set(findBreaches(survey).map(({ statement }) => statement.id))]
}

const remove = (id: string): string =>
  `allow: { api: shop, class: irreversible, resources: [{ type: order, id: ${id} }] }, to: coder`
const REMOVE_ALL = 'allow: { api: shop, class: irreversible }, to: coder'
const order = (id: string): string => `api: shop, resources: [{ type: order, id: ${id} }]`

describe('attack: a statement that is proven because its id is written in other letters than the rule’s', () => {
  it('an environment in its scope is the one that a rule lets pass', () => {
    const allow = (id: string): string =>
      `allow: { api: railway, operations: [serviceInstanceRedeploy], scope: { environment: ${id} } }, to: coder`
    const never = (id: string): string => `api: railway, scope: { environment: ${id} }`
    for (const id of [ID, ...ODD]) {
      assert.deepEqual(broken([allow(ID)], [never(id)]), ['n0'], id)
      assert.deepEqual(broken([allow(id)], [never(ID)]), ['n0'], id)
    }
    assert.deepEqual(broken([allow('staging')], [never('Staging')]), ['n0'])
    assert.deepEqual(broken([allow('staging')], [never('production')]), [])
  })

  it('a resource is the one that a rule lets pass', () => {
    for (const id of ODD) assert.deepEqual(broken([remove(ID)], [order(id)]), ['n0'], id)
    assert.deepEqual(broken([remove('"0e1f2a3b4c*"')], [order(ID)]), ['n0'])
    assert.deepEqual(broken([remove('web-1')], [order('"WEB-*"')]), ['n0'])
    assert.deepEqual(broken([remove('web-1')], [order('db-1')]), [])
    assert.deepEqual(broken([remove('"9*"')], [order(ID)]), [])
  })

  it('what a deny leaves out by its letters alone is let pass', () => {
    const deny = 'deny: { api: shop, except: { resources: [{ type: order, id: WEB }] } }'
    assert.deepEqual(broken([remove('WEB'), deny], [order('web')]), ['n0'])
    assert.deepEqual(broken([remove('web'), deny], [order('web')]), [])
  })
})

describe('a statement that a deny of the same words keeps', () => {
  it('is proven, whatever a request names or leaves open', () => {
    for (const id of [ID, ...ODD])
      assert.deepEqual(broken([REMOVE_ALL, `deny: { ${order(id)} }`], [order(ID)]), [], id)
    const volume = 'api: railway, resources: [{ type: volume, id: v-91 }]'
    const all = 'allow: { api: railway, class: [read, create, update, destructive, irreversible] }, to: coder'
    assert.deepEqual(broken([all, `deny: { ${volume} }`], [volume]), [])
    assert.deepEqual(broken([all], [volume]), ['n0'])
  })

  it('is not by a deny of less', () => {
    assert.deepEqual(broken([REMOVE_ALL, `deny: { ${order('web-1')} }`], [order('"web-*"')]), ['n0'])
    assert.deepEqual(broken([REMOVE_ALL, `deny: { ${order('"WEB-*"')} }`], [order('web-1')]), [])
  })

  it('is by the exception of an allow as well', () => {
    const allow =
      'allow: { api: shop, class: irreversible, except: { resources: [{ type: order, id: WEB }] } }, to: coder'
    assert.deepEqual(broken([allow], [order('web')]), [])
    assert.deepEqual(broken([allow], [order('web-1')]), ['n0'])
  })

  it('a repository is the one that an issue lies in', () => {
    const issue = 'I_kwDOABPHjQc'
    assert.deepEqual(broken([remove(issue)], ['api: shop, resources: [R_kgDOABPHjQ]']), ['n0'])
    assert.deepEqual(broken([remove(issue)], ['api: shop, resources: [R_kgDOABPHjA]']), [])
    const kept = 'deny: { api: shop, resources: [R_kgDOABPHjQ] }'
    assert.deepEqual(broken([remove(issue), kept], ['api: shop, class: irreversible']), [])
  })
})
