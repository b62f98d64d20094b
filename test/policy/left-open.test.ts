import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { loadShippedCatalogs } from '../../src/cli/catalogs.js'
import { explain } from '../../src/cli/explain.js'
import { type ActivePolicy, activate } from '../../src/policy/index.js'
import type { CatalogDocument } from '../../src/protocol/index.js'
import { compiledOf, policyText } from './a-policy.js'

const CATALOGS = new Map<string, CatalogDocument>(loadShippedCatalogs())
const APIS = `  shop:
    upstream: https://shop.internal
    credential: shop
    routes:
      - { route: "POST /orders/{order}/note", class: update }
      - { route: "POST /payments", class: update, resources: { order: "items[].order" } }
  stripe: { catalog: stripe, credential: stripe }
  github: { catalog: github, upstream: "https://api.github.com", credential: github }
  nodes: { catalog: github-graphql, upstream: "https://api.github.com", credential: github }
  railway: { catalog: railway, credential: railway }
credentials:
  shop: { minter: jwt, audience: https://shop.internal }
  stripe: { minter: stripe-restricted-key, livemode: false }
  github: { minter: github-app, app: 1, installation: 1 }
  railway: { minter: railway-project-token, project: p, environment: e }`

function policyWith(rule: string, allowed: string): ActivePolicy {
  const everything = `  - { id: work, allow: ${allowed}, to: coder }`
  const text = policyText(`${everything}\n  - ${rule}`, { apis: APIS })
  const { payload, cid, catalogs } = compiledOf(text, CATALOGS)
  return activate(payload, cid, catalogs)
}

interface Call {
  readonly api: string
  readonly method: string
  readonly target: string
  readonly type?: string
  readonly body?: string
}

/** The whole way of a request: classified from its bytes, described and decided. */
function answerFor(policy: ActivePolicy, { api, method, target, type, body }: Call) {
  const agent = policy.agents.get('coder')
  assert.ok(agent)
  const headers = type === undefined ? [] : [['content-type', type] as const]
  const bytes = body === undefined ? null : new TextEncoder().encode(body)
  const answer = explain(policy, agent, { api, method, target, headers, body: bytes }, 1_700_000_000_000)
  assert.ok('decision' in answer, JSON.stringify(answer))
  return answer
}

function effectOf(policy: ActivePolicy, call: Call): string {
  const { effect, rule } = answerFor(policy, call).decision
  return effect === 'allow' ? 'allow' : `${effect} ${rule}`
}

const FORM = 'application/x-www-form-urlencoded'
const JSON_TYPE = 'application/json'

describe('attack: the resource of a deny by another argument', () => {
  const REFUNDS = '{ api: stripe, class: [read, create, update, billing, irreversible, opaque] }'
  const policy = policyWith(
    '{ id: vip, deny: { api: stripe, effect: refund, resources: [{ type: charge, id: ch_vip }] } }',
    REFUNDS,
  )
  const refund = (body: string, target = '/v1/refunds'): string =>
    effectOf(policy, { api: 'stripe', method: 'POST', target, type: FORM, body })

  it('a refund by payment_intent may be of the charge', () => {
    assert.equal(refund('charge=ch_vip'), 'deny vip')
    assert.equal(refund('payment_intent=pi_of_vip'), 'deny vip')
    assert.equal(refund('invoice=in_1', '/v1/credit_notes'), 'deny vip')
    assert.equal(refund('charge=ch_2'), 'allow')
    assert.equal(refund('charge=ch_2&payment_intent=pi_2'), 'allow')
  })

  it('a list of one, or anything else that is no text, is the charge as well', () => {
    assert.equal(refund('charge[]=ch_vip'), 'deny vip')
    assert.equal(refund('charge[0]=ch_vip'), 'deny vip')
    assert.equal(refund('charge[id]=ch_vip'), 'deny vip')
    assert.equal(refund('charge[]=ch_2'), 'allow')
  })

  it('a hold bars it, and is no ground to let it pass', () => {
    const hold = '{ id: vip, hold: { api: stripe, effect: refund, resources: [{ type: charge, id: ch_vip }] }'
    const held = policyWith(`${hold}, to: coder, approvers: finance }`, REFUNDS)
    const call = { api: 'stripe', method: 'POST', target: '/v1/refunds', type: FORM }
    assert.equal(effectOf(held, { ...call, body: 'payment_intent=pi_1' }), 'hold vip')
    const alone = policyWith(`${hold}, to: coder, approvers: finance }`, '{ api: stripe, class: read }')
    assert.equal(effectOf(alone, { ...call, body: 'charge=ch_vip' }), 'hold vip')
    assert.equal(effectOf(alone, { ...call, body: 'payment_intent=pi_1' }), 'deny null')
  })

  it('an exception of an allow is as wide', () => {
    const excepted = policyWith(
      '{ id: never, deny: { api: railway, class: irreversible } }',
      '{ api: stripe, class: [billing, irreversible], except: { resources: [{ type: charge, id: ch_vip }] } }',
    )
    const call = { api: 'stripe', method: 'POST', target: '/v1/refunds', type: FORM }
    assert.equal(effectOf(excepted, { ...call, body: 'charge=ch_2' }), 'allow')
    assert.equal(effectOf(excepted, { ...call, body: 'payment_intent=pi_1' }), 'deny null')
  })

  it('an argument without which there is none leaves nothing open', () => {
    const account = policyWith(
      '{ id: partner, deny: { api: stripe, resources: [{ type: account, id: acct_9 }] } }',
      REFUNDS,
    )
    const pay = (body: string): string =>
      effectOf(account, { api: 'stripe', method: 'POST', target: '/v1/payment_intents', type: FORM, body })
    assert.equal(pay('amount=1&currency=eur&customer=cus_1&on_behalf_of=acct_9'), 'deny partner')
    assert.equal(pay('amount=1&currency=eur&customer=cus_1'), 'allow')
  })

  it('says why, and what to write', () => {
    const call = { api: 'stripe', method: 'POST', target: '/v1/refunds', type: FORM }
    assert.deepEqual(answerFor(policy, { ...call, body: 'payment_intent=pi_1' }).leftOpen, [
      'it may be any charge: the request names none, or not in the rule’s words',
    ])
    assert.equal(answerFor(policy, { ...call, body: 'charge=ch_vip' }).leftOpen, undefined)
    assert.equal(answerFor(policy, { ...call, body: 'charge=ch_2' }).leftOpen, undefined)
  })
})

describe('attack: a repository by its number, or among many in a body', () => {
  const policy = policyWith(
    '{ id: shop, deny: { api: github, resources: [{ type: repository, id: acme/shop }] } }',
    '{ api: github, class: [read, create, update, destructive, irreversible, privilege, opaque] }',
  )
  const call = (method: string, target: string, body?: unknown): string =>
    effectOf(policy, {
      api: 'github',
      method,
      target,
      ...(body === undefined ? {} : { type: JSON_TYPE, body: JSON.stringify(body) }),
    })

  it('may be the one that a rule names', () => {
    assert.equal(call('DELETE', '/repos/acme/shop'), 'deny shop')
    assert.equal(call('DELETE', '/repos/ACME/Shop'), 'deny shop')
    assert.equal(call('DELETE', '/orgs/acme/actions/secrets/KEY/repositories/1296269'), 'deny shop')
    assert.equal(
      call('PUT', '/orgs/acme/actions/secrets/KEY/repositories', { selected_repository_ids: [1296269] }),
      'deny shop',
    )
    assert.equal(
      call('PATCH', '/orgs/acme/properties/values', {
        repository_names: ['shop'],
        properties: [{ property_name: 'tier', value: '0' }],
      }),
      'deny shop',
    )
    assert.equal(call('POST', '/user/codespaces', { repository_id: 1296269 }), 'deny shop')
    assert.equal(call('DELETE', '/repositories/1296269'), 'deny shop')
    assert.equal(call('DELETE', '/repos/acme/site'), 'allow')
    assert.equal(call('DELETE', '/orgs/acme/actions/secrets/KEY'), 'allow')
  })

  it('an allow by the number stays one of that number', () => {
    const numbered = policyWith(
      '{ id: never, deny: { api: railway, class: irreversible } }',
      '{ api: github, class: [irreversible, privilege], resources: [{ type: repository, id: "1" }, { type: organization, id: acme }, { type: secret, id: KEY }] }',
    )
    const remove = (id: number): string =>
      effectOf(numbered, {
        api: 'github',
        method: 'DELETE',
        target: `/orgs/acme/actions/secrets/KEY/repositories/${id}`,
      })
    assert.equal(remove(1), 'allow')
    assert.equal(remove(2), 'deny null')
  })

  it('a deny of a number, which calls by name don’t say, isn’t sealed', () => {
    const deny = '{ id: shop, deny: { api: github, resources: [{ type: repository, id: "1296269" }] } }'
    assert.throws(
      () => policyWith(deny, '{ api: github, class: read }'),
      /Requests name a repository in several parts/,
    )
  })

  it('a member among many is named by his login', () => {
    const mallory = policyWith(
      '{ id: mallory, deny: { api: github, resources: [{ type: user, id: mallory }] } }',
      '{ api: github, class: [update, privilege] }',
    )
    const add = (usernames: readonly string[]): string =>
      effectOf(mallory, {
        api: 'github',
        method: 'POST',
        target: '/enterprises/acme/teams/ops/memberships/add',
        type: JSON_TYPE,
        body: JSON.stringify({ usernames }),
      })
    assert.equal(add(['jo', 'Mallory']), 'deny mallory')
    assert.equal(add(['jo']), 'allow')
  })
})

describe('attack: a volume’s backup by its own id, past a deny of the volume', () => {
  const policy = policyWith(
    '{ id: books, deny: { api: railway, resources: [{ type: volume, id: v-91 }] } }',
    '{ api: railway, class: [read, create, update, destructive, irreversible] }',
  )
  const ask = (query: string): string =>
    effectOf(policy, {
      api: 'railway',
      method: 'POST',
      target: '/graphql/v2',
      type: JSON_TYPE,
      body: JSON.stringify({ query }),
    })

  it('may be on that volume', () => {
    assert.equal(ask('mutation { volumeDelete(volumeId: "v-91") }'), 'deny books')
    assert.equal(ask('mutation { volumeDelete(volumeId: "v-92") }'), 'allow')
    assert.equal(
      ask(
        'mutation { volumeInstanceBackupDelete(volumeInstanceId: "i-1", volumeInstanceBackupId: "b-1") { workflowId } }',
      ),
      'deny books',
    )
    assert.equal(
      ask('mutation { volumeInstanceBackupCreate(volumeInstanceId: "i-1") { workflowId } }'),
      'deny books',
    )
  })
})

describe('attack: an id in other letters, past a rule that names it', () => {
  const PRODUCTION = '0e1f2a3b-4c5d-4e6f-8a9b-0c1d2e3f4a5b'
  const ODD = [
    PRODUCTION.toUpperCase(),
    PRODUCTION.replaceAll('-', ''),
    `{${PRODUCTION}}`,
    PRODUCTION.replace('0e1f', '0E1f'),
  ]
  const ALLOWED = '{ api: railway, class: [create, update, destructive] }'
  const effect = (policy: ActivePolicy, query: string): string =>
    effectOf(policy, {
      api: 'railway',
      method: 'POST',
      target: '/graphql/v2',
      type: JSON_TYPE,
      body: JSON.stringify({ query }),
    })
  const redeploy = (environment: string, service = 's-1'): string =>
    `mutation { serviceInstanceRedeploy(environmentId: "${environment}", serviceId: "${service}") }`

  it('a scope is that environment, however its UUID is written', () => {
    const deny = policyWith(
      `{ id: production, deny: { api: railway, scope: { environment: ${PRODUCTION} } } }`,
      ALLOWED,
    )
    for (const id of [PRODUCTION, ...ODD]) assert.equal(effect(deny, redeploy(id)), 'deny production', id)
    assert.equal(effect(deny, redeploy(PRODUCTION.replace('0e1f', '0e10'))), 'allow')
  })

  it('so is a resource', () => {
    const deny = policyWith(
      `{ id: books, deny: { api: railway, resources: [{ type: service, id: ${PRODUCTION} }] } }`,
      ALLOWED,
    )
    for (const id of [PRODUCTION, ...ODD]) assert.equal(effect(deny, redeploy('e-1', id)), 'deny books', id)
    assert.equal(effect(deny, redeploy('e-1', 's-2')), 'allow')
  })

  it('a hold bars it, and an allow takes its own words alone', () => {
    const rule = `{ id: production, hold: { api: railway, scope: { environment: ${PRODUCTION} } }, to: coder, approvers: finance }`
    const held = policyWith(rule, ALLOWED)
    const alone = policyWith(rule, '{ api: railway, class: read }')
    for (const id of ODD) {
      assert.equal(effect(held, redeploy(id)), 'hold production')
      assert.equal(effect(alone, redeploy(id)), 'deny null')
    }
    const allowed = policyWith(
      '{ id: never, deny: { api: railway, class: irreversible } }',
      `{ api: railway, class: update, scope: { environment: ${PRODUCTION} } }`,
    )
    assert.equal(effect(allowed, redeploy(PRODUCTION)), 'allow')
    assert.equal(effect(allowed, redeploy(PRODUCTION.toUpperCase())), 'deny null')
  })
})

describe('attack: a repository, an issue or a person by another node id, or where another word stands for it', () => {
  const REPOSITORY = 'R_kgDOABPHjQ'
  const BEFORE = 'MDEwOlJlcG9zaXRvcnkxMjk2MjY5'
  const ALLOWED = '{ api: nodes, class: [read, create, update, destructive, privilege] }'
  const denying = (type: string, id: string): ActivePolicy =>
    policyWith(`{ id: kept, deny: { api: nodes, resources: [{ type: ${type}, id: ${id} }] } }`, ALLOWED)
  const ask = (policy: ActivePolicy, mutation: string): string =>
    effectOf(policy, {
      api: 'nodes',
      method: 'POST',
      target: '/graphql',
      type: JSON_TYPE,
      body: JSON.stringify({ query: `mutation { ${mutation} { clientMutationId } }` }),
    })

  it('is met by the id of before, and the other way round', () => {
    for (const id of [REPOSITORY, BEFORE]) {
      const policy = denying('repository', id)
      for (const named of [REPOSITORY, BEFORE])
        assert.equal(ask(policy, `archiveRepository(input: { repositoryId: "${named}" })`), 'deny kept')
      assert.equal(ask(policy, 'archiveRepository(input: { repositoryId: "R_kgDOABPHjA" })'), 'allow')
    }
  })

  it('is met where the schema calls it a source or a lockable', () => {
    assert.equal(
      ask(
        denying('repository', REPOSITORY),
        `createRepositoryRuleset(input: { sourceId: "${REPOSITORY}", name: "n", enforcement: DISABLED, conditions: {} })`,
      ),
      'deny kept',
    )
    const issue = denying('issue', 'I_kwDOABPHjQc')
    assert.equal(ask(issue, 'lockLockable(input: { lockableId: "I_kwDOABPHjQc" })'), 'deny kept')
    assert.equal(ask(issue, 'lockLockable(input: { lockableId: "I_kwDOABPHjQg" })'), 'allow')
  })

  it('is met within a list, and within an object where a list may stand', () => {
    const policy = denying('user', 'U_kgDOABPHjQ')
    const invite = (collaborators: string): string =>
      ask(
        policy,
        `updateProjectV2Collaborators(input: { projectId: "PVT_1", collaborators: ${collaborators} })`,
      )
    assert.equal(
      invite('[{ userId: "U_kgDOABPHjA", role: READER }, { userId: "U_kgDOABPHjQ", role: ADMIN }]'),
      'deny kept',
    )
    assert.equal(invite('{ userId: "U_kgDOABPHjQ", role: ADMIN }'), 'deny kept')
    assert.equal(invite('[{ userId: "U_kgDOABPHjA", role: READER }]'), 'allow')
  })

  it('may be the repository of a branch that is named by its id', () => {
    const commit = (branch: string): string =>
      ask(
        denying('repository', REPOSITORY),
        `createCommitOnBranch(input: { branch: ${branch}, message: { headline: "h" }, expectedHeadOid: "0" })`,
      )
    assert.equal(commit('{ repositoryNameWithOwner: "acme/shop", branchName: "main" }'), 'deny kept')
    assert.equal(commit('{ id: "REF_kwDOABPHja9yZWZzL2hlYWRzL21haW4" }'), 'deny kept')
  })

  it('is met by what lies in it, as far as that says so', () => {
    const policy = denying('repository', BEFORE)
    const branch = (id: string): string => ask(policy, `deleteRef(input: { refId: "${id}" })`)
    assert.equal(branch('REF_kwDOABPHja9yZWZzL2hlYWRzL21haW4'), 'deny kept')
    assert.equal(branch('MDM6UmVmMTI5NjI2OTpyZWZzL2hlYWRzL21haW4='), 'deny kept')
    assert.equal(branch('REF_kwDOABPHjK9yZWZzL2hlYWRzL21haW4'), 'allow')
    assert.equal(ask(policy, 'lockLockable(input: { lockableId: "I_kwDOABPHjQc" })'), 'deny kept')
    assert.equal(ask(policy, 'lockLockable(input: { lockableId: "I_kwDOABPHjAc" })'), 'allow')
  })

  it('a name, which no call to this API says, isn’t sealed', () => {
    for (const id of ['acme/shop', 'acme', 'acme/*'])
      assert.throws(() => denying('repository', id), /Requests to nodes name a repository by node ids/)
    const both =
      '{ id: kept, deny: { api: [github, nodes], resources: [{ type: repository, id: acme/shop }] } }'
    assert.throws(() => policyWith(both, ALLOWED), /Requests to nodes name a repository by node ids/)
    // Without a type it may be meant for the other one.
    policyWith('{ id: kept, deny: { api: [github, nodes], resources: [acme/shop] } }', ALLOWED)
    assert.throws(
      () => policyWith('{ id: kept, deny: { api: nodes, resources: [acme/shop] } }', ALLOWED),
      /Requests to nodes name things by node ids/,
    )
  })
})

describe('attack: a UUID where another word stands for the thing', () => {
  it('is that thing, whatever it is called', () => {
    const id = '0e1f2a3b-4c5d-4e6f-8a9b-0c1d2e3f4a5b'
    const policy = policyWith(
      `{ id: production, deny: { api: railway, resources: [{ type: environment, id: ${id} }] } }`,
      '{ api: railway, class: [read, create, update, destructive, irreversible] }',
    )
    const merge = (target: string): string =>
      effectOf(policy, {
        api: 'railway',
        method: 'POST',
        target: '/graphql/v2',
        type: JSON_TYPE,
        body: JSON.stringify({
          query: `mutation { canvasViewMerge(sourceEnvironmentId: "e-1", targetEnvironmentId: "${target}") }`,
        }),
      })
    assert.equal(merge(id), 'deny production')
    assert.equal(merge(id.toUpperCase()), 'deny production')
    assert.equal(merge('e-2'), 'allow')
  })
})

describe('attack: what is in an environment, past a deny of the environment', () => {
  const policyOf = (pattern: string): ActivePolicy =>
    policyWith(
      `{ id: production, deny: { api: railway, resources: [${pattern}] } }`,
      '{ api: railway, class: [read, create, update, destructive, irreversible] }',
    )
  const remove = (policy: ActivePolicy, environment: string): string =>
    effectOf(policy, {
      api: 'railway',
      method: 'POST',
      target: '/graphql/v2',
      type: JSON_TYPE,
      body: JSON.stringify({
        query: `mutation { serviceDelete(id: "s-1", environmentId: "${environment}") }`,
      }),
    })

  it('is met, since the request names the environment', () => {
    for (const pattern of [
      '{ type: environment, id: e-prod }',
      '{ type: environment, id: "e-p*" }',
      'e-prod',
    ]) {
      assert.equal(remove(policyOf(pattern), 'e-prod'), 'deny production', pattern)
      assert.equal(remove(policyOf(pattern), 'E-Prod'), 'deny production', pattern)
      assert.equal(remove(policyOf(pattern), 'e-dev'), 'allow', pattern)
    }
  })

  it('isn’t by a deny of things of another type, nor by one of any', () => {
    for (const pattern of ['{ type: volume, id: e-prod }', '{ type: environment, id: "*" }'])
      assert.equal(remove(policyOf(pattern), 'e-prod'), 'allow', pattern)
  })
})

describe('attack: an order that the body of an own route names, past a deny of the order', () => {
  const policy = policyWith(
    '{ id: kept, deny: { api: shop, resources: [{ type: order, id: o_1 }] } }',
    '{ api: shop, class: update }',
  )
  const pay = (body: object): string =>
    effectOf(policy, {
      api: 'shop',
      method: 'POST',
      target: '/payments',
      type: JSON_TYPE,
      body: JSON.stringify(body),
    })

  it('is met in a list, as a number or an object, and where none is named', () => {
    assert.equal(pay({ items: [{ order: 'o_2' }, { order: 'o_1' }] }), 'deny kept')
    assert.equal(pay({ items: [{ order: { id: 'o_1' } }] }), 'deny kept')
    assert.equal(pay({ items: { order: 'o_1' } }), 'deny kept')
    assert.equal(pay({}), 'deny kept')
    assert.equal(pay({ items: [{ order: 'o_2' }] }), 'allow')
  })
})
