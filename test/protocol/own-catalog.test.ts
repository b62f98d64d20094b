import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CONTENT_ID } from '../../src/canon/index.js'
import { openapiCatalog, openCatalog, routesCatalog } from '../../src/protocol/index.js'
import { argsIn, JSON_TYPE, operationIn, recognisedIn, refusalOf, request } from './requests.js'

const UPSTREAM = { upstream: 'https://billing.internal' }

describe('routesCatalog', () => {
  const catalog = openCatalog(
    routesCatalog(
      'billing',
      [
        { route: 'GET /invoices/{id}', classes: ['read'] },
        {
          route: 'POST /invoices/{id}/void',
          classes: ['irreversible'],
          effects: ['void'],
          args: { amount: 'int' },
        },
        { route: 'POST /ping', classes: ['read'], body: 'none' },
      ],
      UPSTREAM,
    ),
  )

  it('makes a catalog of a policy’s own routes', () => {
    const body = '{"amount":5}'
    const operation = operationIn(
      catalog,
      request('POST', '/invoices/in_1/void', { headers: [JSON_TYPE], body }),
    )
    assert.deepEqual(operation.classes, ['irreversible'])
    assert.deepEqual(operation.effects, ['void'])
    assert.deepEqual(operation.resources, [{ type: 'invoice', id: 'in_1' }])
    assert.equal(operation.args.amount, 5)
  })

  it('takes bodies for POST, none for GET, none where the route says so', () => {
    const body = '{}'
    assert.equal(
      refusalOf(catalog, request('POST', '/ping', { headers: [JSON_TYPE], body })),
      'body_unexpected',
    )
    assert.equal(
      refusalOf(catalog, request('GET', '/invoices/1', { headers: [JSON_TYPE], body })),
      'body_unexpected',
    )
  })

  it('names what the body holds beside what the path does, and leaves it open where it doesn’t', () => {
    const merging = openCatalog(
      routesCatalog(
        'billing',
        [
          {
            route: 'POST /invoices/{id}/merge',
            classes: ['irreversible'],
            resources: { invoice: ['into', 'lines[].invoice'], customer: 'customer' },
          },
        ],
        UPSTREAM,
      ),
    )
    const merged = (body: object) =>
      operationIn(
        merging,
        request('POST', '/invoices/in_1/merge', { headers: [JSON_TYPE], body: JSON.stringify(body) }),
      )
    const whole = merged({ into: 'in_2', lines: [{ invoice: 'in_3' }, { invoice: 4 }], customer: 'c_1' })
    assert.deepEqual(whole.resources, [
      ...['in_1', 'in_2', 'in_3', '4'].map(id => ({ type: 'invoice', id })),
      { type: 'customer', id: 'c_1' },
    ])
    assert.equal(whole.spellings, undefined)
    assert.deepEqual(merged({ note: 'x' }).spellings, [{ type: 'customer', id: '*', like: '*' }])
  })

  it('attack: a resource in the body under another spelling of its member', () => {
    const paying = openCatalog(
      routesCatalog(
        'billing',
        [{ route: 'POST /pay', classes: ['billing'], resources: { invoice: 'lines[].invoice' } }],
        UPSTREAM,
      ),
    )
    for (const body of [
      '{"lines":[{"invoice":"in_1"},{"Invoice":"in_2"}]}',
      '{"lines":[{"invoice":"in_1"}],"Lines":[{"invoice":"in_2"}]}',
      '{"LINES":[{"invoice":"in_2"}]}',
    ])
      assert.equal(
        refusalOf(paying, request('POST', '/pay', { headers: [JSON_TYPE], body })),
        'parameter_ambiguous',
      )
  })

  it('attack: a resource where its path doesn’t lead, by an allow of what else is named', () => {
    const paying = openCatalog(
      routesCatalog(
        'billing',
        [
          {
            route: 'POST /accounts/{account}/pay',
            classes: ['billing'],
            resources: { invoice: ['lines[].invoice', 'invoices[]', 'first.invoice'] },
          },
        ],
        UPSTREAM,
      ),
    )
    const paid = (body: object) =>
      operationIn(
        paying,
        request('POST', '/accounts/a_1/pay', { headers: [JSON_TYPE], body: JSON.stringify(body) }),
      )
    for (const body of [
      { lines: { invoice: 'in_2' } },
      { lines: [{ invoice: 'in_1' }, [{ invoice: 'in_2' }]] },
      { lines: [{ invoice: 'in_1' }, 'in_2'] },
      { lines: [{ invoice: 'in_1' }, { invoice: { id: 'in_2' } }] },
      { lines: [{ invoice: 'in_1' }], invoices: 'in_2' },
      { lines: [{ invoice: 'in_1' }], invoices: { 0: 'in_2' } },
      { lines: [{ invoice: 'in_1' }], first: [{ invoice: 'in_2' }] },
    ]) {
      const { resources, spellings } = paid(body)
      assert.ok(
        resources.some(({ type }) => type === 'unmapped'),
        JSON.stringify(body),
      )
      assert.deepEqual(spellings?.[0], { type: 'invoice', id: '*', like: '*' })
    }
    for (const body of [{ lines: null, invoices: '', first: {} }, { lines: [{ invoice: 'in_1' }, null, {}] }])
      assert.ok(paid(body).resources.every(({ type }) => type !== 'unmapped'))
  })

  it('records what it was made from', () => {
    const route = { route: 'GET /a', classes: ['read'] } as const
    const [one, same, other] = [[route], [route], [{ ...route, route: 'GET /b' }]].map(
      routes => routesCatalog('billing', routes, UPSTREAM).source.digest,
    )
    assert.match(one as string, CONTENT_ID)
    assert.equal(one, same)
    assert.notEqual(one, other)
  })
})

describe('openapiCatalog', () => {
  const openapi = {
    openapi: '3.1.0',
    servers: [{ url: 'https://billing.internal/api/v1/' }],
    paths: {
      '/invoices': {
        parameters: [{ name: 'limit', in: 'query', schema: { type: 'integer' } }],
        get: {
          parameters: [{ name: 'tags[]', in: 'query', schema: { type: 'array', items: { type: 'string' } } }],
        },
        post: { requestBody: { $ref: '#/components/requestBodies/Invoice' } },
      },
      '/invoices/{id}': { patch: {}, delete: {}, trace: {} },
      '/invoices/{id}/void': { post: { requestBody: { content: { 'text/csv': {} } } } },
      '/jobs': { post: { operationId: 'purgeQueue' } },
      '/keys': { get: { 'x-countersign-class': ['sensitive_read'], 'x-countersign-effect': 'keys' } },
      '/merge': {
        post: {
          requestBody: { content: { 'application/json': {} } },
          'x-countersign-resources': { invoice: ['into', 'from[]'], customer: 'customer' },
        },
      },
    },
    components: {
      requestBodies: {
        Invoice: {
          content: {
            'application/json; charset=utf-8': { schema: { $ref: '#/components/schemas/Invoice' } },
          },
        },
      },
      schemas: {
        Invoice: {
          allOf: [{ properties: { amount: { type: ['integer', 'null'] } } }],
          properties: {
            customer: { type: 'string' },
            lines: { type: 'array', items: { $ref: '#/components/schemas/Line' } },
          },
        },
        Line: {
          type: 'object',
          properties: { price: { type: 'number' }, parent: { $ref: '#/components/schemas/Line' } },
        },
      },
    },
  }
  const catalog = openCatalog(openapiCatalog('billing', openapi, UPSTREAM))
  const specs = new Map(catalog.operations().map(spec => [spec.name, spec]))

  it('names operations by method and path, the server’s path in front', () => {
    assert.deepEqual(
      [...specs.keys()].sort(),
      [
        'DELETE /api/v1/invoices/{id}',
        'GET /api/v1/invoices',
        'GET /api/v1/keys',
        'PATCH /api/v1/invoices/{id}',
        'POST /api/v1/invoices',
        'POST /api/v1/invoices/{id}/void',
        'POST /api/v1/jobs',
        'POST /api/v1/merge',
        'TRACE /api/v1/invoices/{id}',
      ].sort(),
    )
  })

  it('names what the description says that the body names', () => {
    const body = JSON.stringify({ into: 'in_1', from: ['in_2', 'in_3'] })
    const operation = operationIn(catalog, request('POST', '/api/v1/merge', { headers: [JSON_TYPE], body }))
    assert.deepEqual(
      operation.resources,
      ['in_1', 'in_2', 'in_3'].map(id => ({ type: 'invoice', id })),
    )
    assert.deepEqual(operation.spellings, [{ type: 'customer', id: '*', like: '*' }])
    assert.throws(
      () =>
        openapiCatalog(
          'billing',
          { openapi: '3.1.0', paths: { '/a': { post: { 'x-countersign-resources': { invoice: 3 } } } } },
          UPSTREAM,
        ),
      { code: 'catalog_malformed' },
    )
  })

  it('gives classes by method, on the safe side', () => {
    const classes = (name: string) => specs.get(name)?.classes
    assert.deepEqual(classes('GET /api/v1/invoices'), ['read'])
    assert.deepEqual(classes('POST /api/v1/invoices'), ['create', 'update'])
    assert.deepEqual(classes('PATCH /api/v1/invoices/{id}'), ['update'])
    assert.deepEqual(classes('DELETE /api/v1/invoices/{id}'), ['irreversible'])
    assert.deepEqual(classes('TRACE /api/v1/invoices/{id}'), ['unknown'])
    assert.deepEqual(classes('POST /api/v1/invoices/{id}/void'), ['create', 'irreversible', 'update'])
    assert.deepEqual(classes('POST /api/v1/jobs'), ['create', 'irreversible', 'update'])
    assert.deepEqual(classes('GET /api/v1/keys'), ['sensitive_read'])
    assert.deepEqual(specs.get('GET /api/v1/keys')?.effects, ['keys'])
  })

  it('types arguments from parameters and request bodies, references and recursion included', () => {
    const typed = specs.get('POST /api/v1/invoices')?.args as { fields: Record<string, unknown> }
    assert.equal(typed.fields.amount, 'int')
    assert.equal(typed.fields.customer, 'string')
    assert.equal(typed.fields.limit, 'int')
    assert.match(JSON.stringify(typed.fields.lines), /^\{"list":\{"fields":\{"price":"double","parent":/)
    assert.deepEqual(argsIn(catalog, request('GET', '/api/v1/invoices?limit=3&tags[]=a')), {
      limit: 3,
      tags: ['a'],
    })
  })

  it('streams a body that no parser reads, and takes none where none is declared', () => {
    const csv = request('POST', '/api/v1/invoices/1/void', {
      headers: [['content-type', 'text/csv']],
      body: 'a,b',
    })
    assert.equal(recognisedIn(catalog, csv).name, 'POST /api/v1/invoices/{id}/void')
    assert.equal(
      refusalOf(catalog, request('POST', '/api/v1/jobs', { headers: [JSON_TYPE], body: '{}' })),
      'body_unexpected',
    )
  })

  const codeOf = (document: unknown) => {
    try {
      openCatalog(openapiCatalog('billing', document, UPSTREAM))
    } catch (error) {
      return (error as { code: string }).code
    }
    return null
  }

  it('refuses what it can’t turn into routes', () => {
    const paths = (item: unknown) => ({ openapi: '3.0.3', paths: { '/a': item } })
    assert.equal(codeOf({ swagger: '2.0', paths: {} }), 'openapi_unsupported')
    assert.equal(codeOf(paths({ $ref: 'other.yaml#/a' })), 'openapi_unsupported')
    assert.equal(codeOf({ ...paths({ $ref: '#/loop' }), loop: { $ref: '#/loop' } }), 'openapi_unsupported')
    assert.equal(codeOf({ openapi: '3.0.3', paths: { '/a/{b}.json': { get: {} } } }), 'catalog_template')
    assert.equal(
      codeOf({ openapi: '3.0.3', paths: { '/a/{b}': { get: {} }, '/a/{c}': { get: {} } } }),
      'catalog_ambiguous',
    )
    assert.equal(codeOf(paths({ get: { 'x-countersign-class': 'safe' } })), 'catalog_malformed')
    assert.equal(codeOf({ openapi: '3.0.3', paths: [] }), 'catalog_malformed')
  })
})
