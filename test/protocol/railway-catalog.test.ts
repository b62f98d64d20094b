import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { railwayCatalog } from '../../scripts/catalog/railway.js'
import { canonicalize } from '../../src/canon/index.js'
import type { OperationClass } from '../../src/protocol/index.js'
import { needsSharedData, sharedData } from '../shared-data.js'
import { ask, railway } from './graphql-request.js'

const REFERENCE = 'apidata/railway-operations.json'
const catalog = railway()
const specs = new Map(catalog.operations().map(spec => [spec.name, spec]))

interface Reference {
  readonly sensitiveQueries: readonly string[]
  readonly mutations: readonly {
    readonly op: string
    readonly class: OperationClass
    readonly args: string
  }[]
}

function reference(): Reference {
  return JSON.parse(readFileSync(sharedData(REFERENCE) as string, 'utf8'))
}

/** Classes that are on one ladder; the others are matched as they are. */
const LADDER: readonly OperationClass[] = ['read', 'create', 'update', 'destructive', 'irreversible']

function isAtLeast(classes: readonly OperationClass[], wanted: OperationClass): boolean {
  const rank = LADDER.indexOf(wanted)
  return classes.some(name => name === wanted || (rank !== -1 && LADDER.indexOf(name) > rank))
}

function classesOf(query: string, variables?: object): readonly OperationClass[] {
  return ask(catalog, query, variables)[0]?.classes ?? []
}

test('the catalog that ships is what the generator makes of the installed package', () => {
  const shipped = readFileSync(new URL('../../../config/catalogs/railway.json', import.meta.url), 'utf8')
  assert.equal(canonicalize(railwayCatalog()), shipped)
})

test('every mutation of the reference is there and at least as severe', needsSharedData(REFERENCE), () => {
  const { mutations } = reference()
  assert.equal(mutations.length, 230)
  for (const { op, class: wanted } of mutations) {
    const spec = specs.get(op) ?? specs.get(`Mutation.${op}`)
    assert.ok(spec !== undefined, op)
    assert.ok(isAtLeast(spec.classes, wanted), `${op}: ${spec.classes.join(' ')}, reference ${wanted}`)
  }
})

test('every argument of the reference is known to the catalog', needsSharedData(REFERENCE), () => {
  for (const { op, args } of reference().mutations) {
    const known = (specs.get(op) ?? specs.get(`Mutation.${op}`))?.args as { fields: Record<string, unknown> }
    for (const [, name] of args.matchAll(/(\w+): /g))
      assert.ok(Object.hasOwn(known.fields, name as string), op)
  }
})

test('every sensitive query of the reference is a sensitive read', needsSharedData(REFERENCE), () => {
  for (const name of reference().sensitiveQueries)
    assert.deepEqual(specs.get(name)?.classes, ['sensitive_read'], name)
})

test('every query reads and nothing else', () => {
  const body = railwayCatalog().body as { readonly types: { readonly Query: Record<string, unknown> } }
  const queries = Object.keys(body.types.Query)
  assert.ok(queries.length > 140)
  for (const name of queries) {
    const spec = specs.get(name) ?? specs.get(`Query.${name}`)
    assert.match(spec?.classes.join(' ') ?? 'missing', /^(?:sensitive_)?read$/, name)
  }
})

test('one name under both roots is two operations', () => {
  assert.ok(specs.has('Query.sandboxTemplateBuild'))
  assert.ok(specs.has('Mutation.sandboxTemplateBuild'))
  assert.ok(!specs.has('sandboxTemplateBuild'))
})

test('deleting a volume by its state is irreversible', () => {
  const update = (state: string) =>
    classesOf(
      `mutation { volumeInstanceUpdate(volumeId: "v", environmentId: "e", input: { state: ${state} }) }`,
    )
  assert.ok(update('DELETED').includes('irreversible'))
  assert.ok(update('DELETING').includes('irreversible'))
  assert.deepEqual(update('READY'), ['destructive', 'update'])
})

test('a volume update without an environment reaches every instance', () => {
  const mount = 'input: { mountPath: "/data" }'
  assert.ok(classesOf(`mutation { volumeInstanceUpdate(volumeId: "v", ${mount}) }`).includes('destructive'))
  assert.deepEqual(
    classesOf(`mutation { volumeInstanceUpdate(volumeId: "v", environmentId: "e", ${mount}) }`),
    ['update'],
  )
})

test('detaching a volume is destructive', () => {
  const query =
    'mutation { volumeInstanceUpdate(volumeId: "v", environmentId: "e", input: { serviceId: null }) }'
  assert.deepEqual(classesOf(query), ['destructive', 'update'])
})

test('isDeleted is found at any depth of a configuration patch', () => {
  const patch = { services: { s1: { deploy: {}, volumeMounts: {} } }, buckets: { b1: { isDeleted: true } } }
  for (const query of [
    'mutation($p: EnvironmentConfig) { environmentPatchCommit(environmentId: "e", patch: $p) }',
    'mutation($p: EnvironmentConfig!) { environmentStageChanges(environmentId: "e", input: $p) { id } }',
    'mutation($p: JSON!) { environmentApplyChangeSet(environmentId: "e", input: $p) { id } }',
  ]) {
    const classes = classesOf(query, { p: patch })
    assert.ok(classes.includes('irreversible'), query)
    assert.ok(classes.includes('opaque'), query)
  }
})

test('isDeleted is found in a literal patch too, whatever its value', () => {
  const query =
    'mutation { environmentPatchCommit(environmentId: "e", patch: { volumes: { v: { isDeleted: "yes" } } }) }'
  assert.ok(classesOf(query).includes('irreversible'))
})

test('a null in a configuration patch takes something away', () => {
  const query = 'mutation($p: EnvironmentConfig) { environmentPatchCommit(environmentId: "e", patch: $p) }'
  assert.deepEqual(classesOf(query, { p: { services: { s1: { source: null } } } }), [
    'destructive',
    'opaque',
    'update',
  ])
  assert.deepEqual(classesOf(query, { p: { services: { s1: { numReplicas: 2 } } } }), ['opaque', 'update'])
})

test('committing what was staged is irreversible, because the payload is elsewhere', () => {
  assert.deepEqual(classesOf('mutation { environmentPatchCommitStaged(environmentId: "e") }'), [
    'irreversible',
    'opaque',
  ])
})

test('replacing all variables is destructive', () => {
  const query = `mutation($r: Boolean) {
    variableCollectionUpsert(input: { projectId: "p", environmentId: "e", variables: { A: "b" }, replace: $r })
  }`
  assert.deepEqual(classesOf(query, { r: true }), ['destructive', 'update'])
  assert.deepEqual(classesOf(query, { r: 'true' }), ['destructive', 'update'])
  assert.deepEqual(classesOf(query, { r: false }), ['update'])
  assert.deepEqual(classesOf(query, {}), ['update'])
})

test('an empty list of backup schedules is destructive', () => {
  const query = `mutation($k: [VolumeInstanceBackupScheduleKind!]!) {
    volumeInstanceBackupScheduleUpdate(volumeInstanceId: "i", kinds: $k)
  }`
  assert.deepEqual(classesOf(query, { k: [] }), ['destructive', 'update'])
  assert.deepEqual(classesOf(query, {}), ['destructive', 'update'])
  assert.deepEqual(classesOf(query, { k: ['DAILY'] }), ['update'])
})

test('a command or a source in a service update is code', () => {
  for (const input of [
    'startCommand: "sh"',
    'buildCommand: "sh"',
    'preDeployCommand: ["sh"]',
    'source: { image: "x" }',
  ])
    assert.deepEqual(
      classesOf(
        `mutation { serviceInstanceUpdate(serviceId: "s", environmentId: "e", input: { ${input} }) }`,
      ),
      ['opaque', 'update'],
      input,
    )
})

test('every environment at once is beyond the environment that is named', () => {
  const query =
    'mutation($i: EgressGatewayServiceTargetInput!) { egressGatewayUpgradeToHA(input: $i) { ipv4 } }'
  const input = { environmentId: 'e', serviceId: 's' }
  assert.deepEqual(classesOf(query, { i: input }), ['update'])
  assert.deepEqual(classesOf(query, { i: { ...input, allEnvironments: true } }), [
    'destructive',
    'opaque',
    'update',
  ])
})

test('what makes a token or a shell says so', () => {
  assert.deepEqual(specs.get('projectTokenCreate')?.classes, ['privilege', 'sensitive_read'])
  assert.deepEqual(specs.get('generateShellToken')?.classes, ['opaque', 'privilege', 'sensitive_read'])
  assert.deepEqual(specs.get('sandboxExec')?.classes, ['opaque'])
  assert.ok(specs.get('projectTokenCreate')?.effects.includes('token-create'))
})

test('scope and resources come from where the arguments name them', () => {
  const [deletion] = ask(catalog, 'mutation { serviceDelete(id: "s", environmentId: "e") }')
  assert.deepEqual(deletion?.scope, { environment: 'e', service: 's' })
  assert.deepEqual(deletion?.resources, [{ type: 'service', id: 's' }])
  const [upsert] = ask(catalog, 'mutation($i: VariableUpsertInput!) { variableUpsert(input: $i) }', {
    i: { projectId: 'p', environmentId: 'e', serviceId: 's', name: 'A', value: 'b' },
  })
  assert.deepEqual(upsert?.scope, { environment: 'e', project: 'p', service: 's' })
  const [restore] = ask(
    catalog,
    `mutation { volumeInstanceBackupRestore(volumeInstanceId: "i", volumeInstanceBackupId: "b", wipeServiceIds: ["s1", "s2"]) { workflowId } }`,
  )
  assert.deepEqual(
    new Set(restore?.resources.map(({ type, id }) => `${type}/${id}`)),
    new Set(['service/s1', 'service/s2', 'volumeInstance/i', 'volumeInstanceBackup/b']),
  )
  const [many] = ask(catalog, '{ projectsByIds(ids: ["p1", "p2"]) { id } }')
  assert.deepEqual(many?.resources, [
    { type: 'project', id: 'p1' },
    { type: 'project', id: 'p2' },
  ])
})

test('argument types are the schema’s', () => {
  const args = specs.get('variableCollectionUpsert')?.args
  assert.deepEqual(args, {
    fields: {
      input: {
        fields: {
          environmentId: 'string',
          projectId: 'string',
          replace: 'bool',
          serviceId: 'string',
          skipDeploys: 'bool',
          variables: { map: 'string' },
        },
      },
    },
  })
})
