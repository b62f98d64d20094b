import { type ArgumentRule, readArgumentRule } from '../argument-rule.js'
import { malformed, readList, readMap, readMembers, readOneOf, readText } from '../document-shape.js'
import { OPERATION_CLASSES, type OperationClass } from '../operation.js'

/**
 * The `body` of a GraphQL catalog: enough of the schema to give every selected field its type, and the
 * operations among the fields.
 */
export interface GraphqlBody {
  /** The one path that takes requests: `/graphql/v2`. */
  readonly path: string
  /** Names of the root types; null where the API has none. Subscriptions are never served. */
  readonly query: string | null
  readonly mutation: string | null
  /** Object and interface types by name, and unions, which have no fields. */
  readonly types: Readonly<Record<string, Readonly<Record<string, FieldEntry>>>>
  readonly inputs: Readonly<Record<string, Readonly<Record<string, InputReference>>>>
  /** By operation name: a root field, or `Type.field` of any other field whose selection counts. */
  readonly operations: Readonly<Record<string, OperationEntry>>
  /** `node` where ids are GitHub's node ids, which no name of a thing is. */
  readonly ids?: 'node'
}

/** The type behind a field without lists and non-nulls, empty for a leaf; with its arguments where it has any. */
export type FieldEntry =
  | string
  | { readonly of: string; readonly args: Readonly<Record<string, InputReference>> }

/** `string int double bool any`, `@InputType`, `[…]` for a list and `{…}` for a map of them. */
export type InputReference = string

export interface OperationEntry {
  readonly classes: readonly OperationClass[]
  readonly effects?: readonly string[]
  /** Scope member → paths of arguments that name it. */
  readonly scope?: Readonly<Record<string, readonly string[]>>
  /** Resource type → paths of arguments that hold ids, alone or in lists. */
  readonly resources?: Readonly<Record<string, readonly string[]>>
  readonly rules?: readonly ArgumentRule[]
  /** Paths of arguments that SDKs renew on every call; an approval is not bound to them. */
  readonly renewed?: readonly string[]
}

/** GraphQL October 2021 §2.1.9, kept short enough for a receipt. */
const NAME = /^[_A-Za-z][_0-9A-Za-z]{0,127}$/
const OPERATION = /^[_A-Za-z][_0-9A-Za-z]{0,127}(?:\.[_A-Za-z][_0-9A-Za-z]{0,127})?$/
const INPUT = /^(?:string|int|double|bool|any|@[_A-Za-z][_0-9A-Za-z]{0,127})$/

/** Checks the body of a GraphQL catalog whole; throws `catalog_malformed`. */
export function readGraphqlBody(value: unknown): GraphqlBody {
  const members = ['path', 'query', 'mutation', 'types', 'inputs', 'operations']
  const it = readMembers(value, 'body', members, ['ids'])
  const body: GraphqlBody = {
    path: readPath(it.path, 'body.path'),
    query: it.query === null ? null : readName(it.query, 'body.query'),
    mutation: it.mutation === null ? null : readName(it.mutation, 'body.mutation'),
    types: readNamed(it.types, 'body.types', (fields, at) => readNamed(fields, at, readField)),
    inputs: readNamed(it.inputs, 'body.inputs', (fields, at) => readNamed(fields, at, readInput)),
    operations: readMap(it.operations, 'body.operations', readOperation),
    ...(it.ids === undefined ? {} : { ids: readOneOf(it.ids, 'body.ids', ['node']) }),
  }
  checkReferences(body)
  return body
}

/** `list` or `map` with the reference inside, or a plain reference. */
export function innerReference(reference: InputReference): {
  readonly kind: 'list' | 'map' | 'plain'
  readonly inner: InputReference
} {
  if (reference.startsWith('[')) return { kind: 'list', inner: reference.slice(1, -1) }
  if (reference.startsWith('{')) return { kind: 'map', inner: reference.slice(1, -1) }
  return { kind: 'plain', inner: reference }
}

function readPath(value: unknown, where: string): string {
  if (typeof value !== 'string' || !/^(?:\/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$/.test(value))
    throw malformed(where, 'a path such as /graphql')
  return value
}

function readName(value: unknown, where: string): string {
  if (typeof value !== 'string' || !NAME.test(value)) throw malformed(where, 'a GraphQL name')
  return value
}

function readNamed<T>(value: unknown, where: string, member: (value: unknown, where: string) => T) {
  const map = readMap(value, where, member)
  for (const name of Object.keys(map)) readName(name, where)
  return map
}

function readField(value: unknown, where: string): FieldEntry {
  if (typeof value === 'string') return value === '' ? '' : readName(value, where)
  const it = readMembers(value, where, ['of', 'args'])
  return {
    of: it.of === '' ? '' : readName(it.of, `${where}.of`),
    args: readNamed(it.args, `${where}.args`, readInput),
  }
}

function readInput(value: unknown, where: string): InputReference {
  if (typeof value === 'string') {
    const { kind, inner } = innerReference(value)
    const closes = kind === 'list' ? value.endsWith(']') : kind === 'map' ? value.endsWith('}') : true
    if (closes && (kind === 'plain' ? INPUT.test(value) : readInput(inner, where) === inner)) return value
  }
  throw malformed(where, 'an input type')
}

function readOperation(value: unknown, where: string): OperationEntry {
  const it = readMembers(value, where, ['classes'], ['effects', 'scope', 'resources', 'rules', 'renewed'])
  const classes = readList(it.classes, `${where}.classes`, (name, at) =>
    readOneOf(name, at, OPERATION_CLASSES),
  )
  if (classes.length === 0) throw malformed(`${where}.classes`, 'a class')
  return {
    classes,
    ...(it.effects === undefined ? {} : { effects: readList(it.effects, `${where}.effects`, readText) }),
    ...(it.scope === undefined ? {} : { scope: readMap(it.scope, `${where}.scope`, readPaths) }),
    ...(it.resources === undefined
      ? {}
      : { resources: readMap(it.resources, `${where}.resources`, readPaths) }),
    ...(it.rules === undefined ? {} : { rules: readList(it.rules, `${where}.rules`, readArgumentRule) }),
    ...(it.renewed === undefined ? {} : { renewed: readList(it.renewed, `${where}.renewed`, readText) }),
  }
}

function readPaths(value: unknown, where: string): readonly string[] {
  return readList(value, where, readText)
}

/** INVARIANT: every type that a field or an argument names is there, so that typing a selection never dead-ends. */
function checkReferences(body: GraphqlBody): void {
  for (const root of [body.query, body.mutation])
    if (root !== null && !Object.hasOwn(body.types, root))
      throw malformed('body.types', `the root type ${root}`)
  for (const [type, fields] of Object.entries(body.types))
    for (const [name, field] of Object.entries(fields)) {
      const of = typeof field === 'string' ? field : field.of
      if (of !== '' && !Object.hasOwn(body.types, of))
        throw malformed(`body.types.${type}.${name}`, `the type ${of} in body.types`)
      if (typeof field !== 'string') checkInputs(body, field.args, `body.types.${type}.${name}`)
    }
  for (const [input, fields] of Object.entries(body.inputs)) checkInputs(body, fields, `body.inputs.${input}`)
  for (const name of Object.keys(body.operations))
    if (!OPERATION.test(name)) throw malformed('body.operations', 'operation names')
}

function checkInputs(
  body: GraphqlBody,
  inputs: Readonly<Record<string, InputReference>>,
  where: string,
): void {
  for (const reference of Object.values(inputs)) {
    const named = /@([_0-9A-Za-z]+)/.exec(reference)?.[1]
    if (named !== undefined && !Object.hasOwn(body.inputs, named))
      throw malformed(where, `the input type ${named} in body.inputs`)
  }
}
