import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { JsonObject, JsonValue } from '../../src/canon/index.js'
import { type ArgumentType, type Catalog, classify } from '../../src/protocol/index.js'
import { shippedAws } from './aws-fixture.js'

/** One service for each wire, and those with keys, host prefixes and hints. */
const SERVICES = [
  'ec2',
  'iam',
  'cloudwatch',
  'sqs',
  'dynamodb',
  'ecs',
  'lambda',
  's3',
  's3control',
  'route53',
]
/** Texts that mean something to HTTP itself. */
const TEXTS: Readonly<Record<string, string>> = { ContentType: 'text/plain', ContentEncoding: 'gzip' }

describe('a request that is written for an operation of AWS', () => {
  for (const service of SERVICES) {
    it(`${service}: is recognised as that operation, with nothing and with everything that it takes`, () => {
      const catalog = shippedAws(service)
      const specs = catalog.operations()
      assert.ok(specs.length > 0)
      const wrong = specs.flatMap(({ name, args }) =>
        [{}, sampleOf(args, 0) as JsonObject]
          .map(given => recognisedAs(catalog, name, given))
          .filter(found => found !== name)
          .map(found => `${name}: ${found}`),
      )
      assert.deepEqual(wrong, [])
    })
  }

  it('carries the arguments that it was written for', () => {
    const written = {
      'ec2:TerminateInstances': { InstanceIds: ['i-1', 'i-2'] },
      'iam:CreateUser': { UserName: 'a b&c', Tags: [{ Key: 'k', Value: 'ü' }] },
      'sqs:SetQueueAttributes': { QueueUrl: 'https://x/1/q', Attributes: { VisibilityTimeout: '30' } },
      's3:DeleteObjects': {
        Bucket: 'b',
        Delete: { Objects: [{ Key: '<a>&"b"' }, { Key: 'c' }], Quiet: true },
      },
      's3:PutObject': { Bucket: 'b', Key: 'a b/c(1)', Metadata: { team: 'x' } },
      'lambda:Invoke': { FunctionName: 'f', Qualifier: '1', Payload: 'e30=' },
    } as const
    for (const [name, args] of Object.entries(written)) {
      const catalog = shippedAws(name.split(':')[0] as string)
      const request = catalog.write?.({ name, args: args as unknown as JsonObject })
      assert.ok(request)
      const found = classify(catalog, request)
      assert.equal(found.kind, 'operations', name)
      if (found.kind !== 'operations') return
      assert.deepEqual(JSON.parse(JSON.stringify(found.operations[0]?.args)), args, name)
      assert.equal(found.operations[0]?.opaque, undefined)
    }
  })

  it('goes to the region that is asked for, and to the first where the policy hasn’t got it', () => {
    const catalog = shippedAws('ec2')
    const hostOf = (region: string): string | undefined =>
      catalog
        .write?.({ name: 'ec2:DescribeInstances', args: {}, region })
        ?.headers.find(([name]) => name === 'host')?.[1]
    assert.equal(hostOf('us-east-1'), 'ec2.us-east-1.amazonaws.com')
    assert.equal(hostOf('mars-1'), 'ec2.eu-west-1.amazonaws.com')
  })

  it('isn’t written for an operation that the catalog hasn’t got', () => {
    assert.equal(shippedAws('ec2').write?.({ name: 'ec2:Explode', args: {} }), null)
    assert.equal(shippedAws('ec2').write?.({ name: 'rds:DeleteDBInstance', args: {} }), null)
  })
})

function recognisedAs(catalog: Catalog, name: string, args: JsonObject): string {
  const request = catalog.write?.({ name, args })
  if (request == null) return 'nothing'
  const found = classify(catalog, request)
  return found.kind === 'operations' ? (found.operations[0]?.name ?? '') : found.code
}

/** A value of a type; undefined where nothing has to be given. */
function sampleOf(type: ArgumentType, depth: number, name = ''): JsonValue | undefined {
  if (typeof type === 'string')
    return { string: TEXTS[name] ?? 'example', int: 1, double: 1, bool: true, any: 'e30=' }[type]
  if (depth > 3) return undefined
  if ('list' in type) return listed(sampleOf(type.list, depth + 1))
  if ('map' in type) {
    const value = sampleOf(type.map, depth + 1)
    return value === undefined ? {} : { example: value }
  }
  const members = Object.entries(type.fields).map(
    ([name, inner]) => [name, sampleOf(inner, depth + 1, name)] as const,
  )
  return Object.fromEntries(members.filter((each): each is [string, JsonValue] => each[1] !== undefined))
}

function listed(item: JsonValue | undefined): JsonValue {
  return item === undefined ? [] : [item]
}
