import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import { CloudWatchClient, ListMetricsCommand } from '@aws-sdk/client-cloudwatch'
import { DynamoDBClient, ListTablesCommand, PutItemCommand } from '@aws-sdk/client-dynamodb'
import { DescribeInstancesCommand, EC2Client } from '@aws-sdk/client-ec2'
import { IAMClient, ListUsersCommand } from '@aws-sdk/client-iam'
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
  agentSigned,
  anAwsGate,
  MINTED_KEYS,
  REGION,
  verifyAtUpstream,
} from './an-aws-gate.js'
import { ChunkSigner } from './chunk-signer.js'
import type { ReceivedRequest } from './recording-upstream.js'

let running: ARunningAwsGate
before(async () => {
  running = await anAwsGate()
})
after(() => running.close())

const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex')
const client = () => ({ endpoint: running.endpoint, region: REGION, credentials: AGENT_KEYS, maxAttempts: 1 })
const s3 = (more = {}) => new S3Client({ ...client(), forcePathStyle: true, ...more })

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

function retainedBytes(): number {
  collectGarbage()
  return process.memoryUsage().arrayBuffers
}

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
    'iam:ListUsers': [
      () => new IAMClient(client()).send(new ListUsersCommand({})),
      '<ListUsersResponse/>',
      'text/xml',
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

describe('a client in one region of a service that has one endpoint for all', () => {
  it('has its requests signed anew for the region of that endpoint', async () => {
    running.upstream.answer = (_request, response) => void response.end('<ListUsersResponse/>')
    const received = await receivedOf(() => new IAMClient(client()).send(new ListUsersCommand({})))
    assert.match(received.headers.authorization ?? '', /\/us-east-1\/iam\/aws4_request/)
    assert.equal(running.keeper.admitted.at(-1)?.signed?.region, REGION)
  })
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

  it('may carry the longest grant there is', async () => {
    const sessionToken = `${GRANT}${'A'.repeat(2_048 - GRANT.length)}`
    const long = s3({ credentials: { ...AGENT_KEYS, sessionToken } })
    await fetch(await getSignedUrl(long, new GetObjectCommand({ Bucket: 'b', Key: 'k'.repeat(1_000) })))
    assert.deepEqual(running.keeper.admitted.at(-1)?.presented, { slot: 'aws-sigv4', token: sessionToken })
    assert.equal(running.keeper.admitted.at(-1)?.finding.kind, 'operations')
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
  it('keeps the coding that an S3 object was stored in, and no other service’s', async () => {
    const zipped = gzipSync('{"TableNames":[]}')
    running.upstream.answer = (_request, response) =>
      void response
        .writeHead(200, { 'Content-Encoding': 'gzip', 'Content-Type': 'application/x-amz-json-1.0' })
        .end(zipped)
    const { Body, ContentEncoding } = await s3().send(new GetObjectCommand({ Bucket: 'b', Key: 'k' }))
    assert.equal(ContentEncoding, 'gzip')
    assert.ok(zipped.equals(Buffer.from((await Body?.transformToByteArray()) ?? [])))
    await assert.rejects(new DynamoDBClient(client()).send(new ListTablesCommand({})), {
      name: 'AnswerWithheldException',
    })
  })

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

describe('an upload of 96 MiB in signed chunks', () => {
  it('passes in memory that does not grow with it', async () => {
    const chunk = randomBytes(1 << 20)
    const count = 96
    const { lines, signature, date } = agentSigned(running.url, {
      path: '/b/big',
      payload: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
      headers: { 'content-encoding': 'aws-chunked', 'x-amz-decoded-content-length': String(count << 20) },
    })
    const signer = new ChunkSigner(signature, { secret: AGENT_KEYS.secretAccessKey, date })
    const whole = createHash('sha256')
    let peakBytes = 0
    function* parts(): Generator<Buffer> {
      for (let i = 0; i < count; i++) {
        whole.update(chunk)
        if (i % 8 === 0) peakBytes = Math.max(peakBytes, retainedBytes())
        yield signer.chunk(chunk)
      }
      yield signer.end()
    }
    const before = retainedBytes()
    const headers = Object.fromEntries(lines.map(line => line.split(/: (.*)/).slice(0, 2)))
    const upload = request(`${running.endpoint}/b/big`, { method: 'PUT', headers })
    const answered = once(upload, 'response')
    await pipeline(parts(), upload)
    const [response] = (await answered) as [IncomingMessage]
    assert.equal(response.resume().statusCode, 200)
    const received = running.upstream.received.at(-1)
    assert.equal(received?.bodyBytes, count << 20)
    assert.equal(received?.bodySha256, whole.digest('hex'))
    assert.ok(peakBytes - before < 48 << 20, `${(peakBytes - before) >> 20} MiB at the peak`)
  })
})

const AWS = '/usr/bin/aws'
const PYTHON = '/usr/bin/python3'
const env = {
  PATH: '/usr/bin:/bin',
  HOME: '/nonexistent',
  AWS_ACCESS_KEY_ID: AGENT_KEYS.accessKeyId,
  AWS_SECRET_ACCESS_KEY: AGENT_KEYS.secretAccessKey,
  AWS_SESSION_TOKEN: AGENT_KEYS.sessionToken,
  AWS_DEFAULT_REGION: REGION,
  AWS_EC2_METADATA_DISABLED: 'true',
}

describe('clients in Python', { skip: existsSync(AWS) ? false : `no ${AWS} on this machine` }, () => {
  it('upload with the AWS CLI, which waits to be asked for the body', async () => {
    running.upstream.answer = (_request, response) => void response.writeHead(200, { ETag: '"e"' }).end()
    const folder = await mkdtemp(join(tmpdir(), 'aws-cli-'))
    const body = randomBytes(200_000)
    await writeFile(join(folder, 'file'), body)
    const received = await receivedOf(() =>
      promisify(execFile)(
        AWS,
        ['--endpoint-url', running.endpoint, 's3', 'cp', join(folder, 'file'), 's3://b/dir/a b'],
        { env },
      ),
    )
    await rm(folder, { recursive: true })
    assert.equal(operationOf(), 's3:PutObject')
    assert.equal(received.bodySha256, sha256(body))
  })

  it('read with boto3, by a presigned URL as well', async () => {
    running.upstream.answer = (_request, response) =>
      void response.writeHead(200, { 'Content-Type': 'text/plain' }).end('object')
    const script = `
import boto3, sys, urllib.request
from botocore.config import Config
s3 = boto3.client('s3', endpoint_url=sys.argv[1], config=Config(signature_version='s3v4'))
print(s3.get_object(Bucket='b', Key='dir/a b+c')['Body'].read().decode())
url = s3.generate_presigned_url('get_object', Params={'Bucket': 'b', 'Key': 'k'}, ExpiresIn=60)
print(urllib.request.urlopen(url).read().decode())
`
    const { stdout } = await promisify(execFile)(PYTHON, ['-c', script, running.endpoint], { env })
    assert.equal(stdout, 'object\nobject\n')
    for (const received of running.upstream.received.slice(-2)) await verifyAtUpstream(received)
  })
})
