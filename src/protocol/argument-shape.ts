import type { JsonObject, JsonValue } from '../canon/index.js'
import type { ArgumentType } from './catalog.js'
import { protocolFault } from './error-table.js'

/**
 * Gives parsed parameters the shape that the catalog declares. `text` values came as text (path, query, form,
 * multipart): where the type is a number or a bool and the text is its canonical form, the value becomes one;
 * indexed members become lists. `native` values (JSON) keep their own types. A value that doesn't fit its type
 * is left as it is: a limit takes it for unknown, and a condition of an allow doesn't match it.
 *
 * Throws `parameter_ambiguous` where two members, or a member and a declared one, differ only in case: servers
 * that fold case would read the other one. Members of a declared map are free.
 */
export type Shape = (value: JsonValue, origin: 'text' | 'native') => JsonValue

export function compileShape(type: ArgumentType): Shape {
  if (typeof type === 'string') return SCALARS[type]
  if ('list' in type) return listShape(compileShape(type.list))
  if ('map' in type) return mapShape(compileShape(type.map))
  return fieldsShape(type.fields)
}

const SCALARS: Readonly<Record<Extract<ArgumentType, string>, Shape>> = {
  string: untypedShape,
  any: untypedShape,
  int: (value, origin) =>
    origin === 'text' && typeof value === 'string' ? integerOf(value) : untypedShape(value, origin),
  double: (value, origin) =>
    origin === 'text' && typeof value === 'string' ? decimalOf(value) : untypedShape(value, origin),
  bool: (value, origin) => {
    if (origin === 'native') return untypedShape(value, origin)
    return value === 'true' ? true : value === 'false' ? false : untypedShape(value, origin)
  },
}

function integerOf(text: string): JsonValue {
  const value = /^(?:0|-?[1-9][0-9]{0,15})$/.test(text) ? Number(text) : Number.NaN
  return Number.isSafeInteger(value) ? value : text
}

function decimalOf(text: string): JsonValue {
  const value = /^-?(?:0|[1-9][0-9]{0,15})(?:\.[0-9]{1,15})?$/.test(text) ? Number(text) : Number.NaN
  return Number.isFinite(value) ? value : text
}

function listShape(item: Shape): Shape {
  return (value, origin) => {
    const list = origin === 'text' ? (listOf(value, 'declared') ?? value) : value
    return Array.isArray(list) ? list.map(entry => item(entry, origin)) : untypedShape(list, origin)
  }
}

function mapShape(member: Shape): Shape {
  return (value, origin) => {
    if (!isObject(value)) return untypedShape(value, origin)
    const shaped: JsonObject = Object.create(null)
    for (const name of Object.keys(value)) shaped[name] = member(value[name] as JsonValue, origin)
    return shaped
  }
}

function fieldsShape(fields: Readonly<Record<string, ArgumentType>>): Shape {
  const shapes = new Map(Object.entries(fields).map(([name, type]) => [name, compileShape(type)]))
  const declared = new Set([...shapes.keys()].map(foldCase))
  return (value, origin) => {
    if (!isObject(value)) return untypedShape(value, origin)
    refuseSpellings(value)
    const shaped: JsonObject = Object.create(null)
    for (const name of Object.keys(value)) {
      const shape = shapes.get(name)
      if (shape === undefined && declared.has(foldCase(name))) throw protocolFault('parameter_ambiguous')
      shaped[name] = (shape ?? untypedShape)(value[name] as JsonValue, origin)
    }
    return shaped
  }
}

function untypedShape(value: JsonValue, origin: 'text' | 'native'): JsonValue {
  if (typeof value !== 'object' || value === null) return value
  const list = origin === 'text' ? listOf(value, 'guessed') : value
  if (Array.isArray(list)) return list.map(entry => untypedShape(entry, origin))
  const object = value as JsonObject
  refuseSpellings(object)
  const shaped: JsonObject = Object.create(null)
  for (const name of Object.keys(object)) shaped[name] = untypedShape(object[name] as JsonValue, origin)
  return shaped
}

/** `{ 0: a, 1: b }` as a list; null where the members aren't 0…n−1. Gaps in a declared list are refused. */
function listOf(value: JsonValue, certainty: 'declared' | 'guessed'): JsonValue[] | null {
  if (Array.isArray(value)) return value
  if (!isObject(value)) return null
  const names = Object.keys(value)
  const list: JsonValue[] = []
  for (let i = 0; i < names.length; i++) {
    const item = value[String(i)]
    if (item === undefined) {
      if (certainty === 'declared') throw protocolFault('parameter_structure')
      return null
    }
    list.push(item)
  }
  return list
}

/** Throws `parameter_ambiguous` where two members differ only in case. */
export function refuseSpellings(object: JsonObject): void {
  const names = Object.keys(object)
  if (names.every(isLowerCase)) return
  if (new Set(names.map(foldCase)).size !== names.length) throw protocolFault('parameter_ambiguous')
}

function isLowerCase(name: string): boolean {
  return /^[a-z0-9_-]+$/.test(name)
}

/** Simple case folding; both directions, because `ſ` and the Kelvin sign each fold in one only. */
function foldCase(name: string): string {
  return isLowerCase(name) ? name : name.toUpperCase().toLowerCase()
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
