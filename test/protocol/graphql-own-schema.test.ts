import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CountersignError } from '../../src/canon/index.js'
import { type Catalog, graphqlCatalog, openCatalog } from '../../src/protocol/index.js'
import { ask, names } from './graphql-request.js'

function open(sdl: string): Catalog {
  return openCatalog(graphqlCatalog('own', sdl, { upstream: 'https://graph.internal', path: '/graphql/v2' }))
}

function classesIn(catalog: Catalog): Readonly<Record<string, string>> {
  return Object.fromEntries(catalog.operations().map(({ name, classes }) => [name, classes.join(' ')]))
}

function refusal(sdl: string): string {
  try {
    open(sdl)
    return 'opened'
  } catch (error) {
    assert.ok(error instanceof CountersignError)
    return error.code
  }
}

test('queries read, and mutations are what their names suggest on the severe side', () => {
  const classes = classesIn(
    open(`
      scalar JSON
      type Query { invoices: [String], apiToken: String }
      type Mutation {
        invoiceCreate: ID
        settingsUpdate: ID
        purgeOldThings: ID
        userInvite: ID
        paymentRefund: ID
        runScript: ID
        settingsPatchAnything(patch: JSON): ID
        annotate(input: Note): ID
      }
      input Note { text: String, more: [Note!], extra: JSON }
    `),
  )
  assert.deepEqual(classes, {
    __schema: 'read',
    __typename: 'read',
    invoices: 'read',
    apiToken: 'sensitive_read',
    invoiceCreate: 'billing create',
    settingsUpdate: 'update',
    purgeOldThings: 'irreversible update',
    userInvite: 'privilege update',
    paymentRefund: 'billing update',
    runScript: 'opaque update',
    settingsPatchAnything: 'opaque update',
    annotate: 'opaque update',
  })
})

test('attack: a mutation is selected through an interface', () => {
  const catalog = open(`
    interface Doer { invoiceVoid(id: ID!): ID }
    type Query { doer: Doer }
    type Mutation implements Doer { invoiceVoid(id: ID!): ID }
  `)
  assert.equal(classesIn(catalog)['Doer.invoiceVoid'], 'billing irreversible update')
  assert.deepEqual(names(ask(catalog, 'mutation { ... on Doer { invoiceVoid(id: 1) } }')), ['invoiceVoid'])
  const spread = 'mutation { ...F } fragment F on Doer { invoiceVoid(id: 1) }'
  assert.deepEqual(names(ask(catalog, spread)), ['invoiceVoid'])
  assert.deepEqual(names(ask(catalog, '{ doer { invoiceVoid(id: 1) } }')), ['doer', 'Doer.invoiceVoid'])
})

test('an annotation says it better, and needs no declaration', () => {
  const catalog = open(`
    type Query { rates: Int, audit: Int @countersign(classes: ["sensitive_read"]) }
    type Mutation {
      draftDelete(id: ID!): Int @countersign(classes: ["update"], effects: ["draft"])
      close(input: Close!): Int @countersign(classes: ["billing", "irreversible"])
    }
    input Close { account: String @countersign(scope: "account", resource: "ledgerAccount") }
  `)
  assert.deepEqual(classesIn(catalog), {
    __schema: 'read',
    __typename: 'read',
    rates: 'read',
    audit: 'sensitive_read',
    draftDelete: 'update',
    close: 'billing irreversible',
  })
  const [draft, close] = ask(catalog, 'mutation { draftDelete(id: 4) close(input: { account: "a-1" }) }')
  assert.deepEqual(draft?.effects, ['draft'])
  assert.deepEqual(close?.scope, { account: 'a-1' })
  assert.deepEqual(close?.resources, [{ type: 'ledgerAccount', id: 'a-1' }])
})

test('attack: an ID within lists and inputs, however deep, alone where a list may stand', () => {
  const catalog = open(`
    type Query { ping: Int }
    type Mutation { move(customerId: ID!, lines: [Line!]!, input: Move): Int }
    input Move { to: Place, within: Move }
    input Place { shelf: Shelf! }
    input Shelf { id: ID! }
    input Line { invoiceId: ID!, parts: [[Part!]] }
    input Part { partIds: [ID!] }
  `)
  const resourcesOf = (mutation: string): readonly string[] =>
    (ask(catalog, `mutation { ${mutation} }`)[0]?.resources ?? []).map(({ type, id }) => `${type} ${id}`)
  assert.deepEqual(
    resourcesOf('move(customerId: 1, lines: [{ invoiceId: "in_1" }, { invoiceId: "in_2" }])'),
    ['customer 1', 'invoice in_1', 'invoice in_2'],
  )
  assert.deepEqual(
    resourcesOf('move(customerId: 1, lines: { invoiceId: "in_1", parts: { partIds: "p" } })'),
    ['customer 1', 'invoice in_1', 'part p'],
  )
  assert.deepEqual(resourcesOf('move(customerId: 1, lines: [], input: { to: { shelf: { id: "s" } } })'), [
    'customer 1',
    'shelf s',
  ])
})

test('an ID names a resource, and arguments that hold one value are scope', () => {
  const catalog = open(`
    type Query { a: Int }
    type Invoice { id: ID }
    type Mutation { send(id: ID!, tenant: String!, copyTo: [ID!], note: Note): Invoice }
    input Note { customerId: ID }
  `)
  const [send] = ask(
    catalog,
    'mutation { send(id: 7, tenant: "t", copyTo: "c", note: { customerId: "x" }) { id } }',
  )
  assert.deepEqual(send?.scope, { id: '7', tenant: 't' })
  assert.deepEqual(send?.resources, [
    { type: 'invoice', id: '7' },
    { type: 'copyTo', id: 'c' },
    { type: 'customer', id: 'x' },
  ])
})

test('a secret of an implementation counts through its interface, and the other way round', () => {
  const catalog = open(`
    interface Secretive { value: String, note: String @countersign(classes: ["sensitive_read"]) }
    type Key implements Secretive { value: String @countersign(classes: ["sensitive_read"]), note: String }
    type Plain implements Secretive { value: String, note: String }
    type Query { any: Secretive, plain: Plain }
  `)
  assert.deepEqual(names(ask(catalog, '{ any { value note } }')), [
    'any',
    'Secretive.value',
    'Secretive.note',
  ])
  assert.deepEqual(names(ask(catalog, '{ plain { note } }')), ['plain', 'Plain.note'])
})

test('a payload that leads back to the roots leads to operations again', () => {
  const catalog = open(`
    type Query { secrets: [String], ok: Boolean }
    type Mutation { touch: Payload }
    type Payload { query: Query }
  `)
  assert.deepEqual(names(ask(catalog, 'mutation { touch { query { ok secrets } } }')), [
    'touch',
    'ok',
    'secrets',
  ])
})

test('roots may have any name, and a query-only API refuses no differently', () => {
  const catalog = open('schema { query: Root } type Root { a: Int }')
  assert.deepEqual(names(ask(catalog, '{ a }')), ['a'])
  const [operation] = ask(catalog, 'mutation { a }')
  assert.deepEqual(operation?.classes, ['unknown'])
})

test('a type that only pretends to be a root is refused', () => {
  assert.equal(
    refusal('schema { query: Root } type Root { a: Query } type Query { b: Int }'),
    'catalog_malformed',
  )
})

test('a schema that is none is refused', () => {
  for (const sdl of ['', 'type Query {', 'type Query { a: Missing }', 'type A { b: Int }', 'query { a }'])
    assert.equal(refusal(sdl), 'graphql_schema', sdl)
})

test('an annotation that can’t be read is refused', () => {
  for (const annotation of [
    'classes: ["deadly"]',
    'classes: []',
    'class: "read"',
    'effects: "x"',
    'classes: "read"',
  ])
    assert.equal(
      refusal(`type Query { a: Int @countersign(${annotation}) }`),
      'catalog_malformed',
      annotation,
    )
})

test('a catalog with a member that nobody knows is refused', () => {
  const document = graphqlCatalog('own', 'type Query { a: Int }', {
    upstream: 'https://g.internal',
    path: '/g',
  })
  const body = document.body as Record<string, unknown>
  for (const changed of [
    { ...body, extra: 1 },
    { ...body, path: '/g?x' },
    { ...body, path: '/../g' },
    { ...body, query: 'Missing' },
    { ...body, types: { Query: { a: 'Missing' } } },
    { ...body, types: { Query: { a: { of: '', args: { x: '@Missing' } } } } },
    { ...body, types: { Query: { a: { of: '', args: { x: '[int' } } } } },
    { ...body, operations: { b: { classes: ['read'] } } },
    { ...body, operations: { a: { classes: [] } } },
    { ...body, operations: { a: { classes: ['read'], extra: 1 } } },
    { ...body, operations: { 'Query.a': { classes: ['read'] } } },
  ])
    assert.throws(
      () => openCatalog({ ...document, body: changed }),
      (error: unknown) => error instanceof CountersignError && error.code === 'catalog_malformed',
      JSON.stringify(changed),
    )
})

test('a recursive input type ends in a type that no condition can use', () => {
  const catalog = open('type Query { find(where: Where): Int } input Where { and: [Where!], name: String }')
  const spec = catalog.operations().find(({ name }) => name === 'find')
  assert.deepEqual(spec?.args, { fields: { where: { fields: { and: { list: 'any' }, name: 'string' } } } })
})
