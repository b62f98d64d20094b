import { randomUUID } from 'node:crypto'
import { type AwsCall, type AwsService, authorize, type Need, record } from './aws-call.js'
import { type AwsAnswer, jsonAnswer, type PlainValue } from './aws-dialect.js'
import { AwsRefusal } from './aws-refusal.js'
import { decoded, headerOf, queryOf } from './aws-request.js'
import { type AwsWorld, arnOf, type LambdaFunction } from './aws-world.js'

/** Functions that answer with what they were given. */
export const lambdaService: AwsService = {
  regional: true,
  dialect: () => 'rest-json',
  handle: call => {
    const [, version, functions, encodedName, rest, ...more] = call.request.path.split('/')
    if (version !== '2015-03-31' || functions !== 'functions' || more.length > 0) throw unknownRoute()
    const { method } = call.request
    // `/functions/` and `/functions` are the same to Lambda.
    if (method === 'GET' && !encodedName && rest === undefined) return listFunctions(call)
    if (encodedName === undefined || encodedName === '') throw unknownRoute()
    const name = nameOf(call.world, decoded(encodedName))
    if (method === 'GET' && rest === 'configuration') return getConfiguration(call, name)
    if (method === 'POST' && rest === 'invocations') return invoke(call, name)
    throw unknownRoute()
  },
}

function listFunctions(call: AwsCall): AwsAnswer {
  return perform(call, 'ListFunctions', [{ action: 'lambda:ListFunctions', resources: ['*'] }], () =>
    jsonAnswer({
      Functions: [...call.world.functions.values()].map(each => configurationOf(call.world, each)),
    }),
  )
}

function getConfiguration(call: AwsCall, name: string): AwsAnswer {
  const needs = onFunction(call.world, 'lambda:GetFunctionConfiguration', name)
  return perform(call, 'GetFunctionConfiguration', needs, () =>
    jsonAnswer(configurationOf(call.world, functionOf(call, name))),
  )
}

function invoke(call: AwsCall, name: string): AwsAnswer {
  const { request, world } = call
  return perform(call, 'Invoke', onFunction(world, 'lambda:InvokeFunction', name), () => {
    const called = functionOf(call, name)
    const type = headerOf(request, 'x-amz-invocation-type') ?? 'RequestResponse'
    const headers = { 'content-type': 'application/json', 'x-amzn-requestid': randomUUID() }
    switch (type) {
      case 'DryRun':
        return { status: 204, headers, body: '' }
      case 'Event':
        called.invocations.push(request.body)
        return { status: 202, headers, body: '' }
      case 'RequestResponse':
        called.invocations.push(request.body)
        return {
          status: 200,
          headers: { ...headers, 'x-amz-executed-version': '$LATEST' },
          body: request.body.length === 0 ? 'null' : request.body,
        }
      default:
        throw new AwsRefusal('InvalidParameterValueException', 'The invocation type is not known.')
    }
  })
}

function perform(call: AwsCall, operation: string, needs: readonly Need[], run: () => AwsAnswer): AwsAnswer {
  if (queryOf(call.request, 'Qualifier') !== undefined)
    throw new AwsRefusal('ResourceNotFoundException', 'The functions of this stand-in have no versions.', 404)
  authorize(call, needs)
  const answer = run()
  record(call, 'lambda', operation, needs)
  return answer
}

function onFunction(world: AwsWorld, action: string, name: string): Need[] {
  return [{ action, resources: [functionArn(world, name)] }]
}

function functionOf({ world }: AwsCall, name: string): LambdaFunction {
  const found = world.functions.get(name)
  if (found === undefined)
    throw new AwsRefusal('ResourceNotFoundException', `Function not found: ${functionArn(world, name)}`, 404)
  return found
}

/** A function is named by its name, its ARN, or `account:function:name`. */
function nameOf(world: AwsWorld, given: string): string {
  const prefixes = [arnOf(world, 'lambda', 'function:'), `${world.account}:function:`]
  const name = given.slice(prefixes.find(prefix => given.startsWith(prefix))?.length ?? 0)
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(name))
    throw new AwsRefusal('ValidationException', 'The function name is not valid.')
  return name
}

function configurationOf(world: AwsWorld, each: LambdaFunction): PlainValue {
  return {
    FunctionName: each.name,
    FunctionArn: functionArn(world, each.name),
    Runtime: each.runtime,
    Role: each.roleArn,
    Handler: each.handler,
    // Lambda writes this time as a text, unlike the rest of its protocol.
    LastModified: each.modifiedAt.toISOString().replace('Z', '+0000'),
    MemorySize: 128,
    Timeout: 3,
    Version: '$LATEST',
    State: 'Active',
    PackageType: 'Zip',
  }
}

function functionArn(world: AwsWorld, name: string): string {
  return arnOf(world, 'lambda', `function:${name}`)
}

function unknownRoute(): AwsRefusal {
  return new AwsRefusal('UnknownOperationException', 'This service has no such operation.', 404)
}
