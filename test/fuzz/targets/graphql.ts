import { buildSchema } from 'graphql'
import {
  type Catalog,
  classify,
  graphqlCatalog,
  openCatalog,
  type Recognised,
} from '../../../src/protocol/index.js'
import { post, railway } from '../../protocol/graphql-request.js'
import { operationsOf } from '../classified.js'
import { type Executed, executedBy, typedFields } from '../graphql-reference.js'
import { equal, type FuzzTarget, holds, type Seen, sortedJson } from '../target.js'

const SDL = `
  directive @countersign(classes: [String!]) on FIELD_DEFINITION
  interface Node { id: ID!, owner: User }
  type User implements Node { id: ID!, owner: User, apiKey: String, friends(first: Int): [User!], pet: Pet }
  type Vault implements Node { id: ID!, owner: User, body(reveal: Boolean): String @countersign(classes: ["sensitive_read"]) }
  type Cat { name: String, owner: User }
  type Dog { name: String, secret: String }
  union Pet = Cat | Dog
  input Change { name: String, tags: [String!], more: Change }
  type Query { user(id: ID!): User, node(id: ID!): Node, vaults: [Vault!], pet: Pet, same: String }
  type Mutation { userDelete(id: ID!, change: Change): User, vaultOpen(id: ID!): Vault, same: String }
`
const SECRET: ReadonlySet<string> = new Set(['User.apiKey', 'Vault.body', 'Dog.secret'])
const schema = buildSchema(SDL)

type Classify = typeof classify

/** Whatever passes asks for at least what a server would execute. */
export function graphqlWith(classifier: Classify): FuzzTarget['run'] {
  const own = openCatalog(
    graphqlCatalog('own', SDL, { upstream: 'https://graph.internal', path: '/graphql/v2' }),
  )
  const shipped = railway()
  return bytes => {
    const executed = executedBy(bytes)
    const names = executed === null ? null : typedFields(schema, executed)
    const seen = [shipped, own].map((catalog): Seen => {
      const operations = operationsOf(catalog, classifier(catalog, post('', { body: bytes })))
      if (operations === null) return 'refused'
      holds(executed !== null, 'what is accepted can be executed')
      holds(executed.kind !== 'subscription', 'no subscription is accepted')
      includesRoots(catalog, operations, executed)
      if (catalog === own && names !== null) includesSecrets(operations, names)
      return 'accepted'
    })
    return seen.includes('accepted') ? 'accepted' : 'refused'
  }
}

function includesRoots(catalog: Catalog, operations: readonly Recognised[], { kind, roots }: Executed): void {
  const root = kind === 'query' ? 'Query' : 'Mutation'
  const known = new Set(catalog.operations().map(({ name }) => name))
  const left = [...operations]
  for (const { field, args } of roots) {
    if (field === '__typename') continue
    if (kind === 'query' && (field === '__schema' || field === '__type')) {
      holds(
        operations.some(({ name }) => name === '__schema'),
        'introspection is seen',
        field,
      )
      continue
    }
    const at = left.findIndex(
      ({ name, args: own }) =>
        (name === `${root}.${field}` || (name === field && known.has(name))) &&
        sortedJson(own) === sortedJson(args),
    )
    holds(
      at >= 0,
      `every root field that would run is an operation, with its arguments: ${field}`,
      args,
      operations,
    )
    left.splice(at, 1)
  }
}

function includesSecrets(operations: readonly Recognised[], typed: ReadonlySet<string>): void {
  const found = new Set(operations.map(({ name }) => name).filter(name => SECRET.has(name)))
  equal(
    [...found].sort(),
    [...typed].filter(name => SECRET.has(name)).sort(),
    'every field that is marked is an operation',
  )
}

const asked = (query: string, more: object = {}): string => JSON.stringify({ query, ...more })

export const target: FuzzTarget = {
  about: 'GraphQL: what passes includes every root field and marked field that graphql-js would execute',
  words: [
    '{"query":"',
    '"variables":{',
    '"operationName":"',
    'query',
    'mutation',
    'subscription',
    'fragment F on ',
    '...F',
    '... on User{',
    'volumeDelete(volumeId:',
    '@skip(if:true)',
    '@include(if:$a)',
    '($a:ID=1)',
    '{apiKey}',
    'secret',
    'body',
    'same',
    'a:same',
    '__schema{types{name}}',
    '\\"\\"\\"',
    '\\"',
    '#',
    '\\n',
    '$a',
    'null',
    '"extensions":{}',
    'owner{',
    'friends{',
    'vaults{',
    'pet{',
    'userDelete(id:1)',
    ',',
    '1e3',
    '-0',
  ],
  maxBytes: 1_500,
  run: graphqlWith(classify),
  seeds: () => ({
    delete: asked('mutation($v: String!) { volumeDelete(volumeId: $v) }', { variables: { v: 'v-91' } }),
    fragment: asked(
      'query Q($d: Boolean = true) { environment(id: "e") { ...F } } fragment F on Environment { config(decryptVariables: $d) }',
    ),
    input: asked(
      'mutation { volumeInstanceUpdate(volumeId: "v", input: { state: DELETED, mountPath: """a""" }) }',
    ),
    own: asked(
      'query($a: ID = 3) { a: user(id: $a) { ...U pet { ... on Dog { secret } } } same vaults { body(reveal: true) } } fragment U on User { apiKey friends(first: 3) { id } }',
    ),
    change: asked(
      'mutation M($c: Change) { userDelete(id: 7, change: {name: "x", tags: ["a", "b"], more: $c}) { id } same } query N { same }',
      { operationName: 'M', variables: { c: { name: null } } },
    ),
    skipped: asked('mutation { userDelete(id: 1) @skip(if: true) { id } ... @include(if: false) { same } }'),
    introspection: asked('{ __schema { types { name } } __typename }'),
    batch: `[${asked('{same}')}]`,
    subscription: asked('subscription { same }'),
    persisted: '{"extensions":{"persistedQuery":{"sha256Hash":"ab"}}}',
    directive: asked('{ same @defer }'),
    condition: asked('{ ... on User { same ... on Cat { same } } pet { name } }'),
  }),
}
