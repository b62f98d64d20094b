import {
  buildASTSchema,
  type ConstDirectiveNode,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLInputType,
  type GraphQLNamedType,
  GraphQLScalarType,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isListType,
  isObjectType,
  isUnionType,
  parse,
  validateSchema,
  valueFromASTUntyped,
} from 'graphql'
import { contentId, portableDigests, utf8 } from '../../canon/index.js'
import type { CatalogDocument } from '../catalog.js'
import { malformed, readList, readOneOf, readText } from '../document-shape.js'
import { protocolFault } from '../error-table.js'
import { OPERATION_CLASSES, type OperationClass } from '../operation.js'
import type { FieldEntry, GraphqlBody, InputReference, OperationEntry } from './body.js'
import { classesOfMutation, namesSecret } from './name-classes.js'

/** Where a team's own GraphQL API lives. */
export interface OwnGraphqlApi {
  /** Origin only: `https://graph.internal`. */
  readonly upstream: string
  /** The one path that takes requests: `/graphql`. */
  readonly path: string
}

/**
 * The catalog of a team's own GraphQL API, from its schema in SDL. The schema may annotate itself, and need not
 * declare the directive:
 *
 *   invoiceVoid(id: ID! `@countersign(resource: "invoice")`): Invoice `@countersign(classes: ["irreversible"])`
 *
 * `classes` and `effects` go on fields, `scope` and `resource` on arguments and input fields. Without it: queries
 * read; fields that are named like secrets are `sensitive_read`, at any depth; mutations have the classes that
 * their names suggest, on the severe side, and are `opaque` as well where an argument is of a custom scalar.
 * Arguments of a root field that hold one value are scope under their own names; those of type ID are resources.
 *
 * Throws `graphql_schema`, and `catalog_malformed` when it is opened.
 */
export function graphqlCatalog(name: string, sdl: string, api: OwnGraphqlApi): CatalogDocument {
  const schema = readSchema(sdl)
  return {
    v: 1,
    name,
    protocol: 'graphql',
    source: { package: 'graphql-schema', version: '1', digest: contentId(portableDigests, utf8(sdl)) },
    profile: {
      dialect: 'graphql',
      slots: ['bearer', 'countersign-grant'],
      requestHeaders: [],
      responseHeaders: ['retry-after'],
      origins: { default: api.upstream },
    },
    body: bodyOf(schema, api.path),
  }
}

function readSchema(sdl: string): GraphQLSchema {
  try {
    // Directives of other tools are not declared in most schemas, so the document isn't validated, the schema is.
    const schema = buildASTSchema(parse(sdl, { noLocation: true }), { assumeValidSDL: true })
    const [error] = validateSchema(schema)
    if (error === undefined) return schema
    throw error
  } catch (error) {
    throw protocolFault('graphql_schema', error instanceof Error ? error.message.slice(0, 200) : '')
  }
}

function bodyOf(schema: GraphQLSchema, path: string): GraphqlBody {
  const types: Record<string, Record<string, FieldEntry>> = {}
  const inputs: Record<string, Record<string, InputReference>> = {}
  for (const type of servedTypes(schema)) {
    if (isObjectType(type) || isInterfaceType(type))
      types[type.name] = mapValues(type.getFields(), fieldEntry)
    else if (isUnionType(type)) types[type.name] = {}
    else if (isInputObjectType(type))
      inputs[type.name] = mapValues(type.getFields(), field => referenceOf(field.type))
  }
  const query = schema.getQueryType()?.name ?? null
  const mutation = schema.getMutationType()?.name ?? null
  return { path, query, mutation, types, inputs, operations: operationsOf(schema) }
}

/** Every type but introspection's own and the root of subscriptions, which are refused. */
function servedTypes(schema: GraphQLSchema): readonly GraphQLNamedType[] {
  const subscription = schema.getSubscriptionType()
  return Object.values(schema.getTypeMap()).filter(
    type => type !== subscription && !isIntrospectionType(type),
  )
}

function fieldEntry(field: GraphQLField<unknown, unknown>): FieldEntry {
  const type = getNamedType(field.type)
  const of = isCompositeType(type) ? type.name : ''
  if (field.args.length === 0) return of
  return {
    of,
    args: Object.fromEntries(field.args.map(({ name, type: input }) => [name, referenceOf(input)])),
  }
}

const SCALARS: Readonly<Record<string, InputReference>> = {
  ID: 'string',
  String: 'string',
  Int: 'int',
  Float: 'double',
  Boolean: 'bool',
}

function referenceOf(type: GraphQLInputType): InputReference {
  const inner = getNullableType(type)
  if (isListType(inner)) return `[${referenceOf(inner.ofType as GraphQLInputType)}]`
  if (isInputObjectType(inner)) return `@${inner.name}`
  return isEnumType(inner) ? 'string' : (SCALARS[(inner as GraphQLNamedType).name] ?? 'any')
}

function operationsOf(schema: GraphQLSchema): Readonly<Record<string, OperationEntry>> {
  const queries = schema.getQueryType()?.getFields() ?? {}
  const mutations = schema.getMutationType()?.getFields() ?? {}
  const entries: Record<string, OperationEntry> = {}
  for (const field of Object.values(queries)) {
    const name = Object.hasOwn(mutations, field.name) ? `Query.${field.name}` : field.name
    entries[name] = entryOf(field, [namesSecret(field.name) ? 'sensitive_read' : 'read'])
  }
  for (const field of Object.values(mutations)) {
    const name = Object.hasOwn(queries, field.name) ? `Mutation.${field.name}` : field.name
    const opaque = field.args.some(argument => takesAnything(argument.type, new Set()))
    entries[name] = entryOf(field, [
      ...classesOfMutation(field.name),
      ...(opaque ? (['opaque'] as const) : []),
    ])
  }
  for (const [place, classes] of markedFields(schema)) entries[place] = { classes: [...classes].sort() }
  return entries
}

function entryOf(
  field: GraphQLField<unknown, unknown>,
  suggested: readonly OperationClass[],
): OperationEntry {
  const says = annotationOf(field)
  const scope: Record<string, string[]> = {}
  const resources: Record<string, string[]> = {}
  for (const place of placesOf(field)) {
    if (place.scope !== null) scope[place.scope] = [...(scope[place.scope] ?? []), place.path]
    if (place.resource !== null)
      resources[place.resource] = [...(resources[place.resource] ?? []), place.path]
  }
  return {
    classes: [...new Set(says.classes ?? suggested)].sort(),
    ...(says.effects === undefined ? {} : { effects: [...says.effects].sort() }),
    ...(Object.keys(scope).length === 0 ? {} : { scope }),
    ...(Object.keys(resources).length === 0 ? {} : { resources }),
  }
}

interface ArgumentPlace {
  readonly path: string
  readonly scope: string | null
  readonly resource: string | null
}

/** Arguments of a root field, and the members below those that are input objects, at any depth. */
function placesOf(field: GraphQLField<unknown, unknown>): readonly ArgumentPlace[] {
  return field.args.flatMap(argument => [
    placeOf(field, argument, { path: argument.name, above: null }),
    ...placesBelow(field, argument.type, { path: argument.name, above: null, within: [] }),
  ])
}

interface Above {
  readonly path: string
  /** The member that holds it; null for an argument and for what is right below one, which is about the whole. */
  readonly above: string | null
  /** Input types on the way. */
  readonly within: readonly string[]
}

/** ATTACK: an invoice within `input.items[].invoiceId`, past a deny of that invoice. What is within itself is looked at once. */
function placesBelow(
  field: GraphQLField<unknown, unknown>,
  type: GraphQLInputType,
  { path, above, within }: Above,
): readonly ArgumentPlace[] {
  const named = getNamedType(type)
  if (!isInputObjectType(named) || within.includes(named.name)) return []
  const list = path + listsOf(type)
  return Object.values(named.getFields()).flatMap(member => {
    const at = `${list}.${member.name}`
    return [
      placeOf(field, member, { path: at, above }),
      ...placesBelow(field, member.type, { path: at, above: member.name, within: [...within, named.name] }),
    ]
  })
}

function listsOf(type: GraphQLInputType): string {
  const inner = getNullableType(type)
  return isListType(inner) ? `[]${listsOf(inner.ofType as GraphQLInputType)}` : ''
}

function placeOf(
  field: GraphQLField<unknown, unknown>,
  argument: GraphQLArgument | GraphQLInputField,
  { path, above }: Pick<Above, 'path' | 'above'>,
): ArgumentPlace {
  const says = annotationOf(argument)
  const type = getNamedType(argument.type)
  const single = !isListType(getNullableType(argument.type))
  const plain = isEnumType(type) || type.name === 'ID' || type.name === 'String' || type.name === 'Int'
  const isTop = path === argument.name
  return {
    path,
    scope: says.scope ?? (isTop && single && plain ? argument.name : null),
    resource: says.resource ?? (type.name === 'ID' ? resourceOf(field, argument.name, above) : null),
  }
}

/**
 * `invoiceId` names an invoice, `copyTo` a copyTo, and a plain `id` what the field answers with, or, further down, what the
 * member above is called: `input.branch.id` a branch.
 */
function resourceOf(field: GraphQLField<unknown, unknown>, argument: string, above: string | null): string {
  const answer = getNamedType(field.type)
  const named = !/^ids?$/i.test(argument)
    ? (/^(\w+?)(?:Ids?|_ids?)$/.exec(argument)?.[1] ?? argument)
    : above !== null
      ? above.replace(/([^s])s$/, '$1')
      : isCompositeType(answer)
        ? answer.name
        : field.name
  return named.slice(0, 1).toLowerCase() + named.slice(1)
}

/** True where an argument can carry anything at all: a custom scalar, at any depth. */
function takesAnything(type: GraphQLInputType, within: ReadonlySet<string>): boolean {
  const named = getNamedType(type)
  if (named instanceof GraphQLScalarType) return SCALARS[named.name] === undefined
  if (!isInputObjectType(named) || within.has(named.name)) return false
  const deeper = new Set([...within, named.name])
  return Object.values(named.getFields()).some(field => takesAnything(field.type, deeper))
}

/**
 * Fields below the roots that are operations of their own. A mark counts for every interface and every
 * implementation of a type, whichever of them a selection names.
 */
function markedFields(schema: GraphQLSchema): ReadonlyMap<string, ReadonlySet<OperationClass>> {
  const marks = new Map<string, Set<OperationClass>>()
  const mark = (place: string, classes: Iterable<OperationClass>): boolean => {
    const known = marks.get(place) ?? new Set()
    const before = known.size
    for (const one of classes) known.add(one)
    if (known.size > 0) marks.set(place, known)
    return known.size > before
  }
  const types = servedTypes(schema).filter(type => isObjectType(type) || isInterfaceType(type))
  for (const type of types)
    for (const field of Object.values(type.getFields())) {
      const secret = !isCompositeType(getNamedType(field.type)) && namesSecret(field.name)
      mark(`${type.name}.${field.name}`, annotationOf(field).classes ?? (secret ? ['sensitive_read'] : []))
    }
  // What a mutation is called counts where it is selected through an interface of the root as well.
  const mutation = schema.getMutationType()
  for (const field of Object.values(mutation?.getFields() ?? {}))
    mark(`${mutation?.name}.${field.name}`, annotationOf(field).classes ?? classesOfMutation(field.name))
  for (let changed = true; changed; ) {
    changed = false
    for (const type of types)
      for (const parent of type.getInterfaces())
        for (const name of Object.keys(parent.getFields())) {
          const [below, above] = [`${type.name}.${name}`, `${parent.name}.${name}`]
          if (mark(above, marks.get(below) ?? [])) changed = true
          if (mark(below, marks.get(above) ?? [])) changed = true
        }
  }
  for (const root of [schema.getQueryType(), mutation])
    for (const name of Object.keys(root?.getFields() ?? {})) marks.delete(`${root?.name}.${name}`)
  return marks
}

interface Annotation {
  readonly classes?: readonly OperationClass[]
  readonly effects?: readonly string[]
  readonly scope?: string
  readonly resource?: string
}

/** What `@countersign` says on a field, an argument or an input field. */
function annotationOf(element: {
  readonly name: string
  readonly astNode?: { readonly directives?: readonly ConstDirectiveNode[] | undefined } | null | undefined
}): Annotation {
  const directive = element.astNode?.directives?.find(({ name }) => name.value === 'countersign')
  const where = `@countersign on ${element.name}`
  const says: { -readonly [K in keyof Annotation]: Annotation[K] } = {}
  for (const argument of directive?.arguments ?? []) {
    const value = valueFromASTUntyped(argument.value)
    switch (argument.name.value) {
      case 'classes':
        says.classes = readList(value, where, (name, at) => readOneOf(name, at, OPERATION_CLASSES))
        if (says.classes.length === 0) throw malformed(where, 'a class')
        break
      case 'effects':
        says.effects = readList(value, where, readText)
        break
      case 'scope':
        says.scope = readText(value, where)
        break
      case 'resource':
        says.resource = readText(value, where)
        break
      default:
        throw malformed(where, 'classes, effects, scope or resource')
    }
  }
  return says
}

function mapValues<T, U>(map: Readonly<Record<string, T>>, change: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(map).map(([name, value]) => [name, change(value)]))
}
