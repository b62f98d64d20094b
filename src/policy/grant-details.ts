import type { JsonObject, JsonValue } from '../canon/index.js'
import type { Operation } from '../protocol/index.js'
import { globMatches } from './glob.js'

/** `type` of the authorization details (RFC 9396 §2) that narrow a grant. */
const TYPE = 'countersign'

/**
 * Whether a grant's own authorization details cover an operation:
 *
 *     {"type":"countersign","api":"railway","operations":["variable*"],"class":["update"],"scope":{"environment":"7c9e"}}
 *
 * Keys AND, lists OR, each key but `type` optional; `class` must cover all classes. A detail of another type, or
 * with a member that isn't known, covers nothing.
 */
export function coversOperation(details: readonly JsonObject[], operation: Operation): boolean {
  return details.some(
    detail => detail.type === TYPE && Object.keys(detail).every(key => covers(detail, key, operation)),
  )
}

function covers(detail: JsonObject, key: string, operation: Operation): boolean {
  const value = detail[key]
  switch (key) {
    case 'type':
      return true
    case 'api':
      return texts(value).includes(operation.api)
    case 'operations':
      return texts(value).some(pattern => globMatches(pattern, operation.name))
    case 'class': {
      const classes = texts(value)
      return operation.classes.every(each => classes.includes(each))
    }
    case 'scope':
      return coversScope(value, operation)
    default:
      return false
  }
}

function coversScope(value: JsonValue | undefined, operation: Operation): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return Object.entries(value).every(([member, expected]) => {
    const known = Object.hasOwn(operation.scope, member) ? operation.scope[member] : undefined
    return known !== undefined && texts(expected).includes(known)
  })
}

function texts(value: JsonValue | undefined): readonly string[] {
  if (typeof value === 'string') return [value]
  return Array.isArray(value) ? value.filter(each => typeof each === 'string') : []
}
