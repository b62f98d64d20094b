import type { ArgumentType } from '../catalog.js'
import { malformed } from '../document-shape.js'
import { type GraphqlBody, type InputReference, innerReference } from './body.js'

/** What a selected field leads to. */
export interface Field {
  /** Type of the fields below it; null for a leaf. */
  readonly type: ObjectType | null
  readonly args: ReadonlySet<string>
  /** Operation that selecting this field asks for; null where it has no effect of its own. */
  readonly operation: string | null
}

export interface ObjectType {
  readonly name: string
  readonly kind: 'query' | 'mutation' | 'object'
  readonly fields: ReadonlyMap<string, Field>
}

/** A schema indexed for typing selections. */
export interface Schema {
  readonly query: ObjectType | null
  readonly mutation: ObjectType | null
  readonly types: ReadonlyMap<string, ObjectType>
}

/** Where an operation of the catalog sits in the schema. */
export interface Place {
  readonly type: string
  readonly field: string
}

/**
 * Indexes the types of a catalog and puts each operation at its field. A bare name is a root field, `Query.x`
 * and `Mutation.x` where both roots have it; anything else is `Type.field`. Throws `catalog_malformed` for an
 * operation that sits nowhere.
 */
export function indexSchema(body: GraphqlBody): Schema {
  refuseFalseRoots(body)
  const operationAt = new Map<string, string>()
  for (const name of Object.keys(body.operations)) {
    const place = placeOf(body, name)
    operationAt.set(`${place.type}.${place.field}`, name)
  }
  const types = new Map<string, ObjectType & { readonly fields: Map<string, Field> }>()
  for (const name of Object.keys(body.types))
    types.set(name, { name, kind: kindOf(body, name), fields: new Map() })
  for (const [name, entries] of Object.entries(body.types))
    for (const [field, entry] of Object.entries(entries)) {
      const { of, args } = typeof entry === 'string' ? { of: entry, args: {} } : entry
      types.get(name)?.fields.set(field, {
        type: types.get(of) ?? null,
        args: new Set(Object.keys(args)),
        operation: operationAt.get(`${name}.${field}`) ?? null,
      })
    }
  const rootType = (root: string | null) => (root === null ? null : (types.get(root) ?? null))
  return { query: rootType(body.query), mutation: rootType(body.mutation), types }
}

/** `Query.x` names a field of the root, so no other type may be called so. */
function refuseFalseRoots(body: GraphqlBody): void {
  for (const [name, root] of [
    ['Query', body.query],
    ['Mutation', body.mutation],
  ] as const)
    if (root !== name && Object.hasOwn(body.types, name))
      throw malformed('body.types', `${name} to be a root type`)
}

/** The field behind an operation's name; throws `catalog_malformed` where there is none. */
export function placeOf(body: GraphqlBody, name: string): Place {
  const [first, second] = name.split('.') as [string, string?]
  const inQuery = body.query !== null && hasField(body, body.query, second ?? first)
  const inMutation = body.mutation !== null && hasField(body, body.mutation, second ?? first)
  const isRoot = second === undefined ? inQuery !== inMutation : inQuery && inMutation
  if (second === undefined && isRoot)
    return { type: (inQuery ? body.query : body.mutation) as string, field: first }
  if (second !== undefined) {
    if (isRoot && first === 'Query') return { type: body.query as string, field: second }
    if (isRoot && first === 'Mutation') return { type: body.mutation as string, field: second }
    if (kindOf(body, first) === 'object' && hasField(body, first, second))
      return { type: first, field: second }
  }
  throw malformed(`body.operations.${name}`, 'the name of a field in body.types')
}

/** Declared arguments of an operation as one type; recursive input types end in `any`. */
export function argumentsOf(body: GraphqlBody, place: Place): ArgumentType {
  const entry = body.types[place.type]?.[place.field]
  const args = entry === undefined || typeof entry === 'string' ? {} : entry.args
  return { fields: mapValues(args, reference => typeOf(body, reference, new Set())) }
}

function typeOf(body: GraphqlBody, reference: InputReference, within: ReadonlySet<string>): ArgumentType {
  const { kind, inner } = innerReference(reference)
  if (kind === 'list') return { list: typeOf(body, inner, within) }
  if (kind === 'map') return { map: typeOf(body, inner, within) }
  if (!inner.startsWith('@')) return inner as ArgumentType
  const name = inner.slice(1)
  if (within.has(name)) return 'any'
  const deeper = new Set([...within, name])
  return { fields: mapValues(body.inputs[name] ?? {}, field => typeOf(body, field, deeper)) }
}

function mapValues(
  map: Readonly<Record<string, InputReference>>,
  change: (reference: InputReference) => ArgumentType,
): Readonly<Record<string, ArgumentType>> {
  return Object.fromEntries(Object.entries(map).map(([name, reference]) => [name, change(reference)]))
}

function kindOf(body: GraphqlBody, type: string): ObjectType['kind'] {
  if (type === body.query) return 'query'
  return type === body.mutation ? 'mutation' : 'object'
}

function hasField(body: GraphqlBody, type: string, field: string): boolean {
  const fields = Object.hasOwn(body.types, type) ? body.types[type] : undefined
  return fields !== undefined && Object.hasOwn(fields, field)
}
