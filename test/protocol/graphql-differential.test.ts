import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  buildSchema,
  type DocumentNode,
  type GraphQLSchema,
  Kind,
  parse,
  print,
  type SelectionSetNode,
  specifiedRules,
  TypeInfo,
  validate,
  visit,
  visitWithTypeInfo,
} from 'graphql'
import { classify, graphqlCatalog, openCatalog } from '../../src/protocol/index.js'
import { post, railway } from './graphql-request.js'

const SDL = `
  directive @countersign(classes: [String!]) on FIELD_DEFINITION
  interface Node { id: ID!, owner: User }
  type User implements Node { id: ID!, owner: User, apiKey: String, friends(first: Int): [User!], pet: Pet }
  type Vault implements Node { id: ID!, owner: User, body(reveal: Boolean): String @countersign(classes: ["sensitive_read"]) }
  type Cat { name: String, owner: User }
  type Dog { name: String, secret: String }
  union Pet = Cat | Dog
  type Query { user(id: ID!): User, node(id: ID!): Node, vaults: [Vault!], pet: Pet, same: String }
  type Mutation { userDelete(id: ID!): User, vaultOpen(id: ID!): Vault, same: String }
`
const MARKED = new Set(['User.apiKey', 'Vault.body', 'Dog.secret'])
const schema: GraphQLSchema = buildSchema(SDL)
const own = openCatalog(
  graphqlCatalog('own', SDL, { upstream: 'https://graph.internal', path: '/graphql/v2' }),
)

/** Names by graphql-js itself: a typed visit of the operation with its fragments spread in. */
function namesByReference(document: DocumentNode): ReadonlySet<string> {
  const [operation] = document.definitions
  assert.ok(operation?.kind === Kind.OPERATION_DEFINITION)
  const fragments = new Map(
    document.definitions.flatMap(definition =>
      definition.kind === Kind.FRAGMENT_DEFINITION ? [[definition.name.value, definition] as const] : [],
    ),
  )
  const inline = (set: SelectionSetNode): SelectionSetNode => ({
    ...set,
    selections: set.selections.map(selection => {
      if (selection.kind === Kind.FRAGMENT_SPREAD) {
        const fragment = fragments.get(selection.name.value)
        assert.ok(fragment !== undefined)
        const { typeCondition, selectionSet } = fragment
        return { kind: Kind.INLINE_FRAGMENT, typeCondition, selectionSet: inline(selectionSet) }
      }
      return selection.selectionSet === undefined
        ? selection
        : { ...selection, selectionSet: inline(selection.selectionSet) }
    }),
  })
  const names = new Set<string>()
  const types = new TypeInfo(schema)
  const whole = { ...operation, selectionSet: inline(operation.selectionSet) }
  visit(
    whole,
    visitWithTypeInfo(types, {
      Field(node) {
        const parent = types.getParentType()?.name ?? ''
        const field = node.name.value
        if (field.startsWith('__')) return
        if (parent === 'Query' || parent === 'Mutation')
          names.add(field === 'same' ? `${parent}.same` : field)
        else if (MARKED.has(`${parent}.${field}`)) names.add(`${parent}.${field}`)
      },
    }),
  )
  return names
}

const LEAVES: Readonly<Record<string, readonly string[]>> = {
  Query: ['same'],
  Mutation: ['same'],
  Node: ['id', '__typename'],
  User: ['id', 'apiKey', 'k: apiKey'],
  Vault: ['id', 'body', 'b: body(reveal: true)', 'c: body(reveal: $flag)'],
  Cat: ['name'],
  Dog: ['name', 'secret'],
  Pet: ['__typename'],
}
const BRANCHES: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  Query: [
    ['user(id: 1)', 'User'],
    ['u: user(id: $id)', 'User'],
    ['node(id: "n")', 'Node'],
    ['vaults', 'Vault'],
    ['pet', 'Pet'],
    ['... on Query', 'Query'],
    ['...', 'Query'],
  ],
  Mutation: [
    ['userDelete(id: $id)', 'User'],
    ['d: userDelete(id: 2) @skip(if: $flag)', 'User'],
    ['vaultOpen(id: 3)', 'Vault'],
    ['...', 'Mutation'],
  ],
  Node: [
    ['... on User', 'User'],
    ['... on Vault @include(if: $flag)', 'Vault'],
    ['owner', 'User'],
  ],
  User: [
    ['friends(first: 3)', 'User'],
    ['pet', 'Pet'],
    ['... on Node', 'Node'],
  ],
  Vault: [['owner', 'User']],
  Cat: [['owner', 'User']],
  Dog: [],
  Pet: [
    ['... on Cat', 'Cat'],
    ['... on Dog', 'Dog'],
  ],
}

/** The text of a selection set of `type`; one branch in three goes by way of a named fragment. */
function selections(
  type: string,
  depth: number,
): fc.Arbitrary<{ text: string; fragments: readonly string[] }> {
  const leaf = fc
    .constantFrom(...(LEAVES[type] as readonly string[]))
    .map(text => ({ text, fragments: [] as string[] }))
  const branches = BRANCHES[type] ?? []
  const item =
    depth === 0 || branches.length === 0
      ? leaf
      : fc.oneof(
          leaf,
          fc
            .constantFrom(...branches)
            .chain(([head, below]) =>
              fc.tuple(
                fc.constant(head),
                fc.constant(below),
                selections(below, depth - 1),
                fc.nat({ max: 1e9 }),
                fc.nat(2),
              ),
            )
            .map(([head, below, inner, id, named]) =>
              named > 0
                ? { text: `${head} { ${inner.text} }`, fragments: [...inner.fragments] }
                : {
                    text: `${head} { ...F${id} }`,
                    fragments: [...inner.fragments, `fragment F${id} on ${below} { ${inner.text} }`],
                  },
            ),
        )
  return fc.array(item, { minLength: 1, maxLength: 4 }).map(items => ({
    text: items.map(one => one.text).join(' '),
    fragments: items.flatMap(one => one.fragments),
  }))
}

const documents = fc
  .constantFrom(['query', 'Query'] as const, ['mutation', 'Mutation'] as const)
  .chain(([kind, root]) => fc.tuple(fc.constant(kind), selections(root, 4)))
  .map(([kind, { text, fragments }]) =>
    [`${kind} Q($id: ID! = 7, $flag: Boolean = true) { ${text} }`, ...new Set(fragments)].join('\n'),
  )

test('root and marked fields are those that graphql-js finds with the schema', () => {
  let compared = 0
  fc.assert(
    fc.property(documents, text => {
      const document = parse(text)
      const rules = specifiedRules.filter(
        rule => !/Overlapping|UnusedVariables|UnusedFragments/.test(rule.name),
      )
      fc.pre(validate(schema, document, rules).length === 0)
      const classification = classify(own, post({ query: text }))
      if (classification.kind === 'unclassifiable') assert.fail(`${classification.code}\n${text}`)
      const found = new Set(classification.operations.map(operation => operation.name))
      found.delete('__typename')
      assert.deepEqual(new Set([...found].sort()), new Set([...namesByReference(document)].sort()), text)
      compared++
    }),
    { numRuns: 400 },
  )
  assert.ok(compared >= 400)
})

test('a document and its printed form ask for the same', () => {
  fc.assert(
    fc.property(documents, text => {
      const original = classify(own, post({ query: text }))
      const printed = classify(own, post({ query: print(parse(text)) }))
      assert.deepEqual(JSON.stringify(printed), JSON.stringify(original))
    }),
    { numRuns: 200 },
  )
})

const catalog = railway()
const SEEDS = [
  'mutation($v: String!) { volumeDelete(volumeId: $v) }',
  'query Q($d: Boolean = true) { environment(id: "e") { ...F } } fragment F on Environment { config(decryptVariables: $d) }',
  'mutation { volumeInstanceUpdate(volumeId: "v", input: { state: DELETED, mountPath: """a""" }) }',
]

test('classifying never throws, whatever the bytes', () => {
  const bytes = fc.uint8Array({ maxLength: 400 })
  fc.assert(
    fc.property(bytes, body => {
      const classification = classify(catalog, post('', { body }))
      assert.ok(classification.kind === 'unclassifiable' || classification.operations.length > 0)
    }),
    { numRuns: 500 },
  )
})

test('classifying never throws, whatever the JSON', () => {
  const member = fc.constantFrom(
    'query',
    'variables',
    'operationName',
    'extensions',
    'id',
    '__proto__',
    'Query',
  )
  const value = fc.oneof(fc.jsonValue(), fc.constantFrom(...SEEDS))
  fc.assert(
    fc.property(fc.dictionary(member, value), body => {
      const classification = classify(catalog, post(JSON.stringify(body)))
      if (classification.kind === 'operations')
        for (const recognised of classification.operations) catalog.describe('railway', recognised)
    }),
    { numRuns: 1000 },
  )
})

test('a mangled document is refused, or a name in it that the catalog lacks is unknown', () => {
  const edit = fc.record({
    at: fc.nat(200),
    cut: fc.nat(6),
    put: fc.constantFrom('', '{', '}', '...', '$v', '"', '!', 'a', ' ', '@skip', ':', '__', '#'),
  })
  fc.assert(
    fc.property(
      fc.constantFrom(...SEEDS),
      fc.array(edit, { maxLength: 4 }),
      fc.jsonValue(),
      (seed, edits, v) => {
        let query = seed
        for (const { at, cut, put } of edits) {
          const place = at % (query.length + 1)
          query = query.slice(0, place) + put + query.slice(place + cut)
        }
        const classification = classify(catalog, post(JSON.stringify({ query, variables: { v } })))
        if (classification.kind === 'unclassifiable') return
        assert.ok(classification.operations.length > 0)
        for (const recognised of classification.operations) {
          const operation = catalog.describe('railway', recognised)
          assert.ok(operation.classes.length > 0)
          const known = catalog.operations().some(spec => spec.name === operation.name)
          assert.equal(operation.classes.includes('unknown'), !known)
        }
      },
    ),
    { numRuns: 1000 },
  )
})

test('describing never throws, whatever the arguments', () => {
  const namesOfCatalog = catalog.operations().map(spec => spec.name)
  const args = fc.dictionary(
    fc.constantFrom('input', 'id', 'ids', 'volumeId', 'environmentId', 'patch'),
    fc.jsonValue(),
  )
  fc.assert(
    fc.property(fc.oneof(fc.constantFrom(...namesOfCatalog), fc.string()), args, (name, given) => {
      const operation = catalog.describe('railway', { name, args: JSON.parse(JSON.stringify(given)) })
      assert.ok(operation.baseClasses.every(one => operation.classes.includes(one)))
    }),
    { numRuns: 1000 },
  )
})
