import assert from 'node:assert/strict'
import { Environment } from '@marcbachmann/cel-js'

type Json = Record<string, unknown>
interface Policy {
  readonly variables?: readonly { readonly name: string; readonly expression: string }[]
  readonly matchConditions?: readonly { readonly expression: string }[]
  readonly validations?: readonly { readonly expression: string; readonly message: string }[]
  readonly paramKind?: object
  readonly paramRef?: {
    readonly name: string
    readonly namespace: string
    readonly parameterNotFoundAction: string
  }
}
interface Named {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
  readonly spec?: unknown
}

/** A request as the API server shows it to a policy; what isn't told is a pod's creation by nobody in particular. */
const REQUEST = {
  operation: 'CREATE',
  namespace: 'agents',
  resource: { group: '', version: 'v1', resource: 'pods' },
  userInfo: { username: 'maria', groups: ['system:authenticated'] },
}

/** The authorizer of admission policies: what was asked is told, and `may` answers it. */
class Authorizer {
  readonly may: (asked: string) => boolean
  readonly asked: string

  constructor(may: (asked: string) => boolean, asked = '') {
    this.may = may
    this.asked = asked
  }
}

/** Every message of a policy that the API server would refuse with; an error of an expression refuses as well. */
export function refusals(
  objects: readonly Named[],
  name: string,
  given: { readonly request?: object; readonly [other: string]: unknown },
  may: (asked: string) => boolean = () => false,
): readonly string[] {
  const specOf = (kind: string) => {
    const found = objects.find(each => each.kind === kind && each.metadata.name === name)
    assert.ok(found, `${kind} ${name}`)
    return found.spec as Policy
  }
  const policy = specOf('ValidatingAdmissionPolicy')
  const { paramRef } = specOf('ValidatingAdmissionPolicyBinding')
  assert.equal(policy.paramKind === undefined, paramRef === undefined)
  const params = objects.find(
    ({ kind, metadata }) =>
      kind === 'ConfigMap' && metadata.name === paramRef?.name && metadata.namespace === paramRef?.namespace,
  )
  if (paramRef !== undefined && params === undefined) {
    assert.equal(paramRef.parameterNotFoundAction, 'Deny')
    return ['no params found for policy binding with `Deny` parameterNotFoundAction']
  }
  const cel = environment()
  const variables: Json = {}
  const request = { ...REQUEST, ...given.request }
  const authorizer = new Authorizer(may)
  const evaluate = (expression: string) =>
    cel.evaluate(expression, { ...given, params, request, authorizer, variables }) as unknown
  for (const each of policy.variables ?? []) variables[each.name] = evaluate(each.expression)
  if ((policy.matchConditions ?? []).some(({ expression }) => evaluate(expression) !== true)) return []
  return (policy.validations ?? []).flatMap(({ expression, message }) =>
    evaluate(expression) === true ? [] : [message],
  )
}

function environment(): Environment {
  const cel = new Environment({ unlistedVariablesAreDyn: true }).registerType('Authorizer', Authorizer)
  for (const step of ['group', 'resource', 'namespace', 'check'])
    cel.registerFunction(
      `Authorizer.${step}(string): Authorizer`,
      ({ may, asked }: Authorizer, what: string) => new Authorizer(may, `${asked}/${what}`),
    )
  return cel.registerFunction('Authorizer.allowed(): bool', ({ may, asked }: Authorizer) => may(asked))
}
