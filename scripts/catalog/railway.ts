import type { CatalogDocument, OperationClass } from '../../src/protocol/index.js'
import { HARMLESS_FIELDS, needsReview, SECRET_FIELDS } from './railway-fields.js'
import { MUTATION_CLASSES } from './railway-mutations.js'
import { placesOf } from './railway-places.js'
import { RAILWAY_PROBES } from './railway-probes.js'
import { PLAIN_QUERIES, SENSITIVE_QUERIES } from './railway-queries.js'
import { EFFECTS, MUTATION_RULES } from './railway-rules.js'
import { type RailwaySource, readRailwaySource, type SourceField } from './railway-source.js'

/**
 * Makes the catalog of Railway's GraphQL API: types and arguments from the npm package `railway`, classes from
 * the tables beside this file. Throws where the package has something that nobody reviewed, or a table
 * something that the package hasn't, so that an upgrade can't be waved through.
 */
export function railwayCatalog(): CatalogDocument {
  const source = readRailwaySource()
  checkReviews(source)
  return {
    v: 1,
    name: 'railway',
    protocol: 'graphql',
    source: { package: source.package, version: source.version, digest: source.digest },
    profile: {
      dialect: 'graphql',
      slots: ['bearer', 'countersign-grant', 'project-access-token'],
      requestHeaders: [],
      responseHeaders: [
        'x-railway-request-id',
        'x-ratelimit-limit',
        'x-ratelimit-remaining',
        'x-ratelimit-reset',
      ],
      origins: { default: 'https://backboard.railway.com' },
    },
    body: {
      path: '/graphql/v2',
      query: 'Query',
      mutation: 'Mutation',
      types: mapEntries(source.types, fields => mapEntries(fields, fieldEntry)),
      inputs: mapEntries(source.inputs, fields => Object.fromEntries(fields)),
      operations: operations(source),
    },
    probes: RAILWAY_PROBES,
  }
}

function fieldEntry(field: SourceField): unknown {
  return field.args.size === 0 ? field.of : { of: field.of, args: Object.fromEntries(field.args) }
}

function operations(source: RailwaySource): Record<string, unknown> {
  const queries = fieldsOf(source, 'Query')
  const mutations = fieldsOf(source, 'Mutation')
  const entries: Record<string, unknown> = {}
  for (const [name, field] of queries)
    entries[mutations.has(name) ? `Query.${name}` : name] = entry(source, name, field, queryClasses(name))
  for (const [name, field] of mutations)
    entries[queries.has(name) ? `Mutation.${name}` : name] = {
      ...entry(source, name, field, mutationClasses(name)),
      ...(MUTATION_RULES[name] === undefined ? {} : { rules: MUTATION_RULES[name] }),
    }
  for (const name of Object.keys(SECRET_FIELDS)) entries[name] = { classes: ['sensitive_read'] }
  return entries
}

function entry(source: RailwaySource, name: string, field: SourceField, classes: readonly OperationClass[]) {
  const { scope, resources } = placesOf(name, pathsOf(source, field))
  const effects = Object.keys(EFFECTS).filter(effect => EFFECTS[effect]?.includes(name))
  return {
    classes,
    ...(Object.keys(scope).length === 0 ? {} : { scope }),
    ...(Object.keys(resources).length === 0 ? {} : { resources }),
    ...(effects.length === 0 ? {} : { effects: effects.sort() }),
  }
}

/** Arguments, and members one level below those that are input objects. */
function pathsOf(source: RailwaySource, field: SourceField): readonly string[] {
  return [...field.args].flatMap(([name, reference]) => {
    const input = reference.startsWith('@') ? source.inputs.get(reference.slice(1)) : undefined
    return input === undefined ? [name] : [...input.keys()].map(member => `${name}.${member}`)
  })
}

function queryClasses(name: string): readonly OperationClass[] {
  if (Object.hasOwn(SENSITIVE_QUERIES, name)) return ['sensitive_read']
  if (PLAIN_QUERIES.has(name)) return ['read']
  throw new Error(`query ${name} is not in railway-queries.ts`)
}

function mutationClasses(name: string): readonly OperationClass[] {
  const classes = MUTATION_CLASSES[name]
  if (classes === undefined) throw new Error(`mutation ${name} is not in railway-mutations.ts`)
  return classes.split(' ').sort() as OperationClass[]
}

function checkReviews(source: RailwaySource): void {
  const queries = fieldsOf(source, 'Query')
  const mutations = fieldsOf(source, 'Mutation')
  for (const name of [...PLAIN_QUERIES, ...Object.keys(SENSITIVE_QUERIES)]) expectField(queries, name)
  for (const name of [...Object.keys(MUTATION_CLASSES), ...Object.keys(MUTATION_RULES)])
    expectField(mutations, name)
  for (const name of Object.values(EFFECTS).flat()) expectField(mutations, name)
  for (const place of [...Object.keys(SECRET_FIELDS), ...Object.keys(HARMLESS_FIELDS)]) {
    const [type, name] = place.split('.') as [string, string]
    expectField(fieldsOf(source, type), name)
  }
  for (const [type, fields] of source.types) {
    if (type === 'Query' || type === 'Mutation') continue
    for (const [name, field] of fields)
      if (needsReview(name, field.leaf) && !isReviewed(`${type}.${name}`))
        throw new Error(`${type}.${name} is not in railway-fields.ts`)
  }
}

function isReviewed(place: string): boolean {
  return Object.hasOwn(SECRET_FIELDS, place) || Object.hasOwn(HARMLESS_FIELDS, place)
}

function expectField(fields: ReadonlyMap<string, SourceField>, name: string): void {
  if (!fields.has(name)) throw new Error(`a table names ${name}, which the schema hasn't`)
}

function fieldsOf(source: RailwaySource, type: string): ReadonlyMap<string, SourceField> {
  const fields = source.types.get(type)
  if (fields === undefined) throw new Error(`the schema has no type ${type}`)
  return fields
}

function mapEntries<T, U>(map: ReadonlyMap<string, T>, change: (value: T) => U): Record<string, U> {
  return Object.fromEntries([...map].map(([name, value]) => [name, change(value)]))
}
