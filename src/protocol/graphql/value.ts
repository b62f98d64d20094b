import { type ArgumentNode, Kind, type OperationDefinitionNode, type ValueNode } from 'graphql'
import type { JsonObject, JsonValue } from '../../canon/index.js'
import { protocolFault } from '../error-table.js'

/** Characters of all arguments of a request, about as JSON writes them: what one admission on the link may have. */
const MAX_CHARACTERS = 2_097_152
/** A number and its comma, say: at least. */
const VALUE_CHARACTERS = 2

/**
 * Values of an operation's variables; a variable that is defined and has no value is missing.
 *
 * ATTACK: a long list as a variable that stands in a thousand places, or a thousand times in one. A request of 1 MiB would
 * be gigabytes of arguments: what is put in is counted before anybody looks at it.
 */
export class Variables {
  private readonly values = new Map<string, JsonValue>()
  private readonly lengths = new Map<string, number>()
  private left = MAX_CHARACTERS

  set(name: string, value: JsonValue): void {
    this.values.set(name, value)
  }

  /** The value for one place that it stands in. Throws `graphql_too_complex`. */
  take(name: string): JsonValue | undefined {
    const value = this.values.get(name)
    if (value === undefined) return undefined
    const length = this.lengths.get(name) ?? charactersOf(value)
    this.lengths.set(name, length)
    this.count(length)
    return value
  }

  /** Throws `graphql_too_complex`. */
  count(characters: number): void {
    this.left -= characters
    if (this.left < 0) throw protocolFault('graphql_too_complex', 'long arguments in many places')
  }
}

/**
 * Values as execution would see them (GraphQL §6.1.2): given, else the default, else none. Variables that the
 * operation doesn't define are ignored, as servers do. Types are not coerced.
 */
export function bindVariables(operation: OperationDefinitionNode, given: JsonObject): Variables {
  const variables = new Variables()
  for (const { variable, defaultValue } of operation.variableDefinitions ?? []) {
    const name = variable.name.value
    const value = Object.hasOwn(given, name) ? given[name] : resolve(defaultValue, variables)
    if (value !== undefined) variables.set(name, value)
  }
  return variables
}

/** Arguments with variables put in. An argument whose variable has no value is absent (GraphQL §6.4.1). */
export function bindArguments(args: readonly ArgumentNode[], variables: Variables): JsonObject {
  const bound: JsonObject = Object.create(null)
  for (const argument of args) {
    const value = resolve(argument.value, variables)
    if (value !== undefined) bound[argument.name.value] = value
  }
  return bound
}

/** Enum values become strings, block strings their decoded text; throws `graphql_number` beyond what I-JSON carries. */
function resolve(node: ValueNode | undefined, variables: Variables): JsonValue | undefined {
  if (node === undefined) return undefined
  variables.count(VALUE_CHARACTERS)
  switch (node.kind) {
    case Kind.VARIABLE:
      return variables.take(node.name.value)
    case Kind.INT:
      return numberOf(node.value, Number.isSafeInteger)
    case Kind.FLOAT:
      return numberOf(node.value, Number.isFinite)
    case Kind.STRING:
    case Kind.ENUM:
      variables.count(node.value.length)
      return node.value
    case Kind.BOOLEAN:
      return node.value
    case Kind.NULL:
      return null
    case Kind.LIST:
      return node.values.map(item => resolve(item, variables) ?? null)
    case Kind.OBJECT: {
      const object: JsonObject = Object.create(null)
      for (const field of node.fields) {
        const value = resolve(field.value, variables)
        if (value !== undefined) object[field.name.value] = value
        variables.count(field.name.value.length)
      }
      return object
    }
  }
}

function charactersOf(value: JsonValue): number {
  if (typeof value === 'string') return VALUE_CHARACTERS + value.length
  if (typeof value !== 'object' || value === null) return VALUE_CHARACTERS
  const members = Array.isArray(value)
    ? value.map(charactersOf)
    : Object.entries(value).map(charactersOfMember)
  return members.reduce((sum, each) => sum + each, VALUE_CHARACTERS)
}

function charactersOfMember([name, value]: readonly [string, JsonValue]): number {
  return name.length + charactersOf(value)
}

function numberOf(text: string, carries: (value: number) => boolean): number {
  const value = Number(text)
  if (!carries(value)) throw protocolFault('graphql_number')
  // −0 and 0 are one number to every receiver, and one in canonical JSON.
  return value === 0 ? 0 : value
}

/** Names of the variables that a value uses, for checking that the operation defines them. */
export function variablesIn(node: ValueNode): readonly string[] {
  switch (node.kind) {
    case Kind.VARIABLE:
      return [node.name.value]
    case Kind.LIST:
      return node.values.flatMap(variablesIn)
    case Kind.OBJECT:
      return node.fields.flatMap(field => variablesIn(field.value))
    default:
      return []
  }
}
