import type { Static, TSchema } from 'typebox'
import type { JsonValue } from '../canon/index.js'
import { type PolicyErrorCode, policyFault } from './error-table.js'
import type { DocumentPath } from './finding.js'
import { checkSchema } from './schema-check.js'

/** The value as the schema's type; throws the fault `code` with the first unknown, missing or ill-typed member. */
export function checkShape<T extends TSchema>(schema: T, value: JsonValue, code: PolicyErrorCode): Static<T> {
  const problems: string[] = []
  checkSchema(schema, value, {
    add: (_, path, message) => problems.push(`${path.join('.') || 'payload'}: ${message}`),
  })
  if (problems[0] !== undefined) throw policyFault(code, problems[0])
  return value as Static<T>
}

/**
 * Where the value first misfits the schema, null where it fits. Only members that the schema names are in the path,
 * never a key or a value of the one who wrote it: it may be said about a secret. For schemas without records.
 */
export function misfitIn(schema: TSchema, value: unknown): DocumentPath | null {
  const misfits: DocumentPath[] = []
  checkSchema(schema, value, {
    add: (code, path) => misfits.push(code === 'unknown_key' ? path.slice(0, -1) : path),
  })
  return misfits[0] ?? null
}
