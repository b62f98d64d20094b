import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { openAwsShelf } from '../../src/cli/aws-shelf.js'
import { credentialBroker, type Outbound, outbound, standardMinters } from '../../src/credential/index.js'
import type { Case } from '../../src/keeper/attempt-entry.js'
import { Probing } from '../../src/keeper/probing.js'
import type { Route } from '../../src/keeper/ruling.js'
import { nativeCrypto } from '../../src/native/index.js'
import { type ActivePolicy, activate, compilePolicy, parsePolicySource } from '../../src/policy/index.js'
import type { CatalogDocument, Recognised } from '../../src/protocol/index.js'
import { AWS_IDS, type Sandbox, STRIPE_IDS, startSandbox } from '../../src/sandbox/index.js'
import { vaultOf } from '../credential/scope.js'
import { LONG_TERM } from '../sandbox/aws-account.js'
import { ORIGIN } from './keeper-fixture.js'

const READ = `rk_test_${'a'.repeat(24)}`
const WRITE = `rk_test_${'b'.repeat(24)}`
const ROOT = join(import.meta.dirname, '..', '..', '..')

let cloud: Sandbox
let network: Outbound
let policy: ActivePolicy

before(async () => {
  cloud = await startSandbox({
    listen: { railway: '127.0.0.1:0', stripe: '127.0.0.1:0', billing: '127.0.0.1:0' },
    railwayToken: 'an-account-token',
    stripeKeys: [
      { secret: READ, permissions: { customers: 'read', charges: 'read', subscriptions: 'read' } },
      { secret: WRITE, permissions: { customers: 'write', charges: 'write' } },
    ],
    billing: { audience: 'https://billing.example', jwks: { keys: [] } },
    aws: { ...LONG_TERM, listen: '127.0.0.1:0' },
  })
  network = outbound({ allowPlaintextLoopback: true })
  policy = policyOver(cloud)
})
after(async () => {
  await network.close()
  await cloud.close()
})

function policyOver({ stripe, aws }: Sandbox): ActivePolicy {
  const role = `role: "${AWS_IDS.roleArn}", region: ${AWS_IDS.region}, insecureTestEndpoint: "${aws.url}"`
  const source = parsePolicySource(`
apiVersion: countersign.dev/v1
kind: RoutePolicy
metadata: { name: asks, version: 1, expires: 2099-01-01T00:00:00Z, audience: [staging] }
apis:
  stripe:
    catalog: stripe
    upstream: ${stripe.url}
    credential: stripe
    probes: { credential: stripe-reader }
  aws:
    catalog: aws
    services: [dynamodb, ec2, rds, s3]
    regions: [${AWS_IDS.region}]
    credential: aws
    probes: { credential: aws-reader }
    insecureTestEndpoints: { "*": "${aws.url}" }
credentials:
  stripe: { minter: stripe-restricted-key, livemode: false }
  stripe-reader: { minter: stripe-restricted-key, livemode: false }
  aws: { minter: aws-sts, ${role} }
  aws-reader: { minter: aws-sts, ${role} }
agents:
  coder: { environment: staging, facts: { stage: staging } }
rules:
  - id: refunds-in-test-mode
    allow: { api: stripe, effect: refund }
    to: [coder]
    probe: object
    when: "!probe.livemode && probe.amount < 50000"
  - id: databases-of-staging
    allow: { api: aws, operations: ["rds:DeleteDBInstance"] }
    to: [coder]
    probe: "rds:db"
    when: probe.tags["environment"] == agent.facts.stage && !probe.deletionProtection && has(probe.lastSnapshot)
  - { id: volumes, allow: { api: aws, operations: ["ec2:DeleteVolume"] }, to: [coder], probe: "ec2:volume" }
  - { id: machines, allow: { api: aws, operations: ["ec2:TerminateInstances"] }, to: [coder], probe: "ec2:instance" }
  - { id: tables, allow: { api: aws, operations: ["dynamodb:DeleteTable"] }, to: [coder], probe: "dynamodb:table" }
  - { id: buckets, allow: { api: aws, operations: ["s3:DeleteBucket"] }, to: [coder], probe: "s3:bucket" }
`)
  assert.ok('document' in source, JSON.stringify(source))
  const catalog = readFileSync(join(ROOT, 'config', 'catalogs', 'stripe.json'), 'utf8')
  const catalogs = new Map([['stripe', JSON.parse(catalog) as CatalogDocument]])
  const compiled = compilePolicy(source, { catalogs, files: new Map(), aws: openAwsShelf() })
  assert.ok(compiled.kind === 'compiled', JSON.stringify(compiled))
  return activate(compiled.payload, compiled.cid, compiled.catalogs, nativeCrypto)
}

/** What the keeper finds out about one operation, and what the policy then makes of it. */
async function asked(api: string, recognised: Recognised, send: Outbound['send'] = network.send) {
  const origin = api === 'aws' ? cloud.aws.url : cloud.stripe.url
  const held = [
    [
      'stripe-reader',
      'stripe-restricted-key',
      { keys: [{ key: READ, covers: { operations: ['GET /v1/*'] } }] },
    ],
    ['aws-reader', 'aws-sts', LONG_TERM],
  ].map(([name, kind, material]) =>
    vaultOf({ name, kind, material, origins: [origin], environment: 'staging' } as never),
  )
  const scopes: string[] = []
  const broker = credentialBroker({
    vault: { entry: name => held.map(each => each.entry(name)).find(each => each !== undefined) },
    minters: standardMinters(network, ORIGIN),
    clock: Date.now,
    onMint: async ({ scope }) => void scopes.push(scope),
  })
  const log = { info: () => {}, warn: () => {}, error: () => {} }
  const ledger = { append: async () => ({ seq: 7, leaf: '', t: 0 }) }
  const probing = new Probing({
    ledger: ledger as never,
    broker,
    network: { send },
    crypto: nativeCrypto,
    clock: { nowMs: Date.now },
    log,
  })
  const known = policy.apis.get(api)
  assert.ok(known !== undefined)
  const operations = [known.catalog.describe(api, recognised)]
  const agent = { id: 'coder', environment: 'staging', task: 't-1', owner: 'maria' }
  const input = {
    agent,
    authorizationDetails: null,
    request: { api, method: 'POST', target: '/' },
    operations,
    nowMs: Date.now(),
    lastEntryMs: 0,
    usage: () => 0,
  }
  const questions = policy.questions({ ...input, probe: null })
  const route = { grant: { ...agent, agent: agent.id }, api: known } as unknown as Route
  const c = { id: 'a-1', operations, policy } as unknown as Case
  const { probes } = await probing.ask(c, route, questions, false)
  const results = probes.map(({ result }) => result)
  return { results, facts: results[0]?.facts, decision: policy.decide({ ...input, probe: results }), scopes }
}

function rds(id: string): Recognised {
  return { name: 'rds:DeleteDBInstance', args: { DBInstanceIdentifier: id }, region: AWS_IDS.region }
}

describe('Stripe, asked first', () => {
  it('says whether an object is live, whose it is and how much it is about', async () => {
    const found = await asked('stripe', { name: 'POST /v1/refunds', args: { charge: STRIPE_IDS.charge } })
    assert.deepEqual(found.facts, {
      livemode: false,
      customer: STRIPE_IDS.customer,
      amount: 25_000,
      currency: 'eur',
      refunded: 0,
    })
    assert.equal(found.decision.effect, 'allow')
  })

  it('is asked by the same words whichever route the refund takes, and denies what it doesn’t know', async () => {
    const route = { name: 'POST /v1/charges/{charge}/refund', args: { charge: 'ch_unknown' } }
    const found = await asked('stripe', route)
    assert.equal(found.results[0]?.status, 'not_found')
    assert.equal(found.decision.effect, 'deny')
  })

  it('attack: an id that climbs out of its path is no question', async () => {
    for (const charge of ['..', '../customers', 'ch_1?expand[]=customer', 'ch_1/../../x']) {
      const sent: string[] = []
      const found = await asked('stripe', { name: 'POST /v1/refunds', args: { charge } }, call => {
        sent.push(call.url)
        return network.send(call)
      })
      assert.notEqual(found.results[0]?.status, 'answered')
      assert.equal(found.decision.effect, 'deny')
      for (const url of sent) assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/v1\/charges\/[^/?]+$/)
    }
  })
})

describe('AWS, asked first', () => {
  it('says tags, protection, size and the newest snapshot of a database, by a role that may read this alone', async () => {
    const found = await asked('aws', rds(AWS_IDS.stagingDatabase))
    const { lastSnapshot, snapshots, ...facts } = found.facts ?? {}
    assert.deepEqual(facts, { tags: { environment: 'staging' }, deletionProtection: false, sizeGib: 50 })
    assert.equal((snapshots as readonly string[]).length, 3)
    assert.match(String(lastSnapshot), /^\d{4}-.*Z$/)
    assert.equal(found.decision.effect, 'allow')
    assert.match(found.scopes[0] ?? '', /rds:DescribeDBInstances/)
    assert.doesNotMatch(found.scopes[0] ?? '', /Delete/)
  })

  it('denies what carries the tags of production, and what isn’t there', async () => {
    assert.equal((await asked('aws', rds(AWS_IDS.productionDatabase))).decision.effect, 'deny')
    const found = await asked('aws', rds('no-such-database'))
    assert.equal(found.results[0]?.status, 'not_found')
    assert.equal(found.decision.effect, 'deny')
  })

  it('says what hangs on volumes and machines, each of several by itself', async () => {
    const { region } = AWS_IDS
    const volume = await asked('aws', {
      name: 'ec2:DeleteVolume',
      args: { VolumeId: AWS_IDS.stagingDataVolume },
      region,
    })
    const { lastSnapshot, ...facts } = volume.facts ?? {}
    assert.deepEqual(facts, {
      tags: { environment: 'staging' },
      sizeGib: 100,
      attachedTo: [AWS_IDS.stagingInstance],
      snapshots: [AWS_IDS.stagingSnapshot],
    })
    assert.match(String(lastSnapshot), /Z$/)
    const InstanceIds = [AWS_IDS.stagingInstance, AWS_IDS.productionInstance]
    const machines = await asked('aws', { name: 'ec2:TerminateInstances', args: { InstanceIds }, region })
    assert.deepEqual(
      machines.results.map(({ facts: each }) => each?.volumesDeleted),
      [[AWS_IDS.stagingRootVolume], ['vol-0prod1root', 'vol-0prod1data']],
    )
  })

  it('says tags, versioning and whether anything is in a bucket', async () => {
    const bucket = (Bucket: string) =>
      asked('aws', { name: 's3:DeleteBucket', args: { Bucket }, region: AWS_IDS.region })
    assert.deepEqual((await bucket(AWS_IDS.exportsBucket)).facts, {
      tags: { environment: 'production' },
      holdsObjects: false,
    })
    assert.deepEqual((await bucket(AWS_IDS.backupsBucket)).facts, { tags: {}, holdsObjects: true })
    assert.equal((await bucket('acme-nowhere')).results[0]?.status, 'not_found')
  })

  it('reads a table’s protection, size and newest backup from DynamoDB’s JSON', async () => {
    const answers: Readonly<Record<string, object>> = {
      DescribeTable: {
        Table: {
          TableName: 'orders',
          TableArn: 'arn:aws:dynamodb:eu-west-1:111122223333:table/orders',
          DeletionProtectionEnabled: true,
          TableSizeBytes: 4096,
          ItemCount: 12,
        },
      },
      ListTagsOfResource: { Tags: [{ Key: 'environment', Value: 'production' }] },
      DescribeContinuousBackups: {
        ContinuousBackupsDescription: {
          PointInTimeRecoveryDescription: { PointInTimeRecoveryStatus: 'ENABLED' },
        },
      },
      ListBackups: {
        BackupSummaries: [{ BackupCreationDateTime: 1_790_000_000.5 }, { BackupCreationDateTime: 1 }],
      },
    }
    const table = { name: 'dynamodb:DeleteTable', args: { TableName: 'orders' }, region: AWS_IDS.region }
    const found = await asked('aws', table, async ({ headers }) => {
      const operation = String(headers['x-amz-target']).split('.')[1] ?? ''
      return { status: 200, body: (answers[operation] ?? null) as never, text: '' }
    })
    assert.deepEqual(found.facts, {
      tags: { environment: 'production' },
      deletionProtection: true,
      sizeBytes: 4096,
      items: 12,
      pointInTimeRecovery: 'ENABLED',
      lastSnapshot: '2026-09-21T14:13:20.500Z',
    })
  })
})
