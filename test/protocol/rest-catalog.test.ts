import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  type ArgumentRule,
  type CatalogDocument,
  type Header,
  openCatalog,
  parseTarget,
  type RequestHead,
  type RestRoute,
  type Target,
} from '../../src/protocol/index.js'
import { FORM, operationIn, refusalOf, request } from './requests.js'

function document(
  routes: readonly RestRoute[],
  more: Readonly<Record<string, unknown>> = {},
): CatalogDocument {
  return {
    v: 1,
    name: 'test',
    protocol: 'rest',
    source: { package: 'test', version: '1', digest: 'sha256:0' },
    profile: {
      dialect: 'rest',
      slots: ['bearer'],
      requestHeaders: [],
      responseHeaders: [],
      origins: { default: 'https://api.example.com', files: 'https://files.example.com' },
    },
    body: { routes, ...more },
  }
}

function head(method: string, target: string, headers: readonly Header[] = []): RequestHead {
  return { method, target: parseTarget(target) as Target, headers }
}

describe('operations', () => {
  const rule: ArgumentRule = { path: 'state', is: 'equals', value: 'DELETED', adds: ['irreversible'] }
  const catalog = openCatalog(
    document(
      [
        {
          route: 'POST /v1/volumes/{volume}',
          classes: ['update'],
          body: ['form'],
          args: { state: 'string', customer: 'string', items: { list: { fields: { price: 'string' } } } },
          resources: [
            { type: 'volume', arg: 'volume' },
            { type: 'customer', arg: 'customer' },
            { type: 'price', arg: 'items[].price' },
          ],
          scope: { environment: 'env.id' },
          effects: ['resize'],
          rules: [rule],
        },
        { route: 'POST /v1/files', classes: ['create'], body: ['multipart'], origin: 'files' },
        { route: 'DELETE /v1/accounts/{account}', classes: ['irreversible'] },
      ],
      {
        accountHeaders: ['stripe-account', 'stripe-context'],
        idempotency: { header: 'idempotency-key', methods: ['POST'] },
      },
    ),
  )
  const post = (body: string, headers: readonly Header[] = []) =>
    operationIn(catalog, request('POST', '/v1/volumes/v_1', { headers: [FORM, ...headers], body }))

  it('carry what the catalog declares: resources, scope, effects', () => {
    const operation = post(
      'customer=cus_1&items[0][price]=p1&items[1][price]=p2&items[2][price]=p1&env[id]=staging',
    )
    assert.deepEqual(operation.resources, [
      { type: 'volume', id: 'v_1' },
      { type: 'customer', id: 'cus_1' },
      { type: 'price', id: 'p1' },
      { type: 'price', id: 'p2' },
    ])
    assert.deepEqual({ ...operation.scope }, { volume: 'v_1', environment: 'staging' })
    assert.deepEqual(operation.effects, ['resize'])
    assert.deepEqual(operation.classes, ['update'])
  })

  it('are raised by their arguments and keep their base classes', () => {
    const operation = post('state=DELETED')
    assert.deepEqual(operation.classes, ['irreversible', 'update'])
    assert.deepEqual(operation.baseClasses, ['update'])
  })

  it('are opaque where the payload was not understood', () => {
    const operation = catalog.describe('api', { name: 'POST /v1/files', args: {}, opaque: 'patch' })
    assert.deepEqual(operation.classes, ['create', 'opaque'])
  })

  it('carry the account that a header names', () => {
    const operation = post('', [['stripe-account', 'acct_2']])
    assert.equal(operation.account, 'acct_2')
    assert.equal(operation.scope.account, 'acct_2')
    const nested = post('', [['stripe-context', 'org_1/acct_2']])
    assert.deepEqual([nested.account, nested.scope.account], ['org_1/acct_2', 'acct_2'])
  })

  it('are refused where path and header name two accounts', () => {
    const target = '/v1/accounts/acct_1'
    const under = (account: string) => request('DELETE', target, { headers: [['stripe-account', account]] })
    assert.equal(refusalOf(catalog, under('acct_2')), 'account_invalid')
    assert.equal(operationIn(catalog, under('acct_1')).scope.account, 'acct_1')
    assert.equal(operationIn(catalog, under('org_1/acct_1')).scope.account, 'acct_1')
  })

  it('leave the account unknown where a gate claims two', () => {
    const claimed = { name: 'DELETE /v1/accounts/{account}', args: { account: 'acct_1' }, account: 'acct_2' }
    assert.equal(catalog.describe('api', claimed).scope.account, undefined)
  })

  it('are refused where two headers name an account, or one names it in other words', () => {
    const both: Header[] = [
      ['stripe-account', 'acct_1'],
      ['stripe-context', 'acct_1'],
    ]
    for (const headers of [both, [['stripe-account', '../x'] as Header], [['stripe-account', ''] as Header]])
      assert.equal(refusalOf(catalog, request('DELETE', '/v1/accounts/a', { headers })), 'account_invalid')
  })

  it('go to the origin that the catalog names', () => {
    assert.equal(catalog.originOf(head('POST', '/v1/files'), []), 'files')
    assert.equal(catalog.originOf(head('GET', '/v1/files'), []), 'default')
    assert.equal(catalog.originOf(head('GET', '/nowhere'), []), 'default')
  })

  it('get an idempotency key where the agent sent none', () => {
    const id = '01890000-0000-7000-8000-000000000000'
    assert.deepEqual(catalog.addedHeaders(head('POST', '/v1/files'), id), [['idempotency-key', `cs-${id}`]])
    assert.deepEqual(catalog.addedHeaders(head('POST', '/v1/files', [['idempotency-key', 'mine']]), id), [])
    assert.deepEqual(catalog.addedHeaders(head('DELETE', '/v1/accounts/a'), id), [])
  })

  it('are listed with everything that a policy may select', () => {
    const spec = catalog.operations().find(({ name }) => name === 'POST /v1/volumes/{volume}')
    assert.deepEqual(JSON.parse(JSON.stringify(spec)), {
      name: 'POST /v1/volumes/{volume}',
      classes: ['update'],
      raisable: ['irreversible'],
      args: {
        fields: {
          state: 'string',
          customer: 'string',
          items: { list: { fields: { price: 'string' } } },
          volume: 'string',
        },
      },
      scope: ['account', 'environment', 'volume'],
      resources: ['customer', 'price', 'volume'],
      effects: ['resize'],
    })
  })
})

describe('openCatalog', () => {
  const codeOf = (value: unknown) => {
    try {
      openCatalog(value)
    } catch (error) {
      return (error as { code: string }).code
    }
    return null
  }
  const good = document([{ route: 'GET /a', classes: ['read'] }])
  const routeWith = (more: object) =>
    document([{ route: 'POST /a', classes: ['read'], ...more } as RestRoute])

  it('opens a catalog from its data', () => assert.equal(codeOf(good), null))

  const refused: readonly [name: string, value: unknown][] = [
    ['nothing', null],
    ['another version', { ...good, v: 2 }],
    ['an unknown member', { ...good, extra: 1 }],
    ['an unknown member of the profile', { ...good, profile: { ...good.profile, extra: 1 } }],
    ['an unknown slot', { ...good, profile: { ...good.profile, slots: ['cookie'] } }],
    [
      'an origin with a path',
      { ...good, profile: { ...good.profile, origins: { default: 'https://a.b/c' } } },
    ],
    ['an origin with a user', { ...good, profile: { ...good.profile, origins: { default: 'https://a@b' } } }],
    ['no default origin', { ...good, profile: { ...good.profile, origins: {} } }],
    ['an upper-case header', { ...good, profile: { ...good.profile, requestHeaders: ['X-A'] } }],
    ['an unknown member of a route', routeWith({ klass: 'read' })],
    ['an unknown class', routeWith({ classes: ['harmless'] })],
    ['no class', routeWith({ classes: [] })],
    ['an unknown body', routeWith({ body: ['xml'] })],
    ['a stream beside a parser', routeWith({ body: ['stream', 'json'] })],
    [
      'rules on a stream',
      routeWith({ body: ['stream'], rules: [{ path: 'a', is: 'present', adds: ['billing'] }] }),
    ],
    ['an undeclared origin', routeWith({ origin: 'elsewhere' })],
    ['an unknown type', routeWith({ args: { a: 'number' } })],
    ['a type of two kinds', routeWith({ args: { a: { list: 'int', map: 'int' } } })],
    ['a rule without a value', routeWith({ rules: [{ path: 'a', is: 'equals', adds: ['billing'] }] })],
    [
      'a rule with an idle value',
      routeWith({ rules: [{ path: 'a', is: 'present', value: 1, adds: ['billing'] }] }),
    ],
    ['a rule that adds nothing', routeWith({ rules: [{ path: 'a', is: 'present', adds: [] }] })],
  ]
  for (const [name, value] of refused)
    it(`refuses ${name}`, () => assert.equal(codeOf(value), 'catalog_malformed'))

  it('refuses a protocol that it doesn’t know', () => {
    assert.equal(codeOf({ ...good, protocol: 'soap' }), 'catalog_protocol')
    assert.equal(codeOf({ ...good, protocol: 'constructor' }), 'catalog_protocol')
  })
})
