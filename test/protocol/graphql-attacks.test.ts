import assert from 'node:assert/strict'
import { test } from 'node:test'
import { classify, type RawRequest } from '../../src/protocol/index.js'
import { ask, codeOf, names, operationsOf, plain, post, railway } from './graphql-request.js'

const catalog = railway()
const DELETE = 'mutation { volumeDelete(volumeId: "v-91") }'

function refused(request: RawRequest, code: string): void {
  assert.equal(codeOf(classify(catalog, request)), code)
}

function refusedBody(body: unknown, code: string): void {
  refused(post(body), code)
}

test('an alias does not hide volumeDelete', () => {
  const [operation] = ask(catalog, 'mutation { projectUpdate: volumeDelete(volumeId: "v-91") }')
  assert.equal(operation?.name, 'volumeDelete')
  assert.deepEqual(operation?.classes, ['irreversible'])
  assert.deepEqual(operation?.resources, [{ type: 'volume', id: 'v-91' }])
})

test('a second alias is a second operation', () => {
  const query = 'mutation { a: volumeDelete(volumeId: "v-1") b: volumeDelete(volumeId: "v-1") }'
  assert.deepEqual(names(ask(catalog, query)), ['volumeDelete', 'volumeDelete'])
})

test('a named fragment does not hide volumeDelete', () => {
  const query = `mutation { ...Harmless } fragment Harmless on Mutation { volumeDelete(volumeId: "v-91") }`
  assert.deepEqual(names(ask(catalog, query)), ['volumeDelete'])
})

test('a condition that the root does not meet hides no volumeDelete, for a server that doesn’t look', () => {
  for (const [condition, ...others] of [['User'], ['Volume'], ['Nobody', 'Nobody.*']]) {
    const inline = `mutation { ... on ${condition} { volumeDelete(volumeId: "v-91") } }`
    assert.deepEqual(names(ask(catalog, inline)), [...others, 'volumeDelete'], condition)
    const named = `mutation { ...F } fragment F on ${condition} { ... on User { volumeDelete(volumeId: "v-91") } }`
    assert.deepEqual(names(ask(catalog, named)), [...others, 'volumeDelete'], condition)
  }
})

test('a fragment that is spread below a field and at the root counts at the root as well', () => {
  const query = `query { me { ...F } ...F } fragment F on User { me { id } }`
  assert.deepEqual(names(ask(catalog, query)).filter(name => name === 'me').length, 2)
})

test('nested and inline fragments do not hide volumeDelete', () => {
  const query = `mutation { ... { ... on Mutation { ...A } } }
    fragment A on Mutation { ...B }
    fragment B on Mutation { x: volumeDelete(volumeId: "v-91") }`
  assert.deepEqual(names(ask(catalog, query)), ['volumeDelete'])
})

test('a field that @skip or @include leaves out counts as executed, whatever the variable says', () => {
  const query = `mutation($no: Boolean!) {
    a: volumeDelete(volumeId: "v-1") @skip(if: $no)
    b: serviceDelete(id: "s-1") @include(if: false)
    ... @include(if: $no) { c: projectDelete(id: "p-1") }
  }`
  assert.deepEqual(names(ask(catalog, query, { no: true })), [
    'volumeDelete',
    'serviceDelete',
    'projectDelete',
  ])
})

test('a directive nobody knows is refused wherever it stands', () => {
  for (const query of [
    'mutation { volumeUpdate(volumeId: "v", input: {}) { id @rename(to: "x") } }',
    '{ me @export(as: "v") { id } }',
    'query @live { me { id } }',
    'query($a: Int @default) { me { id } }',
    '{ ...F } fragment F on Query @stream { me { id } }',
    '{ ... @defer { me { id } } }',
  ])
    refusedBody({ query }, 'graphql_directive')
})

test('of several operations the named one counts, and nothing else', () => {
  const query = `query Look { me { id } } mutation Wipe { volumeDelete(volumeId: "v-91") }`
  assert.deepEqual(names(operationsOf(catalog, post({ query, operationName: 'Wipe' }))), ['volumeDelete'])
  assert.deepEqual(names(operationsOf(catalog, post({ query, operationName: 'Look' }))), ['me'])
})

test('several operations without a name, with a wrong or an empty one, are refused', () => {
  const query = `query Look { me { id } } mutation Wipe { volumeDelete(volumeId: "v-91") }`
  for (const body of [
    { query },
    { query, operationName: null },
    { query, operationName: 'look' },
    { query, operationName: '' },
    { query, operationName: 'Wipe ' },
    { query, operationName: ['Wipe'] },
    { query: DELETE, operationName: 'Wipe' },
  ])
    refusedBody(body, 'graphql_operation_name')
})

test('two operations of one name, and two without one, are refused', () => {
  refusedBody(
    { query: `query A { me { id } } mutation A { userDelete }`, operationName: 'A' },
    'graphql_duplicate',
  )
  refusedBody({ query: `{ me { id } } mutation { userDelete }` }, 'graphql_duplicate')
})

test('a batch is refused', () => {
  refusedBody([{ query: '{ me { id } }' }, { query: DELETE }], 'graphql_batch')
  refusedBody([{ query: DELETE }], 'graphql_batch')
  refusedBody([], 'graphql_batch')
})

test('a query in the URL is refused, alone and beside a body', () => {
  const inUrl = `?query=${encodeURIComponent(DELETE)}`
  refused(post({ query: '{ me { id } }' }, { target: `/graphql/v2${inUrl}` }), 'graphql_url_query')
  refused(post('', { target: `/graphql/v2${inUrl}`, body: null }), 'graphql_url_query')
  refused(post('', { method: 'GET', target: `/graphql/v2${inUrl}`, body: null }), 'graphql_url_query')
  refused(post({ query: '{ me { id } }' }, { target: '/graphql/v2?' }), 'graphql_url_query')
})

test('GET, PUT and the like are refused', () => {
  for (const method of ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
    refused(post({ query: DELETE }, { method }), 'graphql_method')
})

test('only the one endpoint is served', () => {
  for (const target of ['/graphql', '/graphql/v2/', '/graphql/V2', '/graphql/internal', '/'])
    refused(post({ query: DELETE }, { target }), 'graphql_path')
})

test('persisted queries are refused in every dialect', () => {
  const hash = 'ecf4edb46db40b5132295c0291d62fb65d6759a9eedfa4d5d612dd5ec54a6b38'
  for (const body of [
    { extensions: { persistedQuery: { version: 1, sha256Hash: hash } } },
    { query: '{ me { id } }', extensions: { persistedQuery: { version: 1, sha256Hash: hash } } },
    { id: hash },
    { documentId: hash },
    { doc_id: '123' },
    { hash },
    { query: '{ me { id } }', id: hash },
    { variables: {} },
    { query: null },
  ])
    refusedBody(body, 'graphql_persisted_query')
})

test('members in another case or that nobody knows are refused', () => {
  for (const body of [
    { query: '{ me { id } }', Query: DELETE },
    { QUERY: DELETE, query: '{ me { id } }' },
    { query: '{ me { id } }', operationname: 'x' },
    { query: '{ me { id } }', operations: '{}' },
    { query: '{ me { id } }', extensions: { unknown: true } },
    { query: 7 },
    { query: [DELETE] },
    { query: '{ me { id } }', variables: [] },
    { query: '{ me { id } }', variables: '{}' },
    { query: '{ me { id } }', extensions: [] },
  ])
    refusedBody(body, 'graphql_member')
})

test('a duplicate key is refused, also behind an escape', () => {
  const harmless = JSON.stringify('{ me { id } }')
  const harmful = JSON.stringify(DELETE)
  refusedBody(`{"query":${harmless},"query":${harmful}}`, 'json_duplicate_key')
  refusedBody(`{"query":${harmless},"\\u0071uery":${harmful}}`, 'json_duplicate_key')
  refusedBody(`{"query":${harmless},"variables":{"a":1,"a":2}}`, 'json_duplicate_key')
})

test('an escaped key and an escaped query are read as what they are', () => {
  const query = JSON.stringify(DELETE).replace('volumeDelete', '\\u0076olumeDelete')
  assert.deepEqual(names(operationsOf(catalog, post(`{"\\u0071uery":${query}}`))), ['volumeDelete'])
})

test('a byte order mark, UTF-16 and trailing bytes are refused', () => {
  const text = JSON.stringify({ query: DELETE })
  refusedBody(`\ufeff${text}`, 'json_syntax')
  refusedBody(`${text}{}`, 'json_syntax')
  refused(post('', { body: new Uint8Array(Buffer.from(text, 'utf16le')) }), 'json_syntax')
})

test('other media types are refused: application/graphql, multipart, form, none', () => {
  for (const type of [
    'application/graphql',
    'multipart/form-data; boundary=x',
    'application/x-www-form-urlencoded',
    'text/plain',
    'application/json; charset=utf-16',
    'application/json; charset=latin1',
    'application/graphql+json',
  ])
    refused(post({ query: DELETE }, { headers: [['content-type', type]] }), 'content_type_mismatch')
  refused(post({ query: DELETE }, { headers: [] }), 'content_type_mismatch')
  refused(
    post({ query: DELETE }, { headers: [['content-type', 'application/json\ta']] }),
    'content_type_invalid',
  )
  const twice = [
    ['content-type', 'application/json'],
    ['content-type', 'application/graphql'],
  ] as const
  refused(post({ query: DELETE }, { headers: twice }), 'header_duplicate')
})

test('a charset of UTF-8 is what the media type means anyway', () => {
  const request = post({ query: DELETE }, { headers: [['content-type', 'application/json; charset=UTF-8']] })
  assert.deepEqual(names(operationsOf(catalog, request)), ['volumeDelete'])
})

test('a method override is refused', () => {
  const headers = [
    ['content-type', 'application/json'],
    ['x-http-method-override', 'GET'],
  ] as const
  refused(post({ query: DELETE }, { headers }), 'method_override')
})

test('a subscription is refused', () => {
  refusedBody(
    { query: 'subscription { deploymentLogs(deploymentId: "d") { message } }' },
    'graphql_subscription',
  )
})

test('variables give values to arguments, and override no literal', () => {
  const query = 'mutation($v: String!) { a: volumeDelete(volumeId: $v) b: volumeDelete(volumeId: "literal") }'
  const operations = ask(catalog, query, { v: 'from-variable', volumeId: 'ignored', b: 'ignored' })
  assert.deepEqual(
    operations.map(operation => operation.resources[0]?.id),
    ['from-variable', 'literal'],
  )
})

test('a default stands in for a variable that is not given, null for one that is null', () => {
  const query = `mutation($replace: Boolean = true) {
    variableCollectionUpsert(input: { replace: $replace, projectId: "p", environmentId: "e", variables: {} })
  }`
  assert.deepEqual(ask(catalog, query)[0]?.classes, ['destructive', 'update'])
  assert.deepEqual(ask(catalog, query, { replace: false })[0]?.classes, ['update'])
  assert.deepEqual(ask(catalog, query, { replace: null })[0]?.classes, ['destructive', 'update'])
})

test('a variable without a value makes its argument absent', () => {
  const query =
    'mutation($e: String) { volumeInstanceUpdate(volumeId: "v", environmentId: $e, input: {mountPath: "/x"}) }'
  const [without] = ask(catalog, query, {})
  assert.deepEqual(plain(without?.args), { volumeId: 'v', input: { mountPath: '/x' } })
  assert.ok(without?.classes.includes('destructive'), 'it changes every instance of the volume')
  assert.deepEqual(without?.scope, {})
  const [within] = ask(catalog, query, { e: 'staging' })
  assert.deepEqual(within?.classes, ['update'])
  assert.deepEqual(within?.scope, { environment: 'staging' })
})

test('a remembered query sees the variables of each request anew', () => {
  const query = 'mutation($v: String!) { volumeDelete(volumeId: $v) }'
  for (const v of ['v-1', 'v-2', 'v-1'])
    assert.deepEqual(ask(catalog, query, { v })[0]?.resources, [{ type: 'volume', id: v }])
})

test('a remembered document sees the operation name of each request anew', () => {
  const query = `query A { me { id } } mutation B { userDelete }`
  for (const [operationName, name] of [
    ['A', 'me'],
    ['B', 'userDelete'],
    ['A', 'me'],
  ] as const)
    assert.deepEqual(names(operationsOf(catalog, post({ query, operationName }))), [name])
})

test('a variable that the operation does not define is refused', () => {
  refusedBody({ query: 'mutation { volumeDelete(volumeId: $v) }', variables: { v: 'x' } }, 'graphql_variable')
  const nested = 'mutation { variableUpsert(input: { value: [$v] }) }'
  refusedBody({ query: nested, variables: { v: 'x' } }, 'graphql_variable')
})

test('an argument, a variable, a member or a fragment given twice is refused', () => {
  for (const query of [
    'mutation { volumeDelete(volumeId: "a", volumeId: "b") }',
    'mutation($v: String, $v: String) { volumeDelete(volumeId: $v) }',
    'mutation { variableUpsert(input: { name: "a", name: "b" }) }',
    '{ ...F } fragment F on Query { me { id } } fragment F on Query { me { name } }',
  ])
    refusedBody({ query }, 'graphql_duplicate')
})

test('a block string is decoded before it names anything', () => {
  const query = 'mutation { volumeDelete(volumeId: """\n    v-91\n  """) }'
  assert.deepEqual(ask(catalog, query)[0]?.resources, [{ type: 'volume', id: 'v-91' }])
})

test('escapes in a string are decoded before it names anything', () => {
  const query = 'mutation { volumeDelete(volumeId: "\\u0076\\u{2d}91") }'
  assert.deepEqual(ask(catalog, query)[0]?.resources, [{ type: 'volume', id: 'v-91' }])
})

test('enum values are strings, literal or variable', () => {
  const literal = ask(
    catalog,
    'mutation { volumeInstanceUpdate(volumeId: "v", environmentId: "e", input: {state: DELETED}) }',
  )
  const query =
    'mutation($s: VolumeState) { volumeInstanceUpdate(volumeId: "v", environmentId: "e", input: {state: $s}) }'
  const variable = ask(catalog, query, { s: 'DELETED' })
  assert.deepEqual(plain(literal), plain(variable))
  assert.ok(literal[0]?.classes.includes('irreversible'))
})

test('a number that a double does not carry is refused', () => {
  for (const number of ['9007199254740993', '-9007199254740993', '1e999'])
    refusedBody({ query: `{ buildLogs(deploymentId: "d", limit: ${number}) { message } }` }, 'graphql_number')
  refusedBody(`{"query":"{ me { id } }","variables":{"n":9007199254740993}}`, 'json_number')
})

test('10,000 aliases are refused', () => {
  const aliases = Array.from({ length: 10_000 }, (_, i) => `a${i}: volumeDelete(volumeId: "v")`)
  refusedBody({ query: `mutation { ${aliases.join(' ')} }` }, 'graphql_too_complex')
})

test('501 root fields are refused, also behind doubling fragments', () => {
  const fields = Array.from({ length: 501 }, (_, i) => `a${i}: userDelete`)
  refusedBody({ query: `mutation { ${fields.join(' ')} }` }, 'graphql_too_complex')
  const doubling = Array.from(
    { length: 30 },
    (_, i) => `fragment F${i} on Mutation { ...F${i + 1} ...F${i + 1} }`,
  )
  const query = `mutation { ...F0 } ${doubling.join(' ')} fragment F30 on Mutation { userDelete }`
  refusedBody({ query }, 'graphql_too_complex')
})

test('doubling fragments below the roots cost what they hold, once', () => {
  const doubling = Array.from(
    { length: 30 },
    (_, i) => `fragment F${i} on Project { ...F${i + 1} ...F${i + 1} }`,
  )
  const query = `{ project(id: "p") { ...F0 } } ${doubling.join(' ')}
    fragment F30 on Project { environments { edges { node { config } } } }`
  assert.deepEqual(names(ask(catalog, query)), ['project', 'Environment.config'])
})

test('a large variable that many fields name is refused before it is put in everywhere', () => {
  const fields = (count: number, argument: string): string =>
    Array.from({ length: count }, (_, i) => `a${i}: volumeDelete(volumeId: ${argument})`).join(' ')
  const variables = { v: 'x'.repeat(100_000) }
  refusedBody({ query: `mutation($v: String!) { ${fields(400, '$v')} }`, variables }, 'graphql_too_complex')
  refusedBody(
    { query: `mutation($v: String!) { ${fields(1, `[${'$v '.repeat(4_000)}]`)} }`, variables },
    'graphql_too_complex',
  )
  const below = Array.from({ length: 400 }, (_, i) => `a${i}: unheard(v: $v, n: ${i})`).join(' ')
  refusedBody(
    { query: `query($v: String!) { project(id: "p") { ${below} } }`, variables },
    'graphql_too_complex',
  )
  const list = { v: Array.from({ length: 50_000 }, () => 1) }
  refusedBody(
    { query: `mutation($v: [Int]) { ${fields(400, '$v')} }`, variables: list },
    'graphql_too_complex',
  )
})

test('a variable of nearly a whole body is taken where it stands once, as a value and as a default', () => {
  const text = 'x'.repeat(1_000_000)
  const once = 'mutation($v: String!) { volumeDelete(volumeId: $v) }'
  assert.deepEqual(names(ask(catalog, once, { v: text })), ['volumeDelete'])
  const byDefault = `mutation($v: String = "${text}") { volumeDelete(volumeId: $v) }`
  assert.deepEqual(names(ask(catalog, byDefault)), ['volumeDelete'])
})

test('a fragment of many values that a root spreads again and again is refused', () => {
  const many = `mutation { ${'...F '.repeat(400)} }`
  refusedBody(
    { query: `${many} fragment F on Mutation { volumeDelete(volumeId: [${'1 '.repeat(8_000)}]) }` },
    'graphql_too_complex',
  )
  refusedBody(
    { query: `${many} fragment F on Mutation { volumeDelete(volumeId: "${'x'.repeat(100_000)}") }` },
    'graphql_too_complex',
  )
})

test('deep nesting is refused, of selections, of values and of JSON', () => {
  const deep = (open: string, close: string, levels: number) => open.repeat(levels) + close.repeat(levels)
  refusedBody({ query: `{ me ${'{ workspace '.repeat(70)} ${'}'.repeat(70)} }` }, 'graphql_too_complex')
  refusedBody({ query: `{ me ${'{ a '.repeat(4900)}` }, 'graphql_too_complex')
  refusedBody({ query: `{ me ${'{ a '.repeat(4900)} ${'}'.repeat(4900)} }` }, 'graphql_too_complex')
  refusedBody({ query: `mutation { signalDefaultSet(input: ${deep('[', ']', 70)}) }` }, 'graphql_too_complex')
  refusedBody(`{"query":"{ me { id } }","variables":{"a":${deep('[', ']', 70)}}}`, 'json_depth')
})

test('a variable is not put in as often as it is named, whatever its length', () => {
  const each = (count: number, field: (n: number) => string): string =>
    Array.from({ length: count }, (_, n) => field(n)).join(' ')
  const values = [
    Array.from({ length: 200_000 }, () => 1),
    'v'.repeat(400_000),
    { a: Array(100_000).fill({}) },
  ]
  for (const value of values)
    for (const query of [
      `query($v: X) { me { ${each(490, n => `a${n}: nope(v: $v, n: ${n})`)} } }`,
      `mutation($v: X) { ${each(100, n => `a${n}: volumeDelete(volumeId: $v)`)} }`,
      `mutation($v: X) { volumeDelete(volumeId: [${each(4_000, () => '$v')}]) }`,
      `mutation($v: X) { volumeDelete(volumeId: { ${each(2_000, n => `a${n}: $v`)} }) }`,
    ])
      refusedBody({ query, variables: { v: value } }, 'graphql_too_complex')
  const literal = `mutation { ${each(100, () => '...F')} } fragment F on Mutation { volumeDelete(volumeId: "${'v'.repeat(400_000)}") }`
  refusedBody({ query: literal }, 'graphql_too_complex')
  const twice = 'mutation($v: X) { a: volumeDelete(volumeId: $v) b: volumeDelete(volumeId: $v) }'
  assert.equal(ask(catalog, twice, { v: 'v'.repeat(500_000) }).length, 2)
})

test('brackets in a string are not nesting', () => {
  const query = `mutation { dockerComposeImport(projectId: "p", environmentId: "e", yaml: "${'[{('.repeat(400)}") { errors } }`
  assert.deepEqual(names(ask(catalog, query)), ['dockerComposeImport'])
})

test('a fragment that contains itself, or is missing, is refused', () => {
  for (const query of [
    '{ ...A } fragment A on Query { ...A }',
    '{ ...A } fragment A on Query { ...B } fragment B on Query { me { id } ...A }',
    '{ me { id } } fragment A on User { ...A }',
    '{ ...Missing }',
    '{ me { ...Missing } }',
  ])
    refusedBody({ query }, 'graphql_fragment')
})

test('type definitions and broken documents are refused', () => {
  for (const query of [
    'type Query { a: Int }',
    '',
    '{',
    '{ me { id } } }',
    'mutation',
    '{ me(',
    '{}',
    '\u0000',
  ])
    refusedBody({ query }, 'graphql_syntax')
})

test('a root field that nobody knows is unknown, and so is a mutation asked for as a query', () => {
  for (const [query, name] of [
    ['mutation { volumeObliterate(id: 1) }', 'Mutation.volumeObliterate'],
    ['{ volumeDelete(volumeId: "v") }', 'Query.volumeDelete'],
    ['mutation { __schema { types { name } } }', 'Mutation.__schema'],
    ['{ _service { sdl } }', 'Query._service'],
  ] as const) {
    const [operation] = ask(catalog, query)
    assert.equal(operation?.name, name)
    assert.deepEqual(operation?.classes, ['unknown'])
  }
})

test('introspection reads, and __typename is nothing', () => {
  const [operation, ...others] = ask(catalog, '{ __schema { types { name } } __typename t: __typename }')
  assert.equal(operation?.name, '__schema')
  assert.deepEqual(operation?.classes, ['read'])
  assert.deepEqual(others, [])
  assert.deepEqual(names(ask(catalog, '{ __type(name: "User") { name } }')), ['__schema'])
  assert.deepEqual(ask(catalog, 'mutation { __typename }')[0]?.classes, ['read'])
})

test('a secret below a harmless mutation is an operation of its own', () => {
  const query = `mutation { environmentRename(id: "e", input: { name: "x" }) { config(decryptVariables: true) } }`
  const [rename, config] = ask(catalog, query)
  assert.equal(rename?.name, 'environmentRename')
  assert.equal(config?.name, 'Environment.config')
  assert.deepEqual(config?.classes, ['sensitive_read'])
  assert.deepEqual(plain(config?.args), { decryptVariables: true })
})

test('a secret below an interface is found through the type that a fragment names', () => {
  const query = `{ customDomain(id: "d", projectId: "p") { ... on Node { ... on Environment { config } } } }`
  assert.deepEqual(names(ask(catalog, query)), ['customDomain', 'Environment.config'])
})

test('a secret below a union is found through the type that a fragment names', () => {
  const query = `{ projectInvitation(code: "c") { ... on InviteCode { code } ... on ProjectInvitation { id } } }`
  assert.deepEqual(names(ask(catalog, query)), ['projectInvitation', 'InviteCode.code'])
})

test('a nested field, an argument or a type that nobody knows is unknown', () => {
  for (const [query, unknown] of [
    ['{ me { sessionCookie } }', 'User.sessionCookie'],
    ['{ me { id { secret } } }', 'User.id.*'],
    ['{ me { ... on Superuser { key } } }', 'Superuser.*'],
    ['{ me { name(decrypt: true) } }', 'User.name'],
    ['{ me { ...F } } fragment F on Superuser { key }', 'Superuser.*'],
  ] as const) {
    const operations = ask(catalog, query)
    assert.deepEqual(names(operations), ['me', unknown])
    assert.deepEqual(operations[1]?.classes, ['unknown'])
  }
})

test('an argument that the catalog does not know makes an operation opaque', () => {
  for (const query of [
    'mutation { variableUpsert(input: { name: "a" }, force: true) }',
    'mutation { variableUpsert(input: { name: "a", everywhere: true }) }',
    'mutation { projectTransfer(projectId: "p", input: [{ workspaceId: "w", force: true }]) }',
  ])
    assert.ok(ask(catalog, query)[0]?.classes.includes('opaque'), query)
})

test('prototype keys are names like any other', () => {
  const query = 'mutation($v: JSON) { variableUpsert(input: { __proto__: $v, constructor: 1 }) }'
  const body = `{"query":${JSON.stringify(query)},"variables":{"v":1,"__proto__":{"v":2}}}`
  const [operation] = operationsOf(catalog, post(body))
  assert.deepEqual(Object.keys(operation?.args.input as object), ['__proto__', 'constructor'])
  assert.ok(operation?.classes.includes('opaque'))
  assert.deepEqual(
    ask(catalog, '{ __proto__ constructor hasOwnProperty }').map(o => o.classes),
    [['unknown'], ['unknown'], ['unknown']],
  )
})

test('two arguments that name different environments leave the scope unknown', () => {
  const shared = catalog.describe('railway', {
    name: 'projectTransferToTeam',
    args: { id: 'p', input: { teamId: 't' } },
  })
  assert.deepEqual(shared.scope, { project: 'p', workspace: 't' })
  const split = catalog.describe('railway', {
    name: 'workspacePermissionChange',
    args: { input: { workspaceId: 'w' }, workspaceId: 'other' },
  })
  assert.equal(split.classes.includes('opaque'), true)
})

test('an empty id names nothing', () => {
  const [operation] = ask(
    catalog,
    'mutation { volumeInstanceUpdate(volumeId: "", environmentId: "", input: {}) }',
  )
  assert.deepEqual(operation?.scope, {})
  assert.deepEqual(operation?.resources, [])
  assert.ok(operation?.classes.includes('destructive'))
})

test('a body past the limit is refused before it is read', () => {
  refusedBody({ query: `# ${'x'.repeat(1 << 20)}\n{ me { id } }` }, 'body_too_large')
})
