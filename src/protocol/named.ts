import type { JsonValue } from '../canon/index.js'
import { ANYTHING, type Resource } from './operation.js'

/** What arguments name: ids, and whether something stands there that is no id. */
export interface NamedIds {
  readonly ids: readonly string[]
  readonly unclear: boolean
}

/**
 * Ids as servers read them: a number for its digits, and a list for its items. Null and an empty text name nothing. ATTACK:
 * `charge[]=ch_1` or `"order": 12` past a rule on that charge or order.
 */
export function namedIds(values: readonly JsonValue[]): NamedIds {
  const given = values
    .flatMap(value => (Array.isArray(value) ? value : [value]))
    .filter(value => value !== null && value !== '')
  const ids = given.flatMap(value =>
    typeof value === 'string' ? [value] : typeof value === 'number' ? [String(value)] : [],
  )
  return { ids, unclear: ids.length < given.length }
}

/**
 * What a request leaves open: of each type that its operation can name, anything where the request names none of that
 * type. ATTACK: a refund by `payment_intent`, past a deny of the charge behind it. Nothing for a request that names
 * nothing at all: hold and deny match that anyway.
 */
export function leftOpen(types: readonly string[], resources: readonly Resource[]): readonly Resource[] {
  if (resources.length === 0) return []
  const named = new Set(resources.map(({ type }) => type))
  return types.filter(type => !named.has(type)).map(anyOf)
}

/** Anything of a type, as a spelling. */
export function anyOf(type: string): Resource {
  return { type, id: ANYTHING, like: ANYTHING }
}
