import type { Static, TSchema } from 'typebox'
import type { JsonValue } from '../canon/index.js'
import { type PolicyErrorCode, policyFault } from './error-table.js'
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
