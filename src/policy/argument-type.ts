import type { JsonValue } from '../canon/index.js'
import type { ArgumentType } from '../protocol/index.js'

/** Type of a member within a type: `any` where the catalog doesn't know, undefined where there is no such member. */
export function memberType(type: ArgumentType, member: string): ArgumentType | undefined {
  if (type === 'any') return 'any'
  if (typeof type === 'string') return undefined
  if ('fields' in type) return Object.hasOwn(type.fields, member) ? type.fields[member] : undefined
  return 'map' in type ? type.map : undefined
}

/** What is known of a value that may be of either type: all fields of both; `any` where they disagree. */
export function mergeTypes(a: ArgumentType, b: ArgumentType): ArgumentType {
  if (a === b) return a
  if (typeof a === 'string' || typeof b === 'string') return 'any'
  if ('list' in a && 'list' in b) return { list: mergeTypes(a.list, b.list) }
  if ('map' in a && 'map' in b) return { map: mergeTypes(a.map, b.map) }
  if (!('fields' in a && 'fields' in b)) return 'any'
  const fields: Record<string, ArgumentType> = { ...a.fields }
  for (const [member, type] of Object.entries(b.fields)) {
    const known = fields[member]
    fields[member] = known === undefined ? type : mergeTypes(known, type)
  }
  return { fields }
}

/** Type of a fact that the policy itself states. */
export function typeOfValue(value: JsonValue): ArgumentType {
  switch (typeof value) {
    case 'string':
      return 'string'
    case 'number':
      return 'int'
    case 'boolean':
      return 'bool'
    default:
      if (!Array.isArray(value)) return 'any'
      return {
        list: value.map(typeOfValue).reduce<ArgumentType>((all, each) => mergeTypes(all, each), 'string'),
      }
  }
}
