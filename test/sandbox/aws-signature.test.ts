import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { request } from 'node:http'
import { describe, test } from 'node:test'
import { DescribeInstancesCommand, EC2Client, TerminateInstancesCommand } from '@aws-sdk/client-ec2'
import { KMSClient, ListKeysCommand } from '@aws-sdk/client-kms'
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { nativeCrypto } from '../../src/native/index.js'
import {
  type Header,
  requestSignature,
  scopeText,
  signedHeaderNames,
  signingKey,
} from '../../src/protocol/index.js'
import { AWS_IDS } from '../../src/sandbox/index.js'
import { type Account, account, LONG_TERM, refusal, type SessionCredentials } from './aws-account.js'

interface Sent {
  readonly method?: string
  readonly target?: string
  readonly body?: string
  /** Sent instead of the body that was signed. */
  readonly sentBody?: string
  readonly sentTarget?: string
  /** Sent and signed. */
  readonly signed?: Readonly<Record<string, string>>
  /** Sent beside what was signed. */
  readonly extra?: Readonly<Record<string, string>>
  readonly service: string
  readonly region?: string
  readonly payload?: string
  readonly unsigned?: readonly string[]
}

/** Signs by hand, so that one thing at a time can be wrong. */
async function send(aws: Account, credentials: SessionCredentials, sent: Sent) {
  const { method = 'POST', target = '/', body = '', service, region = AWS_IDS.region } = sent
  const date = new Date(Date.now() + aws.clock.aheadMs).toISOString().replace(/[-:]|\.\d+/g, '')
  const payload = sent.payload ?? createHash('sha256').update(body).digest('hex')
  const all: Header[] = [
    ['host', new URL(aws.url).host],
    ['x-amz-date', date],
    ['x-amz-security-token', credentials.sessionToken],
    ['x-amz-content-sha256', payload],
    ...Object.entries(sent.signed ?? {}),
    ...(service === 's3' ? [] : ([['content-type', 'application/x-www-form-urlencoded']] as Header[])),
  ]
  const headers = all.filter(([name]) => !sent.unsigned?.includes(name))
  const scope = { date, region, service }
  const key = signingKey(credentials.secretAccessKey, scope, nativeCrypto)
  const signature = requestSignature({ method, target, headers, payload }, scope, key, nativeCrypto)
  const authorization = `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${scopeText(scope)}, SignedHeaders=${signedHeaderNames(headers)}, Signature=${signature}`
  return sendRaw(aws, {
    method,
    path: sent.sentTarget ?? target,
    headers: { ...Object.fromEntries(all), ...sent.extra, authorization },
    body: sent.sentBody ?? body,
  })
}

/** Not `fetch`, which would tidy the target up. */
function sendRaw(
  aws: Account,
  { body, ...options }: { method: string; path: string; headers: Record<string, string>; body: string },
) {
  const { hostname, port } = new URL(aws.url)
  return new Promise<{ status: number; text: string }>((resolve, reject) => {
    const sending = request({ hostname, port, ...options }, response => {
      response.setEncoding('utf8')
      let text = ''
      response.on('data', chunk => {
        text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
    })
    sending.on('error', reject)
    sending.end(body)
  })
}

const TERMINATE = `Action=TerminateInstances&Version=2016-11-15&InstanceId.1=${AWS_IDS.stagingInstance}`

function isUntouched(aws: Account): void {
  assert.equal(aws.world.instances.get(AWS_IDS.stagingInstance)?.state, 'running')
  assert.deepEqual(
    aws.world.executed.filter(each => each.operation !== 'AssumeRole'),
    [],
  )
}

describe('signatures at the AWS stand-in', () => {
  test('take a request that is signed as protocol signs it', async t => {
    const aws = await account(t)
    const credentials = await aws.assume()
    const answer = await send(aws, credentials, { service: 'ec2', body: TERMINATE })
    assert.equal(answer.status, 200, answer.text)
    assert.equal(aws.world.instances.get(AWS_IDS.stagingInstance)?.state, 'terminated')
  })

  test('attack: a wrong secret, an unknown key and no session token are refused in each service’s own words', async t => {
    const aws = await account(t)
    const good = await aws.assume()
    const wrong = { ...good, secretAccessKey: 'another-secret' }
    const unknown = { ...good, accessKeyId: 'ASIAAAAAAAAAAAAAAAAA' }
    const untold = { accessKeyId: good.accessKeyId, secretAccessKey: good.secretAccessKey }
    const other = { ...good, sessionToken: (await aws.assume()).sessionToken }
    const codes = async (credentials: typeof untold) => [
      (await refusal(new STSClient(aws.options(credentials)).send(new GetCallerIdentityCommand({})))).code,
      (await refusal(new EC2Client(aws.options(credentials)).send(new DescribeInstancesCommand({})))).code,
      (await refusal(new KMSClient(aws.options(credentials)).send(new ListKeysCommand({})))).code,
      (
        await refusal(
          new S3Client({ ...aws.options(credentials), forcePathStyle: true }).send(
            new PutObjectCommand({ Bucket: AWS_IDS.releasesBucket, Key: 'k', Body: 'x' }),
          ),
        )
      ).code,
    ]
    assert.deepEqual(await codes(wrong), [
      'SignatureDoesNotMatch',
      'SignatureDoesNotMatch',
      'InvalidSignatureException',
      'SignatureDoesNotMatch',
    ])
    assert.deepEqual(await codes(unknown), [
      'InvalidClientTokenId',
      'AuthFailure',
      'UnrecognizedClientException',
      'InvalidAccessKeyId',
    ])
    for (const credentials of [untold, other])
      assert.deepEqual(await codes(credentials), [
        'InvalidClientTokenId',
        'AuthFailure',
        'UnrecognizedClientException',
        'InvalidToken',
      ])
    isUntouched(aws)
  })

  test('attack: a session that has ended is refused', async t => {
    const aws = await account(t)
    const credentials = await aws.assume()
    aws.clock.aheadMs = 901_000
    const terminate = new TerminateInstancesCommand({ InstanceIds: [AWS_IDS.stagingInstance] })
    assert.equal(
      (await refusal(new EC2Client(aws.options(credentials)).send(terminate))).code,
      'RequestExpired',
    )
    const identity = new STSClient(aws.options(credentials)).send(new GetCallerIdentityCommand({}))
    assert.equal((await refusal(identity)).code, 'ExpiredToken')
    isUntouched(aws)
  })

  test('attack: a signature older than a quarter of an hour is refused', async t => {
    const aws = await account(t)
    const s3 = new S3Client({ ...aws.options(await aws.assume()), forcePathStyle: true })
    aws.clock.aheadMs = 15 * 60_000 - 30_000
    const put = () => s3.send(new PutObjectCommand({ Bucket: AWS_IDS.releasesBucket, Key: 'k', Body: 'x' }))
    await put()
    // Its clock was told when the client was made, and the session outlives neither.
    const old = new STSClient(aws.options(LONG_TERM))
    aws.clock.aheadMs += 16 * 60_000
    assert.equal((await refusal(old.send(new GetCallerIdentityCommand({})))).code, 'SignatureDoesNotMatch')
  })

  test('attack: a body, a target or a header that was changed after signing is refused', async t => {
    const aws = await account(t)
    const credentials = await aws.assume()
    const harmless = TERMINATE.replace('TerminateInstances', 'StopInstances')
    const ec2 = { service: 'ec2', body: harmless }
    const refused = async (sent: Sent) => {
      const { status, text } = await send(aws, credentials, sent)
      assert.ok(status >= 400 && status <= 403, `${status} ${text}`)
      return /<Code>(.*?)<\/Code>/.exec(text)?.[1]
    }
    assert.equal(await refused({ ...ec2, sentBody: TERMINATE }), 'SignatureDoesNotMatch')
    assert.equal(
      await refused({ ...ec2, sentTarget: '/?Action=TerminateInstances' }),
      'SignatureDoesNotMatch',
    )
    assert.equal(await refused({ ...ec2, extra: { 'x-amz-target': 'x' } }), 'SignatureDoesNotMatch')
    assert.equal(await refused({ ...ec2, unsigned: ['host'] }), 'SignatureDoesNotMatch')
    assert.equal(await refused({ ...ec2, unsigned: ['x-amz-security-token'] }), 'SignatureDoesNotMatch')
    assert.equal(await refused({ ...ec2, payload: 'UNSIGNED-PAYLOAD' }), 'SignatureDoesNotMatch')
    assert.equal(await refused({ ...ec2, region: 'us-east-1' }), 'AuthFailure')
    const put = { service: 's3', method: 'PUT', target: '/acme-releases/orders/latest', body: '1.4.2' }
    assert.equal(await refused({ ...put, sentBody: '6.6.6' }), 'XAmzContentSHA256Mismatch')
    assert.equal(
      await refused({ ...put, sentTarget: '/acme-backups/orders/latest' }),
      'SignatureDoesNotMatch',
    )
    assert.equal(
      await refused({ ...put, extra: { 'x-amz-copy-source': '/acme-backups/orders-prod/2026-04-21.dump' } }),
      'AccessDenied',
    )
    isUntouched(aws)
    assert.equal(
      Buffer.from(
        aws.world.buckets.get('acme-releases')?.objects.get('orders/latest')?.body ?? '',
      ).toString(),
      '1.4.1',
    )
  })

  test('take an unsigned payload for S3 alone, and a presigned URL until it ends', async t => {
    const aws = await account(t)
    const credentials = await aws.assume()
    const unsigned = await send(aws, credentials, {
      service: 's3',
      method: 'PUT',
      target: '/acme-releases/orders//a%20b/../%C3%BC',
      body: 'unsigned',
      payload: 'UNSIGNED-PAYLOAD',
    })
    assert.equal(unsigned.status, 200, unsigned.text)
    assert.ok(aws.world.buckets.get('acme-releases')?.objects.has('orders//a b/../ü'))
    const s3 = new S3Client({ ...aws.options(credentials), forcePathStyle: true })
    const url = await getSignedUrl(
      s3,
      new GetObjectCommand({ Bucket: 'acme-releases', Key: 'orders/latest' }),
      {
        expiresIn: 60,
      },
    )
    assert.equal(await (await fetch(url)).text(), '1.4.1')
    assert.equal((await fetch(url.replace('latest', 'newest'))).status, 403)
    aws.clock.aheadMs = 61_000
    assert.equal((await fetch(url)).status, 403)
  })

  test('attack: a parameter that is given twice is refused', async t => {
    const aws = await account(t)
    const credentials = await aws.assume()
    const twice = [
      { target: '/?Action=StopInstances', body: TERMINATE },
      { body: `Action=StopInstances&${TERMINATE}` },
      { body: `${TERMINATE}&InstanceId.1.Value=i-0prod1` },
      { body: `${TERMINATE}&InstanceId=i-0prod1` },
    ]
    for (const sent of twice) {
      const { text } = await send(aws, credentials, { service: 'ec2', ...sent })
      assert.match(text, /<Code>MalformedQueryString<\/Code>/, JSON.stringify(sent))
    }
    const json = await send(aws, credentials, {
      service: 'sqs',
      body: '{"QueueUrl":"a","QueueUrl":"https://x/111122223333/orders-events"}',
      signed: { 'x-amz-target': 'AmazonSQS.DeleteQueue' },
    })
    assert.match(json.text, /SerializationException/)
    isUntouched(aws)
    assert.ok(aws.world.queues.has(AWS_IDS.queue))
  })

  test('attack: whatever is malformed is a refusal, never a fault', async t => {
    const aws = await account(t)
    const credentials = await aws.assume()
    const malformed: Sent[] = [
      { service: 'ec2', body: 'Action=%FF&Version=2016-11-15' },
      { service: 'ec2', body: 'Action.1=a&Version=2016-11-15' },
      { service: 'ec2', body: `Action=TerminateInstances&Version=2016-11-15&InstanceId.x.y=1` },
      { service: 'ec2', body: '__proto__.polluted=1&constructor=2&Action=toString&Version=2016-11-15' },
      { service: 'ec2', sentTarget: '/?%FF=1', body: TERMINATE },
      { service: 'rds', body: 'Action=DeleteDBInstance&Version=1999-01-01' },
      { service: 'sqs', body: '[1]', signed: { 'x-amz-target': 'AmazonSQS.ListQueues' } },
      { service: 'sqs', body: '{"QueueUrl":{}}', signed: { 'x-amz-target': 'AmazonSQS.DeleteQueue' } },
      { service: 'kms', body: '{}', signed: { 'x-amz-target': 'TrentService.__proto__' } },
      {
        service: 'kms',
        body: '{"CiphertextBlob":"AAAA"}',
        signed: { 'x-amz-target': 'TrentService.Decrypt' },
      },
      {
        service: 'monitoring',
        target: '/service/GraniteServiceVersion20100801/operation/ListMetrics',
        body: 'not cbor',
        signed: { 'smithy-protocol': 'rpc-v2-cbor' },
      },
      { service: 'monitoring', body: 'not gzip', signed: { 'content-encoding': 'gzip' } },
      { service: 'lambda', target: '/2015-03-31/functions/%2e%2e/invocations', body: '{}' },
      { service: 's3', method: 'GET', sentTarget: '/acme-releases/%FF' },
      { service: 's3', method: 'GET', target: '/acme-releases?list-type=2&list-type=1' },
      { service: 's3', method: 'GET', target: '/acme-releases/orders/latest?response-content-type=a%0d%0ab' },
      { service: 's3', target: '/acme-releases?delete', body: '<!DOCTYPE x><Delete/>' },
      {
        service: 's3',
        method: 'PUT',
        target: '/acme-releases/k',
        payload: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
      },
      { service: 'dynamodb', body: '{}', signed: { 'x-amz-target': 'DynamoDB_20120810.ListTables' } },
    ]
    for (const sent of malformed) {
      const { status, text } = await send(aws, credentials, sent)
      assert.ok(
        (status >= 400 && status < 500) || status === 501,
        `${JSON.stringify(sent)}: ${status} ${text}`,
      )
      assert.doesNotMatch(text, /InternalFailure/)
    }
    isUntouched(aws)
  })

  test('attack: no signature, two of them, SigV4A and other schemes are refused', async t => {
    const aws = await account(t)
    const bare = async (headers: Record<string, string>, query = '') => {
      const response = await fetch(`${aws.url}/${query}`, { method: 'POST', headers, body: TERMINATE })
      return /<Code>(.*?)<\/Code>/.exec(await response.text())?.[1]
    }
    const form = 'application/x-www-form-urlencoded'
    assert.equal(await bare({ 'content-type': form }), 'MissingAuthenticationToken')
    assert.equal(await bare({ authorization: 'Bearer abc' }), 'IncompleteSignature')
    const claim = `Credential=${LONG_TERM.accessKeyId}/20260422/eu-west-1/ec2/aws4_request, SignedHeaders=host, Signature=${'0'.repeat(64)}`
    assert.equal(await bare({ authorization: `AWS4-ECDSA-P256-SHA256 ${claim}` }), 'IncompleteSignature')
    assert.equal(
      await bare({ authorization: `AWS4-HMAC-SHA256 ${claim}` }, '?X-Amz-Algorithm=x'),
      'IncompleteSignature',
    )
    isUntouched(aws)
  })
})
