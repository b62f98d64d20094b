import { type ArgumentNode, Kind, type OperationDefinitionNode, type ValueNode } from 'graphql'
import type { JsonObject, JsonValue } from '../../canon/index.js'
import { protocolFault } from '../error-table.js'
import { MAX_BODY_BYTES } from './envelope.js'

/**
 * Letters and values in the arguments of all operations of a request together: more than a body has is there only
 * because a variable, or a fragment with a literal, stands in many places.
 */
const MAX_ARGUMENTS = MAX_BODY_BYTES

/**
 * Puts the variables of one request into its arguments. ATTACK: a megabyte in one variable, named at each of five
 * hundred fields: half a gigabyte to compare, to check and to say to the keeper.
 */
export class Binder {
  private readonly variables = new Map<string, JsonValue>()
  /** Of the variables that were put in, by name. */
  private readonly sizes = new Map<string, number>()
  private room = MAX_ARGUMENTS

  /**
   * Values as execution would see them (GraphQL §6.1.2): given, else the default, else none. Variables that the
   * operation doesn't define are ignored, as servers do. Types are not coerced. Throws `graphql_number`.
   */
  constructor(operation: OperationDefinitionNode, given: JsonObject) {
    for (const { variable, defaultValue } of operation.variableDefinitions ?? []) {
      const name = variable.name.value
      const value = Object.hasOwn(given, name) ? given[name] : this.resolve(defaultValue)
      if (value !== undefined) this.variables.set(name, value)
    }
    this.room = MAX_ARGUMENTS
  }

  /**
   * Arguments with variables put in. An argument whose variable has no value is absent (GraphQL §6.4.1). Throws
   * `graphql_number`, and `graphql_too_complex` where all that were bound are more together than a body can hold.
   */
  bind(args: readonly ArgumentNode[]): JsonObject {
    const bound: JsonObject = Object.create(null)
    for (const argument of args) {
      const value = this.resolve(argument.value)
      if (value !== undefined) bound[argument.name.value] = value
    }
    return bound
  }

  /** Enum values become strings, block strings their decoded text; throws `graphql_number` beyond what I-JSON carries. */
  private resolve(node: ValueNode | undefined): JsonValue | undefined {
    if (node === undefined) return undefined
    this.take(1)
    switch (node.kind) {
      case Kind.VARIABLE:
        return this.variable(node.name.value)
      case Kind.INT:
        return numberOf(node.value, Number.isSafeInteger)
      case Kind.FLOAT:
        return numberOf(node.value, Number.isFinite)
      case Kind.STRING:
      case Kind.ENUM:
        this.take(node.value.length)
        return node.value
      case Kind.BOOLEAN:
        return node.value
      case Kind.NULL:
        return null
      case Kind.LIST:
        return node.values.map(item => this.resolve(item) ?? null)
      case Kind.OBJECT: {
        const object: JsonObject = Object.create(null)
        for (const field of node.fields) {
          const value = this.resolve(field.value)
          if (value === undefined) continue
          this.take(field.name.value.length)
          object[field.name.value] = value
        }
        return object
      }
    }
  }

  private variable(name: string): JsonValue | undefined {
    const value = this.variables.get(name)
    if (value === undefined) return undefined
    const size = this.sizes.get(name) ?? sizeOf(value)
    this.sizes.set(name, size)
    this.take(size)
    return value
  }

  private take(size: number): void {
    this.room -= size
    if (this.room < 0) throw protocolFault('graphql_too_complex', 'arguments that repeat')
  }
}

/** Letters and values; never more than the bytes of its JSON. */
function sizeOf(value: JsonValue): number {
  if (typeof value === 'string') return value.length
  if (typeof value !== 'object' || value === null) return 0
  let size = 0
  for (const [name, member] of Object.entries(value))
    size += 1 + (Array.isArray(value) ? 0 : name.length) + sizeOf(member)
  return size
}

function numberOf(text: string, carries: (value: number) => boolean): number {
  const value = Number(text)
  if (!carries(value)) throw protocolFault('graphql_number')
  // −0 and 0 are one number to every receiver, and one in canonical JSON.
  return value === 0 ? 0 : value
}

/** Calls `use` with each part of a value, the whole first, and with the name of the variable where it is one. */
export function eachValue(node: ValueNode, use: (variable: string | null) => void): void {
  use(node.kind === Kind.VARIABLE ? node.name.value : null)
  if (node.kind === Kind.LIST) for (const item of node.values) eachValue(item, use)
  else if (node.kind === Kind.OBJECT) for (const field of node.fields) eachValue(field.value, use)
}
