import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { JsonObject } from '../../src/canon/index.js'
import { openAwsShelf } from '../../src/cli/aws-shelf.js'
import type { RecordedAttempt } from '../../src/cli/replay/recorded-attempts.js'
import { fromReceipt } from '../../src/cli/replay/redecide.js'
import { activate, compilePolicy, type Decision, type DecisionInput } from '../../src/policy/index.js'
import type { Operation } from '../../src/protocol/index.js'
import { compiledOf, inputOf, operation, policyText, sourceOf } from '../policy/a-policy.js'
import {
  inputFrom,
  policyOf,
  someCircumstances,
  someOperations,
  someRule,
  someTerms,
} from '../policy/random-policy.js'

/** Policies that are tried; each is asked about some requests. */
const RUNS = Number(process.env.COUNTERSIGN_POLICY_RUNS ?? 40)

const HOME = 'eu-west-1:111122223333'
const SERVICES = [
  'iam',
  'cloudformation',
  'ecs',
  'lambda',
  'secretsmanager',
  'kms',
  'sagemaker',
  's3',
  'ec2',
  'sqs',
]
const APIS = `  aws: { catalog: aws, services: [${SERVICES.join(', ')}], regions: [eu-west-1], credential: aws }
credentials:
  aws: { minter: aws-sts, role: "arn:aws:iam::111122223333:role/agents", region: eu-west-1 }`

/** Under a policy that denies an ARN. */
function bothWays(name: string, args: JsonObject, arn: string) {
  // A receipt doesn't say whether the account in the scope was another one, unless the rules ask for it.
  const rules = `  - { id: everywhere, allow: { api: aws, operations: ["${name}"] }, to: coder }
  - { id: all-here, allow: { api: aws, operations: ["${name}"], scope: { account: "111122223333" } }, to: coder }
  - { id: not-this, deny: { api: aws, operations: ["${name}"], resources: ["${arn}"] } }`
  return bothWaysUnder(rules, name, args)
}

/** What a keeper decides of a call, and what its receipt alone tells. */
function bothWaysUnder(rules: string, name: string, args: JsonObject) {
  const source = sourceOf(policyText(rules, { apis: APIS }))
  const compiled = compilePolicy(source, { catalogs: new Map(), aws: openAwsShelf(), files: new Map() })
  assert.ok(compiled.kind === 'compiled', JSON.stringify(compiled))
  const policy = activate(compiled.payload, compiled.cid, compiled.catalogs)
  const api = policy.apis.get('aws')
  assert.ok(api)
  const operation = api.catalog.describe('aws', { name, args, region: 'eu-west-1' })
  const input = inputOf([operation], { request: { api: 'aws', method: 'POST', target: '/' } })
  const decided = policy.decide(input)
  const entry = receiptOf([operation], input, decided)
  return { decided, told: fromReceipt(policy, api, { entry }, 'closed', () => 0) }
}

function receiptOf(
  operations: readonly Operation[],
  { agent, nowMs, request: { api } }: DecisionInput,
  decision: Pick<Decision, 'effect' | 'code' | 'rule'>,
): RecordedAttempt['entry'] {
  return {
    id: 'at_1',
    t: nowMs,
    agent,
    req: { api, method: 'POST' },
    ops: operations.map(({ name, classes, scope, resources }) => ({
      name,
      classes,
      scope,
      resources: resources.map(({ type, id }) => ({ type, id })),
    })),
    decision,
  } as unknown as RecordedAttempt['entry']
}

const MEANT: readonly (readonly [name: string, args: JsonObject, arn: string])[] = [
  ['iam:DeleteRole', { RoleName: 'job' }, 'arn:aws:iam::111122223333:role/service-role/job'],
  [
    'cloudformation:DeleteStack',
    { StackName: 'prod' },
    `arn:aws:cloudformation:${HOME}:stack/prod/0e1f2a3b-0000`,
  ],
  [
    'ecs:DeleteService',
    { cluster: 'prod', service: `arn:aws:ecs:${HOME}:service/web` },
    `arn:aws:ecs:${HOME}:service/prod/web`,
  ],
  ['lambda:DeleteFunction', { FunctionName: 'pay', Qualifier: '3' }, `arn:aws:lambda:${HOME}:function:pay:3`],
  ['secretsmanager:DeleteSecret', { SecretId: 'pay' }, `arn:aws:secretsmanager:${HOME}:secret:pay-AbCdEf`],
  ['kms:Encrypt', { KeyId: 'alias/pay', Plaintext: 'x' }, `arn:aws:kms:${HOME}:key/0e1f2a3b`],
  ['s3:DeleteObject', { Bucket: `arn:aws:s3:${HOME}:accesspoint/point`, Key: 'a' }, 'arn:aws:s3:::prod/*'],
]

describe('deciding again from a receipt alone', () => {
  for (const [name, args, arn] of MEANT)
    it(`can’t tell whether ${name} ${JSON.stringify(args)} was ${arn}`, () => {
      const { decided, told } = bothWays(name, args, arn)
      assert.equal(decided.code, 'denied_by_rule')
      assert.deepEqual(told, { kind: 'unknown', why: 'by which other names the resources go: closed' })
    })

  const plain: typeof MEANT = [
    ['s3:DeleteObject', { Bucket: 'prod', Key: 'a' }, 'arn:aws:s3:::prod/*'],
    ['ec2:TerminateInstances', { InstanceIds: ['i-1'] }, `arn:aws:ec2:${HOME}:instance/i-2`],
    ['sagemaker:DeleteEndpoint', { EndpointName: 'Ranking' }, `arn:aws:sagemaker:${HOME}:endpoint/ranking`],
    [
      'sqs:PurgeQueue',
      { QueueUrl: 'https://sqs.eu-west-1.amazonaws.com/111122223333/a' },
      `arn:aws:sqs:${HOME}:b`,
    ],
  ]
  for (const [name, args, arn] of plain)
    it(`tells what became of ${name} ${JSON.stringify(args)}`, () => {
      const { decided, told } = bothWays(name, args, arn)
      assert.ok(told.kind === 'decided', JSON.stringify(told))
      assert.deepEqual([told.decision.code, told.decision.rule], [decided.code, decided.rule])
    })

  it('can’t tell whether a hold of all that an alias may be let it pass', () => {
    const key = `arn:aws:kms:${HOME}:key/*`
    const rules = `  - { id: ask, hold: { api: aws, operations: ["kms:Encrypt"], resources: ["${key}"], scope: { account: "111122223333" } }, to: coder, approvers: finance }`
    const { decided, told } = bothWaysUnder(rules, 'kms:Encrypt', { KeyId: 'alias/pay', Plaintext: 'x' })
    assert.equal(decided.code, 'approval_required')
    assert.deepEqual(told, { kind: 'unknown', why: 'by which other names the resources go: closed' })
  })

  it('tells what no rule makes depend on a name', () => {
    const { decided, told } = bothWays('iam:DeleteRole', { RoleName: 'job' }, '*')
    assert.ok(told.kind === 'decided')
    assert.equal(told.decision.code, decided.code)
  })

  it('attack: another account in one of two operations, by which another limit is exceeded', () => {
    const rules = '  - { id: ask, hold: { api: shop }, to: coder, approvers: finance }'
    const limits = 'limits: { perTask: { count: 1, per: 1h }, perAgent: { count: 2, per: day } }'
    const { payload, cid, catalogs } = compiledOf(policyText(rules, { more: limits }))
    const policy = activate(payload, cid, catalogs)
    const update = { classes: ['update' as const] }
    const operations = [
      operation('PATCH /orders/{order}', update),
      operation('PATCH /orders/{order}', { ...update, scope: { account: 'acct_2' }, account: 'acct_2' }),
    ]
    const api = policy.apis.get('shop')
    assert.ok(api)
    const input = inputOf(operations, { usage: () => 1 })
    const decided = policy.decide(input)
    assert.deepEqual([decided.code, decided.rule], ['over_limit', 'limits.perTask'])
    const entry = receiptOf(operations, input, decided)
    assert.equal(fromReceipt(policy, api, { entry }, 'closed', () => 1).kind, 'unknown')
  })

  it('can’t tell which of two denies a receipt names, where the first asks for arguments', () => {
    const patch = '{ api: shop, operations: ["PATCH /orders/{order}"] }'
    const large = `  - { id: a, deny: ${patch}, when: args.amount > 5 }`
    const every = `  - { id: b, deny: ${patch} }`
    const told = (rules: string) => {
      const { payload, cid, catalogs } = compiledOf(policyText(rules))
      const policy = activate(payload, cid, catalogs)
      const api = policy.apis.get('shop')
      assert.ok(api)
      const operations = [operation('PATCH /orders/{order}', { classes: ['update'], args: { amount: 3 } })]
      const input = inputOf(operations)
      const decided = policy.decide(input)
      assert.equal(decided.rule, 'b')
      return fromReceipt(policy, api, { entry: receiptOf(operations, input, decided) }, 'closed', () => 0)
        .kind
    }
    assert.equal(told(`${large}\n${every}`), 'unknown')
    assert.equal(told(`${large.replace('id: a', 'id: c')}\n${every}`), 'decided')
  })

  it('never tells another decision than there was, for any policy and request', () => {
    const seen = { told: 0, unknown: 0 }
    const request = fc.tuple(someOperations, someCircumstances)
    fc.assert(
      fc.property(
        fc.array(someRule, { minLength: 2, maxLength: 6 }),
        someTerms,
        fc.array(request, { minLength: 20, maxLength: 40 }),
        (rules, terms, requests) => {
          const { active, world } = policyOf(rules, terms)
          for (const [made, circumstances] of requests) {
            // Nothing is raised of what no catalog has.
            const operations = made.map(each =>
              each.baseClasses.includes('unknown') ? { ...each, classes: each.baseClasses } : each,
            )
            const input = inputFrom(operations, circumstances)
            const { effect, code, rule } = active.decide(input)
            const api = active.apis.get(input.request.api)
            // How far a clock was behind isn't told; the caller asks nothing of such a receipt.
            if (api === undefined || code === 'clock_behind') continue
            const entry = receiptOf(operations, input, { effect, code, rule })
            const told = fromReceipt(active, api, { entry }, 'closed', () => circumstances.used)
            seen[told.kind === 'decided' ? 'told' : 'unknown']++
            if (told.kind === 'unknown') continue
            const { decision } = told
            assert.deepEqual(
              [decision.effect, decision.code, decision.rule],
              [effect, code, rule],
              JSON.stringify({ operations, circumstances, rules: world.document.rules }),
            )
          }
        },
      ),
      // Making a policy smaller takes minutes; what disagreed stands in the message.
      { numRuns: RUNS, endOnFailure: true },
    )
    for (const [what, count] of Object.entries(seen)) assert.ok(count > 0, `${what}: ${count}`)
  })
})
