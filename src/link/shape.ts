import type { JsonObject, JsonValue } from '../canon/index.js'
import { linkFault } from './error-table.js'

/** Deepest nesting that a value on the link may have. */
const MAX_DEPTH = 64
const SHA256_HEX = /^[0-9a-f]{64}$/

export type Members = Readonly<Record<string, unknown>>

/** The object behind a payload with exactly the required members and at most the optional ones. */
export function membersOf(
  value: unknown,
  required: readonly string[],
  optional: readonly string[] = [],
): Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed('an object')
  let found = 0
  for (const key of Object.keys(value)) {
    if (required.includes(key)) found++
    else if (!optional.includes(key)) throw malformed('no unknown member')
  }
  if (found !== required.length) throw malformed(`the members ${required.join(', ')}`)
  return value as Members
}

/** A well-formed string of at most so many UTF-16 code units. */
export function text(value: unknown, maxLength: number): string {
  if (typeof value !== 'string' || value.length > maxLength || !value.isWellFormed())
    throw malformed(`a string of at most ${maxLength}`)
  return value
}

export function matching(value: unknown, pattern: RegExp): string {
  if (typeof value !== 'string' || !pattern.test(value)) throw malformed(`text like ${pattern.source}`)
  return value
}

export function sha256Hex(value: unknown): string {
  return matching(value, SHA256_HEX)
}

/** A count, a size or a position: 0 … 2^53−1. */
export function count(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw malformed('a count')
  return value
}

export function flag(value: unknown): boolean {
  if (typeof value !== 'boolean') throw malformed('true or false')
  return value
}

export function oneOf<T extends string>(value: unknown, allowed: readonly T[]): T {
  if (!(allowed as readonly unknown[]).includes(value)) throw malformed(`one of ${allowed.join(', ')}`)
  return value as T
}

export function nullable<T>(value: unknown, read: (value: unknown) => T): T | null {
  return value === null ? null : read(value)
}

export function listOf<T>(value: unknown, maxLength: number, read: (value: unknown) => T): readonly T[] {
  if (!Array.isArray(value) || value.length > maxLength)
    throw malformed(`a list of at most ${maxLength} items`)
  return value.map(read)
}

/** How many values are still taken of one message. */
export interface Room {
  values: number
}

/**
 * Any JSON object, copied without a prototype at every level (so that a member called `constructor` exists only
 * where it was sent), with finite numbers and well-formed strings, at most 64 levels deep.
 * Every member and every item takes one of what `room` has left; without one, the payload's bound is all there is.
 */
export function jsonObject(value: unknown, room: Room = { values: Infinity }): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed('an object')
  return copyObject(value as Members, 1, room)
}

function copyObject(source: Members, depth: number, room: Room): JsonObject {
  if (depth > MAX_DEPTH) throw malformed(`at most ${MAX_DEPTH} levels`)
  const copy: JsonObject = Object.create(null)
  for (const key of Object.keys(source)) copy[text(key, 65_536)] = copyValue(source[key], depth, room)
  return copy
}

function copyValue(value: unknown, depth: number, room: Room): JsonValue {
  if (room.values-- <= 0) throw malformed('fewer values')
  switch (typeof value) {
    case 'string':
      if (!value.isWellFormed()) throw malformed('well-formed Unicode')
      return value
    case 'number':
      // JSON.parse reads 1e999 as infinity.
      if (!Number.isFinite(value)) throw malformed('finite numbers')
      return value
    case 'boolean':
      return value
    case 'object':
      if (value === null) return null
      if (!Array.isArray(value)) return copyObject(value as Members, depth + 1, room)
      if (depth >= MAX_DEPTH) throw malformed(`at most ${MAX_DEPTH} levels`)
      return value.map(item => copyValue(item, depth + 1, room))
    default:
      throw malformed('a JSON value')
  }
}

/** What was expected is named; what came is not, since it may hold a token. */
function malformed(expected: string): Error {
  return linkFault('frame_malformed', `expected ${expected}`)
}
