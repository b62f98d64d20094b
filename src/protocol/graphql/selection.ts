import {
  type ArgumentNode,
  type FieldNode,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql'
import { protocolFault } from '../error-table.js'
import type { ObjectType, Schema } from './schema.js'
import { type ExecutableDocument, MAX_DEPTH } from './structure.js'
import { eachValue } from './value.js'

/** A selected field that is an operation, before its arguments have values. */
export interface Site {
  /** A name of the catalog, or `Type.field` that the catalog doesn't have. */
  readonly name: string
  readonly args: readonly ArgumentNode[]
  /** Each selection of a root field counts; below the roots the same field with the same arguments counts once. */
  readonly root: boolean
}

/** Introspection (GraphQL §4) describes types; it never reaches data. */
export const INTROSPECTION = '__schema'
/** Stands for a request that selects nothing but `__typename`. */
export const TYPENAME = '__typename'

const MAX_SITES = 500
const MAX_VISITS = 20_000

/**
 * Every operation that an operation definition asks for, in document order: root fields, and below them every
 * field that the catalog marks or can't type. `@skip` and `@include` count as executed. Throws faults of this room.
 */
export function collectSites(
  schema: Schema,
  document: ExecutableDocument,
  operation: OperationDefinitionNode,
): readonly Site[] {
  if (operation.operation === 'subscription') throw protocolFault('graphql_subscription')
  const walk = new Walk(schema, document, definedVariables(operation))
  const root = operation.operation === 'query' ? schema.query : schema.mutation
  if (root === null) walk.add({ name: `${operation.operation}.*`, args: [], root: true })
  else walk.selections(operation.selectionSet, root, 0)
  return walk.sites.length > 0 ? walk.sites : [{ name: TYPENAME, args: [], root: true }]
}

function definedVariables(operation: OperationDefinitionNode): ReadonlySet<string> {
  return new Set(operation.variableDefinitions?.map(({ variable }) => variable.name.value))
}

class Walk {
  readonly sites: Site[] = []
  private visits = 0
  private readonly finished = new Set<string>()
  private readonly schema: Schema
  private readonly document: ExecutableDocument
  private readonly variables: ReadonlySet<string>

  constructor(schema: Schema, document: ExecutableDocument, variables: ReadonlySet<string>) {
    this.schema = schema
    this.document = document
    this.variables = variables
  }

  selections(set: SelectionSetNode, type: ObjectType, depth: number): void {
    if (depth > MAX_DEPTH) throw protocolFault('graphql_too_complex', 'nested too deeply')
    for (const selection of set.selections) {
      this.visit()
      switch (selection.kind) {
        case Kind.FIELD:
          this.field(selection, type, depth)
          break
        case Kind.INLINE_FRAGMENT:
          this.conditioned(
            selection.selectionSet,
            selection.typeCondition?.name.value ?? type.name,
            type,
            depth,
          )
          break
        case Kind.FRAGMENT_SPREAD:
          this.spread(selection.name.value, type, depth)
      }
    }
  }

  add(site: Site): void {
    if (this.sites.length >= MAX_SITES) throw protocolFault('graphql_too_complex', 'too many operations')
    for (const argument of site.args)
      eachValue(argument.value, variable => {
        this.visit()
        if (variable !== null && !this.variables.has(variable)) throw protocolFault('graphql_variable')
      })
    this.sites.push(site)
  }

  /** ATTACK: a fragment of thousands of values, spread at a root hundreds of times: its values count each time, too. */
  private visit(): void {
    if (++this.visits > MAX_VISITS) throw protocolFault('graphql_too_complex', 'too many selections')
  }

  private field(node: FieldNode, type: ObjectType, depth: number): void {
    const name = node.name.value
    const args = node.arguments ?? []
    const root = type.kind !== 'object'
    if (name === '__typename') return
    if (type.kind === 'query' && (name === '__schema' || name === '__type')) {
      this.add({ name: INTROSPECTION, args, root: false })
      return
    }
    const field = type.fields.get(name)
    const below = node.selectionSet
    if (field === undefined) {
      this.add({ name: unknownName(type, name), args, root })
      return
    }
    if (field.operation !== null) this.add({ name: field.operation, args, root })
    // A field nobody marked is harmless only as far as the catalog knows its arguments.
    else if (root || args.some(argument => !field.args.has(argument.name.value)))
      this.add({ name: unknownName(type, name), args, root })
    if (below === undefined) return
    if (field.type === null) this.add({ name: `${unknownName(type, name)}.*`, args: [], root: false })
    else this.selections(below, field.type, depth + 1)
  }

  /**
   * A condition that the catalog doesn't have can't be typed, and so is one unknown operation.
   * ATTACK: `mutation { ... on AnInterface { volumeDelete } }`, where the root implements it, or the server doesn't look.
   * At a root the fields are the root's, whatever the condition.
   */
  private conditioned(set: SelectionSetNode, condition: string, at: ObjectType, depth: number): void {
    const type = this.schema.types.get(condition)
    if (type === undefined) this.add({ name: `${condition.slice(0, 128)}.*`, args: [], root: false })
    if (at.kind !== 'object') this.selections(set, at, depth + 1)
    else if (type !== undefined) this.selections(set, type, depth + 1)
  }

  /**
   * Below the roots a fragment brings its own type, so what it asks for doesn't depend on where it is spread: once is
   * enough, and doubling fragments (`a{...b ...b}`) don't double the work. Fields of a root count each time.
   */
  private spread(name: string, at: ObjectType, depth: number): void {
    const fragment = this.document.fragments.get(name)
    if (fragment === undefined) throw protocolFault('graphql_fragment')
    const condition = fragment.typeCondition.name.value
    const rooted = at.kind !== 'object' || (this.schema.types.get(condition)?.kind ?? 'object') !== 'object'
    if (!rooted && this.finished.has(name)) return
    if (!rooted) this.finished.add(name)
    this.conditioned(fragment.selectionSet, condition, at, depth)
  }
}

/** INVARIANT: not a name of the catalog, because a field that has an operation is found before. */
function unknownName(type: ObjectType, field: string): string {
  return `${type.name}.${field}`
}
