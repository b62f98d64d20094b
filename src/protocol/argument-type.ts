import type { ArgumentType } from './catalog.js'
import { malformed, readMap, readMembers, readObject } from './document-shape.js'

const SCALARS: ReadonlySet<unknown> = new Set(['string', 'int', 'double', 'bool', 'any'])

/** Checks an argument type of a catalog; throws `catalog_malformed`. */
export function readArgumentType(value: unknown, where: string): ArgumentType {
  if (SCALARS.has(value)) return value as ArgumentType
  const kind = Object.keys(readObject(value, where))[0]
  switch (kind) {
    case 'list':
      return { list: readArgumentType(readMembers(value, where, ['list']).list, `${where}[]`) }
    case 'map':
      return { map: readArgumentType(readMembers(value, where, ['map']).map, `${where}.*`) }
    case 'fields':
      return { fields: readMap(readMembers(value, where, ['fields']).fields, where, readArgumentType) }
    default:
      throw malformed(where, 'an argument type')
  }
}
