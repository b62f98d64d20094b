import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { JsonObject } from '../../src/canon/index.js'
import { openAwsShelf } from '../../src/cli/aws-shelf.js'
import type { Recorded } from '../../src/cli/replay/recorded-attempts.js'
import { collectEvidence } from '../../src/cli/suggest/evidence.js'
import { generalise } from '../../src/cli/suggest/generalise.js'
import { writePolicy } from '../../src/cli/suggest/write-policy.js'
import { activate, compilePolicy } from '../../src/policy/index.js'
import type { Operation, Recognised } from '../../src/protocol/index.js'
import { inputOf, policyText, sourceOf } from '../policy/a-policy.js'

const RUNS = Number(process.env.COUNTERSIGN_POLICY_RUNS ?? 40)
const APIS = `  shop:
    upstream: https://shop.internal
    credential: shop
    routes:
      - { route: "GET /orders/{order}", class: read }
      - { route: "PATCH /orders/{order}", class: update, args: { state: string } }
      - { route: "POST /orders/{order}/refund", class: [billing, irreversible], effect: refund }
      - { route: "GET /files/{path+}", class: read }
      - { route: "PUT /shelves/{shelf}/boxes/{box}", class: update }
  aws: { catalog: aws, services: [kms, s3, secretsmanager, sqs], regions: [eu-west-1], credential: aws }
credentials:
  shop: { minter: jwt, audience: https://shop.internal }
  aws: { minter: aws-sts, role: "arn:aws:iam::111122223333:role/agents", region: eu-west-1 }`
const RULES =
  '  - { id: no, deny: { api: shop, operations: ["GET /orders/{order}"], resources: [o9] }, because: No. }'

const TEXT = policyText(RULES, { apis: APIS })
const shelf = openAwsShelf()

function opened(text: string) {
  const source = sourceOf(text)
  const compiled = compilePolicy(source, { catalogs: new Map(), aws: shelf, files: new Map() })
  assert.ok(compiled.kind === 'compiled', JSON.stringify(compiled))
  return { source, policy: activate(compiled.payload, compiled.cid, compiled.catalogs) }
}

const before = opened(TEXT)

const id = fc.constantFrom('o1', 'o2', 'o9', 'a*b', 'dir/x', 'dir/y')
const shopCall = fc.oneof(
  fc.record({
    name: fc.constantFrom('GET /orders/{order}', 'PATCH /orders/{order}', 'POST /orders/{order}/refund'),
    args: fc.record({ order: id }),
  }),
  fc.record({ name: fc.constant('GET /files/{path+}'), args: fc.record({ path: id }) }),
  fc.record({
    name: fc.constant('PUT /shelves/{shelf}/boxes/{box}'),
    args: fc.record({ shelf: id, box: id }),
  }),
)
const awsCall = fc.oneof(
  fc.record({
    name: fc.constantFrom('s3:HeadObject', 's3:PutObject'),
    args: fc.record({ Bucket: fc.constantFrom('b', 'c'), Key: id }),
  }),
  fc.record({ name: fc.constant('s3:ListBuckets'), args: fc.constant({}) }),
  fc.record({
    name: fc.constant('kms:DescribeKey'),
    args: fc.record({ KeyId: fc.constantFrom('alias/a', '0e1f2a3b-0000-0000-0000-000000000000') }),
  }),
  fc.record({
    name: fc.constant('secretsmanager:DescribeSecret'),
    args: fc.record({
      SecretId: fc.constantFrom('pay', 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:pay-AbCdEf'),
    }),
  }),
  fc.record({
    name: fc.constant('sqs:GetQueueAttributes'),
    args: fc.record({ QueueUrl: fc.constantFrom('https://sqs.eu-west-1.amazonaws.com/111122223333/a', 'x') }),
  }),
)
const call: fc.Arbitrary<Operation> = fc.oneof(
  shopCall.map(made => described('shop', made)),
  awsCall.map(made => described('aws', { ...made, region: 'eu-west-1' })),
)

function described(api: string, made: { name: string; args: object; region?: string }): Operation {
  const catalog = before.policy.apis.get(api)?.catalog
  assert.ok(catalog)
  return catalog.describe(api, made as Recognised)
}

/** The log of an agent that observed, one operation an attempt, with the decision inputs opened. */
async function* logOf(operations: readonly Operation[]): AsyncGenerator<Recorded> {
  for (const [seq, operation] of operations.entries()) {
    const { api, name, classes, scope, resources } = operation
    const entry = {
      seq,
      id: `at_${seq}`,
      t: 1,
      agent: { id: 'coder', environment: 'staging', task: 'task', owner: 'maria' },
      req: { api, method: 'POST' },
      ops: [{ name, classes, scope, resources }],
      decision: { effect: 'allow', code: 'observed', rule: null },
    }
    const inputs = {
      api,
      method: 'POST',
      target: '/',
      operations: [operation as unknown as JsonObject],
      authorization: null,
      now: Date.parse('2027-01-10T12:00:00Z'),
      last: 0,
      probe: null,
    }
    yield {
      kind: 'attempt',
      entry,
      effect: 'allow',
      known: { kind: 'inputs', inputs },
    } as unknown as Recorded
  }
}

describe('policy suggest, for any log', () => {
  it('admits what was observed and is said, and of the rest nothing that wasn’t seen of that operation', async () => {
    const seen = { admitted: 0, leftOut: 0, others: 0 }
    await fc.assert(
      fc.asyncProperty(
        fc.array(call, { minLength: 1, maxLength: 12 }),
        fc.array(call, { minLength: 10, maxLength: 20 }),
        async (observed, others) => {
          const agents = new Set(['coder'])
          const evidence = await collectEvidence(before.policy, logOf(observed), agents, 0)
          const generalised = generalise(evidence.asked)
          const next = opened(writePolicy(before.source.document, evidence, generalised, agents)).policy
          const left = new Set(generalised.leftOut.map(({ seq }) => seq))
          for (const [seq, operation] of observed.entries()) {
            const { code } = next.decide(inputOf([operation]))
            const passes = operation.classes.every(each => ['read', 'create', 'update'].includes(each))
            const denied = before.policy.decide(inputOf([operation])).code === 'denied_by_rule'
            if (left.has(seq)) seen.leftOut++
            else assert.equal(code === 'allowed', passes && !denied, `${code} ${JSON.stringify(operation)}`)
            if (code === 'allowed') seen.admitted++
          }
          for (const operation of others) {
            if (next.decide(inputOf([operation])).effect !== 'allow') continue
            seen.others++
            const alike = observed.filter(({ api, name }) => api === operation.api && name === operation.name)
            const known = new Set(alike.flatMap(each => each.resources.map(({ id }) => id)))
            assert.ok(alike.length > 0, JSON.stringify(operation))
            const open = alike.some(({ resources }) => resources.length === 0)
            assert.ok(open || operation.resources.every(({ id }) => known.has(id)), JSON.stringify(operation))
          }
        },
      ),
      // Making a policy smaller takes minutes; what disagreed stands in the message.
      { numRuns: RUNS, endOnFailure: true },
    )
    for (const [what, count] of Object.entries(seen)) assert.ok(count > 0, `${what}: ${count}`)
  })
})
