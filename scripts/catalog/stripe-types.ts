import ts from 'typescript'
import type { ArgumentType } from '../../src/protocol/index.js'

const MAX_DEPTH = 3

/** `number` is an integer in the API (minor units, seconds, counts) unless the name says otherwise. */
const FRACTION = /percent|latitude|longitude|height|length|weight|width|rate$/

/** The argument types of a params object; null where it declares no members. */
export function argumentTypes(params: ts.Type, checker: ts.TypeChecker): Record<string, ArgumentType> {
  const type = typeOf(params, '', 0, checker)
  return typeof type === 'object' && 'fields' in type ? { ...type.fields } : {}
}

function typeOf(type: ts.Type, name: string, depth: number, checker: ts.TypeChecker): ArgumentType {
  // Declared as text or number; on the wire it is text.
  if (name === 'metadata') return { map: 'string' }
  const members = (type.isUnion() ? type.types : [type]).filter(member => !isEmpty(member))
  const kinds = new Set(members.map(scalarOf))
  const kind = [...kinds][0]
  if (kinds.size !== 1) return 'any'
  if (kind === 'number') return FRACTION.test(name) ? 'double' : 'int'
  if (kind !== undefined) return kind
  return members.length === 1 ? structureOf(members[0] as ts.Type, name, depth, checker) : 'any'
}

/** Left out by the caller, or the empty text with which the API unsets a value. */
function isEmpty(type: ts.Type): boolean {
  return (
    (type.flags & (ts.TypeFlags.Undefined | ts.TypeFlags.Null)) !== 0 ||
    (type.isStringLiteral() && type.value === '')
  )
}

function scalarOf(type: ts.Type): 'string' | 'number' | 'bool' | undefined {
  if ((type.flags & ts.TypeFlags.StringLike) !== 0 || type.symbol?.name === 'Decimal') return 'string'
  if ((type.flags & ts.TypeFlags.NumberLike) !== 0) return 'number'
  if ((type.flags & ts.TypeFlags.BooleanLike) !== 0) return 'bool'
  // `string & {}` keeps an open enumeration open.
  if (type.isIntersection() && type.types.some(part => (part.flags & ts.TypeFlags.String) !== 0))
    return 'string'
  return undefined
}

function structureOf(type: ts.Type, name: string, depth: number, checker: ts.TypeChecker): ArgumentType {
  const element = checker.isArrayType(type)
    ? checker.getTypeArguments(type as ts.TypeReference)[0]
    : undefined
  if (element !== undefined)
    return depth >= MAX_DEPTH ? 'any' : { list: typeOf(element, name, depth + 1, checker) }
  const indexed = type.getStringIndexType()
  if (indexed !== undefined) return { map: typeOf(indexed, name, depth + 1, checker) }
  const properties = type.getProperties().filter(property => isOwnMember(property))
  if (properties.length === 0 || depth >= MAX_DEPTH) return 'any'
  const fields: Record<string, ArgumentType> = {}
  for (const property of properties)
    fields[property.name] = typeOf(checker.getTypeOfSymbol(property), property.name, depth + 1, checker)
  return { fields }
}

/** False for the members of a class such as `Uint8Array` or `Date`, which stand for a value of their own. */
function isOwnMember(property: ts.Symbol): boolean {
  return (property.flags & ts.SymbolFlags.Property) !== 0 && /^[a-z][a-z0-9_]*$/.test(property.name)
}
