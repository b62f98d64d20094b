import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { CloudWatchClient, type CloudWatchClientConfig, ListMetricsCommand } from '@aws-sdk/client-cloudwatch'
import { DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb'
import { DescribeInstancesCommand, EC2Client } from '@aws-sdk/client-ec2'
import { IAMClient, ListUsersCommand } from '@aws-sdk/client-iam'
import { LambdaClient, ListFunctionsCommand } from '@aws-sdk/client-lambda'
import { DescribeDBInstancesCommand, RDSClient } from '@aws-sdk/client-rds'
import { DeleteObjectCommand, HeadBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { ListQueuesCommand, SQSClient } from '@aws-sdk/client-sqs'
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts'
import { decode } from 'cborg'
import { pino } from 'pino'
import { DIALECT_FORMS } from '../../src/gate/dialect/index.js'
import { type AdmitCall, type Gate, startGate } from '../../src/gate/index.js'
import { refusalOfFault, refusalOfVerdict } from '../../src/gate/refusal.js'
import type { AdmitReply, Verdict } from '../../src/link/index.js'
import { type Header, routesCatalog } from '../../src/protocol/index.js'
import { GRANT, policyOf } from './a-gate.js'
import { TableKeeper } from './table-keeper.js'

type RefuseVerdict = Extract<Verdict, { kind: 'refuse' }>

const DENIAL: RefuseVerdict = {
  kind: 'refuse',
  code: 'denied_by_rule',
  effect: 'deny',
  rule: 'never-terminate',
  because: 'R&D keeps <everything> that “runs”.',
  operation: 'ec2:TerminateInstances',
  resource: '',
  others: 0,
  agent: 'coder',
  approval: null,
  retryAfterMs: null,
  budgets: [],
}
const MESSAGE = refusalOfVerdict(DENIAL, { seq: 1, leaf: '' }).message.replace(/ Receipt 1\.$/, '')

/** Refuses everything, whatever was found out about it. */
class DenyingKeeper extends TableKeeper {
  verdict: RefuseVerdict = DENIAL
  private count = 0

  override async admit(call: AdmitCall): Promise<AdmitReply> {
    this.admitted.push(call)
    const receipt = { seq: ++this.count, leaf: 'ab'.repeat(32) }
    return { type: 'admitted', call: 0, receipt, verdict: this.verdict }
  }
}

let gate: Gate
let keeper: DenyingKeeper
let endpoint: string

before(async () => {
  const catalog = routesCatalog('aws', [{ route: 'POST /', classes: ['read'] }], {
    upstream: 'https://aws.invalid',
  })
  const profile = { ...catalog.profile, dialect: 'aws', slots: ['aws-sigv4'] } as const
  const api = { name: 'aws', catalog: { ...catalog, profile }, origins: {}, privateUpstream: true }
  keeper = new DenyingKeeper(policyOf('sha256:one', api))
  gate = await startGate({ listen: '127.0.0.1:0', keeper, logger: pino({ level: 'silent' }) })
  endpoint = `${gate.addresses().main}/aws`
})
after(() => gate.close())

const client = () => ({
  endpoint,
  region: 'eu-west-1',
  credentials: { accessKeyId: 'grant-1', secretAccessKey: 'secret', sessionToken: GRANT },
})

/** The client's own package of protocols has one that it isn't configured with by default. */
const CBOR = (
  createRequire(import.meta.resolve('@aws-sdk/client-cloudwatch'))('@aws-sdk/core/protocols') as {
    AwsSmithyRpcV2CborProtocol: NonNullable<CloudWatchClientConfig['protocol']>
  }
).AwsSmithyRpcV2CborProtocol

interface SdkError extends Error {
  readonly $fault: string
  readonly $metadata: { httpStatusCode: number; attempts: number; requestId?: string }
}

const CALLS: Readonly<Record<string, () => Promise<unknown>>> = {
  'ec2 (ec2 query)': () => new EC2Client(client()).send(new DescribeInstancesCommand({})),
  'iam (query)': () => new IAMClient(client()).send(new ListUsersCommand({})),
  'sts (query)': () => new STSClient(client()).send(new GetCallerIdentityCommand({})),
  'rds (query)': () => new RDSClient(client()).send(new DescribeDBInstancesCommand({})),
  'dynamodb (json 1.0)': () => new DynamoDBClient(client()).send(new ListTablesCommand({})),
  'sqs (json, once query)': () => new SQSClient(client()).send(new ListQueuesCommand({})),
  'cloudwatch (cbor, once query)': () =>
    new CloudWatchClient({ ...client(), protocol: CBOR }).send(new ListMetricsCommand({})),
  'lambda (rest-json)': () => new LambdaClient(client()).send(new ListFunctionsCommand({})),
  's3 (rest-xml)': () =>
    new S3Client({ ...client(), forcePathStyle: true }).send(
      new DeleteObjectCommand({ Bucket: 'b', Key: 'k' }),
    ),
}

async function errorOf(call: () => Promise<unknown>): Promise<SdkError> {
  try {
    await call()
  } catch (error) {
    return error as SdkError
  }
  throw new assert.AssertionError({ message: 'the call was not refused' })
}

describe('a refusal in AWS’s dialect', () => {
  for (const [what, call] of Object.entries(CALLS)) {
    it(`is an AccessDenied with the whole message to the SDK’s client of ${what}, tried once`, async () => {
      const before = keeper.admitted.length
      const error = await errorOf(call)
      assert.match(error.name, /^AccessDenied(?:Exception)?$/)
      assert.match(error.message, new RegExp(`^${MESSAGE.replace(/[()?*.+[\]|]/g, '\\$&')} Receipt \\d+\\.$`))
      assert.equal(error.$metadata.httpStatusCode, 403)
      assert.equal(error.$metadata.requestId, `countersign-${keeper.admitted.length}`)
      assert.equal(keeper.admitted.length, before + 1)
    })
  }

  it('is CBOR where CBOR was asked', async () => {
    const headers = { 'Smithy-Protocol': 'rpc-v2-cbor', 'Content-Type': 'application/cbor' }
    const response = await fetch(`${endpoint}/service/X/operation/Y`, { method: 'POST', headers })
    assert.equal(response.headers.get('smithy-protocol'), 'rpc-v2-cbor')
    const { __type } = decode(Buffer.from(await response.arrayBuffer())) as { __type: string }
    assert.equal(__type, 'AccessDeniedException')
  })

  it('has no body where HEAD was asked, and is a 403 all the same', async () => {
    const error = await errorOf(() =>
      new S3Client({ ...client(), forcePathStyle: true }).send(new HeadBucketCommand({ Bucket: 'b' })),
    )
    assert.equal(error.$metadata.httpStatusCode, 403)
  })

  it('is repeated by the SDK where nothing was executed and a fault may pass', async () => {
    keeper.verdict = { ...DENIAL, code: 'keeper_gone' }
    const before = keeper.admitted.length
    const error = await errorOf(CALLS['dynamodb (json 1.0)'] as () => Promise<unknown>)
    assert.equal(error.$metadata.httpStatusCode, 503)
    assert.ok(keeper.admitted.length > before + 1)
    keeper.verdict = DENIAL
  })
})

const AWS = '/usr/bin/aws'
const CLI_CALLS: readonly (readonly string[])[] = [
  ['ec2', 'describe-instances'],
  ['dynamodb', 'list-tables'],
  ['sqs', 'list-queues'],
  ['lambda', 'list-functions'],
  ['s3api', 'list-buckets'],
  ['route53', 'list-hosted-zones'],
]

describe('the AWS CLI', { skip: existsSync(AWS) ? false : `no ${AWS} on this machine` }, () => {
  for (const args of CLI_CALLS) {
    it(`prints the message of a refusal of ${args.join(' ')}`, async () => {
      const env = {
        PATH: '/usr/bin:/bin',
        HOME: '/nonexistent',
        AWS_ACCESS_KEY_ID: 'grant-1',
        AWS_SECRET_ACCESS_KEY: 'secret',
        AWS_SESSION_TOKEN: GRANT,
        AWS_DEFAULT_REGION: 'eu-west-1',
        AWS_EC2_METADATA_DISABLED: 'true',
      }
      const run = promisify(execFile)(AWS, ['--endpoint-url', endpoint, ...args], { env })
      const error = (await run.then(
        () => null,
        (failed: unknown) => failed,
      )) as { stderr: string } | null
      assert.match(error?.stderr ?? '', /AccessDenied/)
      assert.ok(error?.stderr.includes(MESSAGE), error?.stderr)
    })
  }
})

describe('AWS’s words', () => {
  const wordsOf = (code: string, executed: 'nothing' | 'yes' | 'partial', ...headers: Header[]) => {
    const refusal =
      executed === 'nothing'
        ? refusalOfVerdict({ ...DENIAL, code }, null)
        : refusalOfFault(code, executed, null)
    const answer = DIALECT_FORMS.aws(refusal, { method: 'POST', target: '/', headers })
    return { status: answer.status, body: Buffer.from(answer.body).toString(), headers: answer.headers }
  }
  const JSON_1_1: Header = ['content-type', 'application/x-amz-json-1.1']
  const FORM: Header = ['content-type', 'application/x-www-form-urlencoded; charset=utf-8']

  for (const [code, status, json, xml] of [
    ['approval_required', 403, 'AccessDeniedException', 'AccessDenied'],
    ['foreign_credential', 403, 'AccessDeniedException', 'AccessDenied'],
    ['grant_expired', 403, 'ExpiredTokenException', 'ExpiredToken'],
    ['grant_signature', 403, 'UnrecognizedClientException', 'InvalidClientTokenId'],
    ['grant_missing', 403, 'MissingAuthenticationTokenException', 'MissingAuthenticationToken'],
    ['signature_mismatch', 403, 'InvalidSignatureException', 'SignatureDoesNotMatch'],
    ['signature_expired', 403, 'InvalidSignatureException', 'RequestTimeTooSkewed'],
    ['signature_reused', 403, 'AccessDeniedException', 'AccessDenied'],
    ['aws_sigv4a', 403, 'InvalidSignatureException', 'SignatureDoesNotMatch'],
    ['aws_chunk_signature', 403, 'InvalidSignatureException', 'SignatureDoesNotMatch'],
    ['target_dot_segment', 400, 'ValidationException', 'ValidationError'],
    ['body_too_large', 413, 'RequestEntityTooLargeException', 'EntityTooLarge'],
    ['keeper_gone', 503, 'ServiceUnavailableException', 'ServiceUnavailable'],
  ] as const) {
    it(`for ${code} are ${xml} and ${json} with ${status}`, () => {
      const inJson = wordsOf(code, 'nothing', JSON_1_1)
      assert.equal(inJson.status, status)
      assert.equal((JSON.parse(inJson.body) as { __type: string }).__type, json)
      assert.ok(wordsOf(code, 'nothing', FORM).body.includes(`<Code>${xml}</Code>`))
    })
  }

  it('never have a status that SDKs repeat where the operation was executed', () => {
    for (const code of ['credential_echoed', 'upstream_encoding', 'mark_unconfirmed'])
      assert.equal(wordsOf(code, 'yes', JSON_1_1).status, 409)
    assert.equal(wordsOf('payload_mismatch', 'partial', JSON_1_1).status, 400)
  })

  it('escape what XML would read as markup', () => {
    const { body } = wordsOf('denied_by_rule', 'nothing', FORM)
    assert.ok(body.includes('R&amp;D keeps &lt;everything&gt; that “runs”'))
    assert.doesNotMatch(body, /<everything>/)
  })

  it('follow the service that a presigned URL names', () => {
    const target =
      '/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=g%2F20260422%2Feu-west-1%2Fs3%2Faws4_request'
    const answer = DIALECT_FORMS.aws(refusalOfVerdict(DENIAL, null), { method: 'GET', target, headers: [] })
    assert.match(String(answer.body), /^<\?xml [^>]*\?>\n<Error><Code>AccessDenied<\/Code>/)
  })
})
