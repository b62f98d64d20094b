import { equalBytes, utf8 } from './bytes.js'
import { canonFault } from './error-table.js'
import { type JsonValue, parseStrictJson } from './json.js'

/**
 * JSON Canonicalization Scheme (RFC 8785): members sorted by UTF-16 code units, ECMAScript number and string
 * forms, no white space. Members whose value is undefined are left out. Throws `json_number` on NaN or
 * infinity and `json_unicode` on a lone surrogate.
 */
export function canonicalize(value: unknown): string {
  switch (typeof value) {
    case 'string':
      if (!value.isWellFormed()) throw canonFault('json_unicode')
      return JSON.stringify(value)
    case 'number':
      if (!Number.isFinite(value)) throw canonFault('json_number')
      return JSON.stringify(value)
    case 'boolean':
      return value ? 'true' : 'false'
    case 'object':
      if (value === null) return 'null'
      return Array.isArray(value)
        ? `[${value.map(canonicalize).join(',')}]`
        : canonicalObject(value as Record<string, unknown>)
    default:
      throw canonFault('json_syntax', `a ${typeof value} has no JSON form`)
  }
}

function canonicalObject(object: Record<string, unknown>): string {
  let text = ''
  for (const key of Object.keys(object).sort()) {
    const value = object[key]
    if (value === undefined) continue
    text += `${text === '' ? '' : ','}${canonicalize(key)}:${canonicalize(value)}`
  }
  return `{${text}}`
}

export function canonicalBytes(value: unknown): Uint8Array {
  return utf8(canonicalize(value))
}

/** Parses strictly and throws `not_canonical` unless the bytes are exactly the JCS of the value, integers only. */
export function parseCanonical(bytes: Uint8Array): JsonValue {
  const value = parseStrictJson(bytes, { integersOnly: true })
  if (!equalBytes(canonicalBytes(value), bytes)) throw canonFault('not_canonical')
  return value
}
