import type { JsonValue } from '../canon/index.js'
import type { ArgumentType } from './catalog.js'

/**
 * False where a member is given that the type doesn't declare, at any depth: the API has moved on since the
 * catalog was made, or it never told, and what it does with that member is not understood.
 */
export function isDeclared(type: ArgumentType, value: JsonValue): boolean {
  if (typeof type === 'string' || typeof value !== 'object' || value === null) return true
  if ('list' in type)
    return (Array.isArray(value) ? value : [value]).every(item => isDeclared(type.list, item))
  if (Array.isArray(value)) return value.every(item => isDeclared(type, item))
  if ('map' in type) return Object.values(value).every(member => isDeclared(type.map, member))
  return Object.entries(value).every(([name, member]) => {
    const field = Object.hasOwn(type.fields, name) ? type.fields[name] : undefined
    return field !== undefined && isDeclared(field, member)
  })
}
