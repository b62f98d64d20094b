import assert from 'node:assert/strict'
import { Environment } from '@marcbachmann/cel-js'

type Json = Record<string, unknown>
interface Policy {
  readonly variables?: readonly { readonly name: string; readonly expression: string }[]
  readonly matchConditions?: readonly { readonly expression: string }[]
  readonly validations?: readonly { readonly expression: string; readonly message: string }[]
}
interface Named {
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly spec?: unknown
}

/** Every message of a policy that the API server would refuse with; an error of an expression refuses as well. */
export function refusals(objects: readonly Named[], name: string, given: object): readonly string[] {
  const found = objects.find(
    ({ kind, metadata }) => kind === 'ValidatingAdmissionPolicy' && metadata.name === name,
  )
  assert.ok(found, name)
  const policy = found.spec as Policy
  const cel = new Environment({ unlistedVariablesAreDyn: true })
  const variables: Json = {}
  const evaluate = (expression: string) => cel.evaluate(expression, { ...given, variables }) as unknown
  for (const each of policy.variables ?? []) variables[each.name] = evaluate(each.expression)
  if ((policy.matchConditions ?? []).some(({ expression }) => evaluate(expression) !== true)) return []
  return (policy.validations ?? []).flatMap(({ expression, message }) =>
    evaluate(expression) === true ? [] : [message],
  )
}
