import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { type AwsService, type Header, isUnclassifiable, type RawRequest } from '../../src/protocol/index.js'
import { needsSharedData, sharedData } from '../shared-data.js'
import { CLIENTS, inputFor, serialiser } from './aws-clients.js'
import { classifySigned, shippedAws, shippedShelf } from './aws-fixture.js'

/** Operations that go without a SigV4 signature: they trade a token of another issuer for credentials. */
const UNSIGNED: ReadonlySet<string> = new Set(['AssumeRoleWithSAML', 'AssumeRoleWithWebIdentity'])

describe('requests of the AWS SDK for JavaScript', () => {
  for (const id of CLIENTS)
    it(`${id}: every command resolves to its operation`, async () => {
      const service = JSON.parse(shippedShelf.read(id) as string) as AwsService
      const catalog = shippedAws(id)
      const serialise = serialiser(id)
      const problems: string[] = []
      let total = 0
      for (const operation of Object.keys(service.operations)) {
        if (UNSIGNED.has(operation)) continue
        const raw = await serialise(operation, inputFor(service, operation))
        if (raw === null) continue
        total++
        const result = classifySigned(catalog, raw)
        const name = `${id}:${operation}`
        if (isUnclassifiable(result)) problems.push(`${name} refused: ${result.code}`)
        else if (result.operations[0]?.name !== name)
          problems.push(`${name} as ${result.operations[0]?.name}`)
        else if (result.operations[0].opaque !== undefined)
          problems.push(`${name} opaque: ${result.operations[0].opaque}`)
      }
      assert.deepEqual(problems, [])
      assert.ok(total >= Object.keys(service.operations).length * 0.9 - UNSIGNED.size, `${total} commands`)
    })
})

const CAPTURED = 'apidata/captured-requests.json'

interface Captured {
  readonly client: string
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

describe('captured requests of AWS’s clients', needsSharedData(CAPTURED), () => {
  it('resolve to what the client was asked for', () => {
    const captured = JSON.parse(readFileSync(sharedData(CAPTURED) as string, 'utf8')) as Captured[]
    const found = captured.filter(({ client }) => /aws/.test(client)).map(nameOf)
    assert.deepEqual(found, EXPECTED)
  })
})

const EXPECTED: readonly string[] = [
  'ec2:TerminateInstances',
  'ec2:DeleteVolume',
  's3:DeleteObjects',
  's3:DeleteBucket',
  'lambda:DeleteFunction',
  'iam:DeleteUser',
  'kms:ScheduleKeyDeletion',
  'route53:DeleteHostedZone',
  'ecs:DeleteService',
  'secretsmanager:GetSecretValue',
  's3:PutObject',
  's3:DeleteObject',
  's3:CopyObject',
  'dynamodb:DeleteTable',
  'sts:AssumeRole',
  'sts:AssumeRole',
  'sqs:PurgeQueue',
]

const SERVICES = [
  'ec2',
  's3',
  'lambda',
  'iam',
  'kms',
  'route53',
  'ecs',
  'secretsmanager',
  'dynamodb',
  'sts',
  'sqs',
  'cloudwatch',
]

function nameOf({ method, url, headers, body }: Captured): string {
  const raw: RawRequest = {
    method,
    // The sidecar's own prefix is taken off before anything is classified.
    target: url.replace(/^\/aws\/sts(?=\/)/, ''),
    headers: Object.entries(headers).map(([name, value]): Header => [name, value]),
    body: new TextEncoder().encode(body),
  }
  const result = classifySigned(shippedAws(...SERVICES), raw)
  return isUnclassifiable(result) ? result.code : (result.operations[0]?.name ?? 'none')
}
