import type { CountersignError } from '../canon/index.js'
import { protocolFault } from './error-table.js'

/**
 * Strict readers for catalogs as data: each takes an unknown value and where it stands, and throws
 * `catalog_malformed` unless the value is exactly of that shape. Nothing is coerced, nothing is ignored.
 */
export type Reader<T> = (value: unknown, where: string) => T

export function malformed(where: string, expected: string): CountersignError {
  return protocolFault('catalog_malformed', `${where}: expected ${expected}`)
}

/** An object with these members and no others; the names in `optional` may be missing. */
export function readMembers<R extends string, O extends string = never>(
  value: unknown,
  where: string,
  required: readonly R[],
  optional: readonly O[] = [],
): Readonly<Record<R, unknown> & Partial<Record<O, unknown>>> {
  const object = readObject(value, where)
  for (const name of required) if (!Object.hasOwn(object, name)) throw malformed(where, `a member ${name}`)
  for (const name of Object.keys(object))
    if (!(required as readonly string[]).includes(name) && !(optional as readonly string[]).includes(name))
      throw malformed(where, `no member ${JSON.stringify(name)}`)
  return object as Record<R, unknown> & Partial<Record<O, unknown>>
}

export function readObject(value: unknown, where: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed(where, 'an object')
  return value as Record<string, unknown>
}

/** A string that isn't empty. */
export function readText(value: unknown, where: string): string {
  if (typeof value !== 'string' || value === '') throw malformed(where, 'a text')
  return value
}

export function readList<T>(value: unknown, where: string, item: Reader<T>): readonly T[] {
  if (!Array.isArray(value)) throw malformed(where, 'a list')
  return value.map((entry, i) => item(entry, `${where}[${i}]`))
}

export function readMap<T>(value: unknown, where: string, member: Reader<T>): Readonly<Record<string, T>> {
  const map: Record<string, T> = Object.create(null)
  for (const [name, entry] of Object.entries(readObject(value, where)))
    map[name] = member(entry, `${where}.${name}`)
  return map
}

export function readOneOf<T extends string>(value: unknown, where: string, choices: readonly T[]): T {
  if (!(choices as readonly unknown[]).includes(value)) throw malformed(where, `one of ${choices.join(', ')}`)
  return value as T
}
