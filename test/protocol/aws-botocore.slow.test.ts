import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type Catalog, isUnclassifiable } from '../../src/protocol/index.js'
import { type BotocoreRequest, botocoreRequests, needsBotocore } from './aws-botocore.js'
import { classifySigned, shippedAws, shippedShelf } from './aws-fixture.js'
import { differences } from './aws-round-trip.js'

/** How the requests of one protocol came out; names of operations. */
interface Tally {
  total: number
  exact: number
  opaque: number
  readonly wrong: string[]
  readonly unknown: string[]
  readonly refused: string[]
  readonly differing: string[]
}

/** What botocore does with a parameter before it serialises: encodes it once more, or makes a presigned URL of it. */
const CHANGED = /^\.(?:UserData|SourceRegion|LaunchTemplateData\.UserData)$/

/**
 * Every request that botocore's clients make of operations that the catalog has, with the required members and with
 * all, under a policy that lists the one service: a policy names its services, and those that share calls with another
 * (rds, neptune, docdb) are refused side by side. Left out is what carries no SigV4 signature (STS with a token of
 * another issuer, SimpleDB), which has no place for a grant. AWS_REPORT=1 prints the figures.
 */
describe('requests of botocore’s clients', { skip: needsBotocore }, () => {
  const tallies = new Map<string, Tally>()

  before(async () => {
    const services = shippedShelf.services.filter(isTried)
    const half = Math.ceil(services.length / 2)
    const halves = [services.slice(0, half), services.slice(half)]
    await Promise.all(halves.map(services => classifyAll(services, tallies)))
  })

  after(() => {
    if (process.env.AWS_REPORT !== undefined) for (const [protocol, tally] of tallies) report(protocol, tally)
  })

  for (const protocol of ['ec2', 'query', 'json', 'rest-json', 'rest-xml']) {
    it(`${protocol}: at least 99 % resolve to their operation, and none to another`, () => {
      const tally = tallies.get(protocol) as Tally
      assert.deepEqual(tally.wrong, [])
      assert.ok(tally.exact >= 0.99 * tally.total, [...tally.refused, ...tally.unknown].join('\n'))
    })

    it(`${protocol}: what the client was given comes out by the same names and values`, () => {
      const tally = tallies.get(protocol) as Tally
      assert.ok(tally.differing.length <= 0.002 * tally.total, tally.differing.join('\n'))
    })

    it(`${protocol}: next to nothing that a client sends is opaque`, () => {
      const tally = tallies.get(protocol) as Tally
      assert.ok(tally.opaque <= 0.002 * tally.total, `${tally.opaque} of ${tally.total}`)
    })
  }
})

/** The services that agents meet most, and every tenth of the others; all of them with COUNTERSIGN_AWS_ALL=1 (`npm run test:aws`). */
function isTried(service: string, index: number): boolean {
  return process.env.COUNTERSIGN_AWS_ALL === '1' || MET_MOST.has(service) || index % 10 === 0
}

const MET_MOST: ReadonlySet<string> = new Set(
  `acm apigateway autoscaling cloudformation cloudfront cloudtrail cloudwatch cognito-idp dynamodb ec2 ecr ecs efs eks
  elasticache elbv2 events iam kinesis kms lambda logs opensearch rds redshift route53 s3 s3control secretsmanager ses
  sns sqs ssm stepfunctions sts`.split(/\s+/),
)

async function classifyAll(services: readonly string[], tallies: Map<string, Tally>): Promise<void> {
  let service = ''
  let catalog: Catalog | null = null
  let names: ReadonlySet<string> = new Set()
  for await (const request of botocoreRequests(services)) {
    if (request.service !== service) {
      service = request.service
      catalog = shippedAws(service)
      names = new Set(catalog.operations().map(({ name }) => name))
    }
    const signed = request.raw.headers.some(
      ([name, value]) => name === 'Authorization' && /^AWS4/.test(value),
    )
    if (signed && names.has(`${service}:${request.operation}`)) count(tallies, catalog as Catalog, request)
  }
}

function count(tallies: Map<string, Tally>, catalog: Catalog, request: BotocoreRequest): void {
  const tally = tallies.get(request.protocol) ?? emptyTally()
  tallies.set(request.protocol, tally)
  tally.total++
  const name = `${request.service}:${request.operation}`
  const result = classifySigned(catalog, request.raw)
  if (isUnclassifiable(result)) {
    tally.refused.push(`${name} ${result.code}`)
    return
  }
  const [recognised] = result.operations
  if (recognised === undefined || recognised.name !== name) {
    const classes = recognised === undefined ? [] : catalog.describe('aws', recognised).classes
    const list = classes.includes('unknown') ? tally.unknown : tally.wrong
    list.push(`${name} as ${recognised?.name}`)
    return
  }
  tally.exact++
  if (recognised.opaque !== undefined) tally.opaque++
  const streamed = request.service === 's3' && /^(?:PutObject|UploadPart)$/.test(request.operation)
  const different = differences(request.params, recognised.args).filter(
    path => !CHANGED.test(path) && !(streamed && path === '.Body'),
  )
  if (different.length > 0) tally.differing.push(`${name} ${different.join(' ')}`)
}

function emptyTally(): Tally {
  return { total: 0, exact: 0, opaque: 0, wrong: [], unknown: [], refused: [], differing: [] }
}

function report(protocol: string, { total, exact, opaque, ...lists }: Tally): void {
  const share = ((100 * exact) / total).toFixed(2)
  console.log(`${protocol}: ${exact} of ${total} (${share} %), ${opaque} opaque`)
  for (const [kind, names] of Object.entries(lists)) if (names.length > 0) console.log(kind, names)
}
