import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { CloudWatchClient, ListMetricsCommand } from '@aws-sdk/client-cloudwatch'
import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb'
import { DescribeInstancesCommand, EC2Client } from '@aws-sdk/client-ec2'
import { LambdaClient, ListFunctionsCommand } from '@aws-sdk/client-lambda'
import {
  CopyObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { GRANT } from './a-gate.js'
import {
  AGENT_KEYS,
  type ARunningAwsGate,
  anAwsGate,
  MINTED_KEYS,
  REGION,
  verifyAtUpstream,
} from './an-aws-gate.js'
import type { ReceivedRequest } from './recording-upstream.js'

let running: ARunningAwsGate
before(async () => {
  running = await anAwsGate()
})
after(() => running.close())

const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex')
const client = () => ({ endpoint: running.endpoint, region: REGION, credentials: AGENT_KEYS, maxAttempts: 1 })
const s3 = (more = {}) => new S3Client({ ...client(), forcePathStyle: true, ...more })

/** What the one request of a call was to the upstream, signed well. */
async function receivedOf(call: () => Promise<unknown>): Promise<ReceivedRequest> {
  const count = running.upstream.received.length
  await call()
  assert.equal(running.upstream.received.length, count + 1)
  const received = running.upstream.received.at(-1) as ReceivedRequest
  await verifyAtUpstream(received)
  assert.ok(!JSON.stringify([received.rawHeaders, received.url]).includes(GRANT))
  return received
}

const operationOf = (): string | undefined => {
  const finding = running.keeper.admitted.at(-1)?.finding
  return finding?.kind === 'operations' ? finding.operations[0]?.name : undefined
}

describe('a request of an AWS client', () => {
  const calls: Readonly<Record<string, readonly [() => Promise<unknown>, body: string, type: string]>> = {
    'ec2:DescribeInstances': [
      () => new EC2Client(client()).send(new DescribeInstancesCommand({ InstanceIds: ['i-1'] })),
      '<DescribeInstancesResponse/>',
      'text/xml',
    ],
    'dynamodb:PutItem': [
      () =>
        new DynamoDBClient(client()).send(new PutItemCommand({ TableName: 't', Item: { id: { S: 'ü' } } })),
      '{}',
      'application/x-amz-json-1.0',
    ],
    'sqs:SendMessage': [
      () =>
        new SQSClient({ ...client(), md5: false }).send(
          new SendMessageCommand({
            QueueUrl: `https://sqs.${REGION}.amazonaws.com/111122223333/q`,
            MessageBody: 'a',
          }),
        ),
      '{}',
      'application/x-amz-json-1.0',
    ],
    'cloudwatch:ListMetrics': [
      () => new CloudWatchClient(client()).send(new ListMetricsCommand({})),
      '{}',
      'application/x-amz-json-1.0',
    ],
    'lambda:ListFunctions': [
      () => new LambdaClient(client()).send(new ListFunctionsCommand({ MaxItems: 3 })),
      '{}',
      'application/json',
    ],
    's3:GetObject': [
      () => s3().send(new GetObjectCommand({ Bucket: 'b', Key: 'b/a b//../ü+(1)*' })),
      'data',
      'text/plain',
    ],
    's3:HeadObject': [() => s3().send(new HeadObjectCommand({ Bucket: 'b', Key: 'k' })), '', 'text/plain'],
    's3:CopyObject': [
      () => s3().send(new CopyObjectCommand({ Bucket: 'b', Key: 'k', CopySource: 'c/k%20a' })),
      '<CopyObjectResult/>',
      'application/xml',
    ],
    's3:DeleteObjects': [
      () => s3().send(new DeleteObjectsCommand({ Bucket: 'b', Delete: { Objects: [{ Key: 'a' }] } })),
      '<DeleteResult/>',
      'application/xml',
    ],
  }
  for (const [name, [call, body, type]] of Object.entries(calls)) {
    it(`is verified, resolved to ${name} and signed anew, every header of it`, async () => {
      running.upstream.answer = (_request, response) => {
        response.writeHead(200, { 'Content-Type': type, 'x-amz-request-id': 'AWS-REQ-1' }).end(body)
      }
      const received = await receivedOf(call)
      assert.equal(operationOf(), name)
      assert.equal(received.headers['x-amz-security-token'], MINTED_KEYS.sessionToken)
      assert.equal(received.headers['accept-encoding'], 'identity')
      assert.equal(running.keeper.admitted.at(-1)?.target, received.url)
      const settled = running.keeper.settled.at(-1)
      assert.equal(settled?.status, 'completed')
      assert.equal(settled?.upstreamId, 'AWS-REQ-1')
    })
  }
})

describe('an upload of an AWS client', () => {
  const body = randomBytes(300_000)
  beforeEach(() => {
    running.upstream.answer = (_request, response) => void response.writeHead(200, { ETag: '"e"' }).end()
  })

  it('from a buffer is held to its hash on the way', async () => {
    const received = await receivedOf(() =>
      s3().send(new PutObjectCommand({ Bucket: 'b', Key: 'k', Body: body, ContentEncoding: 'gzip' })),
    )
    assert.equal(received.bodySha256, sha256(body))
    assert.equal(received.headers['content-length'], '300000')
    assert.equal(received.headers['content-encoding'], 'gzip')
    assert.equal(received.headers['x-amz-content-sha256'], sha256(body))
    assert.equal(running.keeper.settled.at(-1)?.bodySha256, sha256(body))
  })

  for (const algorithm of ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const) {
    it(`from a stream loses its chunks, and its trailer of ${algorithm} was verified`, async () => {
      const received = await receivedOf(() =>
        s3({ requestStreamBufferSize: 65_536 }).send(
          new PutObjectCommand({
            Bucket: 'b',
            Key: 'k',
            Body: Readable.from([body.subarray(0, 100_000), body.subarray(100_000)]),
            ContentLength: body.length,
            ChecksumAlgorithm: algorithm,
          }),
        ),
      )
      assert.equal(running.keeper.admitted.at(-1)?.signed?.payload, 'STREAMING-UNSIGNED-PAYLOAD-TRAILER')
      assert.equal(received.bodySha256, sha256(body))
      assert.equal(received.headers['content-length'], '300000')
      assert.equal(received.headers['x-amz-content-sha256'], 'UNSIGNED-PAYLOAD')
      for (const name of [
        'x-amz-trailer',
        'x-amz-decoded-content-length',
        'x-amz-sdk-checksum-algorithm',
        'content-encoding',
        'transfer-encoding',
      ])
        assert.equal(received.headers[name], undefined, name)
    })
  }

  it('of nothing arrives as nothing', async () => {
    const received = await receivedOf(() =>
      s3().send(new PutObjectCommand({ Bucket: 'b', Key: 'k', Body: '' })),
    )
    assert.equal(received.bodyBytes, 0)
    assert.equal(received.headers['content-length'], '0')
  })

  it('of a part is one as well', async () => {
    const received = await receivedOf(() =>
      s3().send(new UploadPartCommand({ Bucket: 'b', Key: 'k', UploadId: 'u', PartNumber: 1, Body: body })),
    )
    assert.equal(operationOf(), 's3:UploadPart')
    assert.equal(received.bodySha256, sha256(body))
  })
})

describe('a presigned URL', () => {
  afterEach(() => {
    running.upstream.answer = (_request, response) => void response.end('{}')
  })

  it('is verified as a whole and forwarded without what signed it', async () => {
    running.upstream.answer = (_request, response) => void response.writeHead(200).end('object')
    const command = new GetObjectCommand({ Bucket: 'b', Key: 'dir/ü k', ResponseContentType: 'text/plain' })
    const url = await getSignedUrl(s3(), command, { expiresIn: 900 })
    let text = ''
    const received = await receivedOf(async () => {
      text = await (await fetch(url)).text()
    })
    assert.equal(text, 'object')
    assert.equal(operationOf(), 's3:GetObject')
    assert.doesNotMatch(received.url, /X-Amz-(?!checksum-mode)/i)
    assert.match(received.url, /^\/b\/dir\/%C3%BC%20k\?.*response-content-type=text%2Fplain/)
    const call = running.keeper.admitted.at(-1)
    assert.equal(call?.target, received.url)
    assert.equal(call?.signed?.place, 'query')
    assert.equal(call?.signed?.expiresSeconds, 900)
    assert.match(call?.signed?.target ?? '', /^\/aws\/b\/dir\/%C3%BC%20k\?.*X-Amz-Signature=/)
  })

  it('takes an upload, whose payload nobody hashed', async () => {
    const body = randomBytes(100_000)
    const url = await getSignedUrl(s3(), new PutObjectCommand({ Bucket: 'b', Key: 'k' }), { expiresIn: 60 })
    const received = await receivedOf(() => fetch(url, { method: 'PUT', body }))
    assert.equal(operationOf(), 's3:PutObject')
    assert.equal(received.bodySha256, sha256(body))
    assert.equal(running.keeper.admitted.at(-1)?.signed?.payload, 'UNSIGNED-PAYLOAD')
  })
})

describe('what the upstream says back', () => {
  it('may repeat date and digest, and loses token and signature', async () => {
    let sent: readonly string[] = []
    running.upstream.answer = (request, response) => {
      const { authorization, ...headers } = request.headers
      sent = [String(headers['x-amz-date']), String(headers['x-amz-content-sha256'])]
      const signature = /Signature=([0-9a-f]+)/.exec(authorization ?? '')?.[1]
      response.end([...sent, headers['x-amz-security-token'], signature].join(' '))
    }
    const { Body } = await s3().send(new GetObjectCommand({ Bucket: 'b', Key: 'k' }))
    const said = (await Body?.transformToString())?.split(' ')
    assert.deepEqual(said?.slice(0, 2), sent)
    assert.match(said?.[2] ?? '', /^\*+$/)
    assert.match(said?.[3] ?? '', /^\*{64}$/)
  })
})
