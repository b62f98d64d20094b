import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, describe, it } from 'node:test'
import {
  CloudFormationClient,
  DeleteStackCommand,
  DescribeStacksCommand,
} from '@aws-sdk/client-cloudformation'
import { CloudWatchClient, ListMetricsCommand, PutMetricDataCommand } from '@aws-sdk/client-cloudwatch'
import {
  BatchWriteItemCommand,
  CreateTableCommand,
  DynamoDBClient,
  ExecuteStatementCommand,
  GetItemCommand,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb'
import { DescribeInstancesCommand, EC2Client, TerminateInstancesCommand } from '@aws-sdk/client-ec2'
import { DeleteUserCommand, IAMClient, ListUsersCommand } from '@aws-sdk/client-iam'
import { EncryptCommand, KMSClient, ScheduleKeyDeletionCommand } from '@aws-sdk/client-kms'
import { GetFunctionConfigurationCommand, InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda'
import { DeleteDBInstanceCommand, DescribeDBInstancesCommand, RDSClient } from '@aws-sdk/client-rds'
import {
  CopyObjectCommand,
  DeleteBucketCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { PurgeQueueCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts'
import { Upload } from '@aws-sdk/lib-storage'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { AWS_IDS } from '../../src/sandbox/index.js'
import { type AwsKeys, type AwsSurroundings, startAwsSurroundings } from './aws-surroundings.js'
import { type Attempt, outcomeOf, single } from './sidecar.js'
import { rejection } from './surroundings.js'

const REGION = 'eu-west-1'

/** AWS's own clients as they come, with nothing but the gate's address and the keys of a grant. */
describe('AWS SDK v3 behind the sidecar', () => {
  let aws: AwsSurroundings
  let keys: AwsKeys
  const settings = (api = 'aws', region = REGION) => ({
    endpoint: `${aws.sidecar.gate}/${api}`,
    region,
    credentials: keys,
    forcePathStyle: true,
  })
  before(async () => {
    aws = await startAwsSurroundings()
    keys = await aws.keys()
  })
  after(() => aws?.close())

  /** What one call answers, and the only attempt that it left. */
  async function passing<T>(call: () => Promise<T>): Promise<{ value: T; attempt: Attempt }> {
    const { value, attempts } = await aws.sidecar.during(call)
    return { value, attempt: single(attempts) }
  }

  /** A call that is denied once, for a reason that its client shows. */
  async function denied(operation: string, call: () => Promise<unknown>): Promise<Attempt> {
    const { value: error, attempts } = await aws.sidecar.during(() => rejection(call()))
    const attempt = single(attempts)
    assert.match(error.message, /^DENIED by policy, nothing was executed\. /)
    assert.ok(error.message.includes(operation), error.message)
    assert.ok(error.message.includes(`Receipt ${attempt.seq}.`), error.message)
    assert.match(error.name, /^AccessDenied(Exception)?$/)
    assert.equal(attempt.ops[0]?.name, operation)
    assert.equal(attempt.decision.effect, 'deny')
    return attempt
  }

  it('reads EC2 under a credential of exactly that operation, and never terminates', async () => {
    const ec2 = new EC2Client(settings())
    const { value, attempt } = await passing(() => ec2.send(new DescribeInstancesCommand({})))
    const ids = value.Reservations?.flatMap(each => each.Instances?.map(one => one.InstanceId) ?? [])
    assert.ok(ids?.includes(AWS_IDS.stagingInstance))
    assert.equal(attempt.credential?.minter, 'aws-sts')
    assert.match(attempt.credential?.scope ?? '', /ec2:DescribeInstances/)
    assert.equal((await outcomeOf(aws.sidecar, attempt)).status, 'completed')
    const refused = await denied('ec2:TerminateInstances', () =>
      ec2.send(new TerminateInstancesCommand({ InstanceIds: [AWS_IDS.stagingInstance, 'i-0prod1'] })),
    )
    assert.deepEqual(
      refused.ops[0]?.resources.map(({ id }) => id),
      [AWS_IDS.stagingInstance, 'i-0prod1'].map(id => `arn:aws:ec2:eu-west-1:111122223333:instance/${id}`),
    )
  })

  it('cites the mint entry of its credential, whose id is the name of the session at AWS', async () => {
    const sts = new STSClient(settings())
    const { value, attempt } = await passing(() => sts.send(new GetCallerIdentityCommand({})))
    const mint = attempt.credential?.mint
    assert.ok(mint !== undefined)
    assert.equal(value.Arn, `arn:aws:sts::111122223333:assumed-role/agents-staging/${mint}`)
    await denied('sts:AssumeRole', () =>
      sts.send(new AssumeRoleCommand({ RoleArn: AWS_IDS.roleArn, RoleSessionName: 'agent' })),
    )
  })

  it('lets CloudTrail be held against the receipts: its call is explained, and one beside it is not', async () => {
    const ec2 = new EC2Client(settings())
    const { value, attempt } = await passing(() => ec2.send(new DescribeInstancesCommand({})))
    const outcome = await outcomeOf(aws.sidecar, attempt)
    assert.equal(outcome.upstream_id, value.$metadata.requestId)
    const event = (name: string, requestID: string | undefined) => ({
      eventID: name,
      eventTime: new Date(attempt.t).toISOString(),
      eventSource: 'ec2.amazonaws.com',
      eventName: name,
      requestID,
      userIdentity: {
        arn: `arn:aws:sts::111122223333:assumed-role/agents-staging/${attempt.credential?.mint}`,
      },
    })
    const folder = await mkdtemp(join(tmpdir(), 'countersign-trail-'))
    try {
      const ask = async (...records: readonly unknown[]) => {
        await writeFile(join(folder, 'trail.json'), JSON.stringify({ Records: records }))
        return aws.sidecar.command(['receipts', 'reconcile', '--cloudtrail', folder, '--json'])
      }
      const own = event('DescribeInstances', value.$metadata.requestId)
      assert.equal((await ask(own)).code, 0)
      const both = await ask(own, event('TerminateInstances', 'another'))
      assert.equal(both.code, 1)
      assert.match(both.out, /call_unrecorded/)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })

  it('describes databases and stacks, and deletes neither', async () => {
    const rds = new RDSClient(settings())
    const { value } = await passing(() => rds.send(new DescribeDBInstancesCommand({})))
    assert.ok(value.DBInstances?.some(each => each.DBInstanceIdentifier === AWS_IDS.stagingDatabase))
    await denied('rds:DeleteDBInstance', () =>
      rds.send(
        new DeleteDBInstanceCommand({
          DBInstanceIdentifier: AWS_IDS.stagingDatabase,
          SkipFinalSnapshot: true,
        }),
      ),
    )
    const cloudformation = new CloudFormationClient(settings())
    const stacks = await passing(() => cloudformation.send(new DescribeStacksCommand({})))
    assert.ok(stacks.value.Stacks?.some(each => each.StackName === AWS_IDS.stack))
    await denied('cloudformation:DeleteStack', () =>
      cloudformation.send(new DeleteStackCommand({ StackName: AWS_IDS.stack })),
    )
  })

  it('lists IAM users, and deletes none', async () => {
    // One endpoint for all regions, and a client that signs for the region it was given.
    const iam = new IAMClient(settings())
    const { value } = await passing(() => iam.send(new ListUsersCommand({})))
    assert.ok((value.Users ?? []).length > 0)
    const attempt = await denied('iam:DeleteUser', () =>
      iam.send(new DeleteUserCommand({ UserName: 'dba-anna' })),
    )
    assert.deepEqual(attempt.ops[0]?.classes, ['irreversible', 'privilege'])
  })

  it('sends a message over JSON, and purges no queue', async () => {
    const sqs = new SQSClient(settings())
    const QueueUrl = `https://sqs.eu-west-1.amazonaws.com/111122223333/${AWS_IDS.queue}`
    const { attempt } = await passing(() =>
      sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'order 7 shipped' })),
    )
    assert.deepEqual(attempt.ops[0]?.resources, [
      { type: 'queue', id: `arn:aws:sqs:eu-west-1:111122223333:${AWS_IDS.queue}` },
    ])
    await denied('sqs:PurgeQueue', () => sqs.send(new PurgeQueueCommand({ QueueUrl })))
  })

  it('puts metrics over CBOR, compressed or not', async () => {
    const cloudwatch = new CloudWatchClient({ ...settings(), requestMinCompressionSizeBytes: 128 })
    const put = await passing(() =>
      cloudwatch.send(
        new PutMetricDataCommand({
          Namespace: 'orders',
          MetricData: Array.from({ length: 20 }, (_, i) => ({
            MetricName: `latency-${i}`,
            Value: i + 0.5,
            Timestamp: new Date(),
          })),
        }),
      ),
    )
    assert.equal(put.attempt.ops[0]?.name, 'cloudwatch:PutMetricData')
    const { value } = await passing(() => cloudwatch.send(new ListMetricsCommand({ Namespace: 'orders' })))
    assert.equal(value.Metrics?.length, 20)
  })

  it('encrypts with a key, and never schedules its deletion', async () => {
    const kms = new KMSClient(settings())
    const Plaintext = Buffer.from('card on file')
    const { value } = await passing(() => kms.send(new EncryptCommand({ KeyId: AWS_IDS.key, Plaintext })))
    assert.ok((value.CiphertextBlob?.length ?? 0) > 0)
    await denied('kms:ScheduleKeyDeletion', () =>
      kms.send(new ScheduleKeyDeletionCommand({ KeyId: AWS_IDS.key })),
    )
  })

  it('runs no function and reads no function’s environment unless a rule says so', async () => {
    const lambda = new LambdaClient(settings())
    await denied('lambda:Invoke', () => lambda.send(new InvokeCommand({ FunctionName: AWS_IDS.function })))
    const attempt = await denied('lambda:GetFunctionConfiguration', () =>
      lambda.send(new GetFunctionConfigurationCommand({ FunctionName: AWS_IDS.function })),
    )
    assert.ok(attempt.ops[0]?.classes.includes('sensitive_read'))
  })

  it('writes to one table, deletes nothing from it in a batch, and runs no PartiQL', async () => {
    const dynamodb = new DynamoDBClient(settings())
    const TableName = 'orders'
    const KeySchema = [{ AttributeName: 'id', KeyType: 'HASH' as const }]
    const AttributeDefinitions = [{ AttributeName: 'id', AttributeType: 'S' as const }]
    await passing(() =>
      dynamodb.send(
        new CreateTableCommand({
          TableName,
          KeySchema,
          AttributeDefinitions,
          BillingMode: 'PAY_PER_REQUEST',
        }),
      ),
    )
    const Item = { id: { S: 'o-7' }, note: { S: 'naïve ☂' } }
    await passing(() => dynamodb.send(new PutItemCommand({ TableName, Item })))
    const read = await passing(() =>
      dynamodb.send(new GetItemCommand({ TableName, Key: { id: { S: 'o-7' } } })),
    )
    assert.deepEqual(read.value.Item, Item)
    await passing(() =>
      dynamodb.send(new BatchWriteItemCommand({ RequestItems: { [TableName]: [{ PutRequest: { Item } }] } })),
    )
    const batch = await denied('dynamodb:BatchWriteItem', () =>
      dynamodb.send(
        new BatchWriteItemCommand({
          RequestItems: { [TableName]: [{ DeleteRequest: { Key: { id: { S: 'o-7' } } } }] },
        }),
      ),
    )
    assert.ok(batch.ops[0]?.classes.includes('irreversible'))
    await denied('dynamodb:ExecuteStatement', () =>
      dynamodb.send(new ExecuteStatementCommand({ Statement: "DELETE FROM orders WHERE id = 'o-7'" })),
    )
    await denied('dynamodb:PutItem', () =>
      dynamodb.send(new PutItemCommand({ TableName: 'customers', Item })),
    )
  })

  describe('S3', () => {
    const Bucket = 'acme-releases'

    for (const Key of ['web/grüße ☂.txt', 'web/a b+c%20d.txt', 'web//double/../up.txt', "web/(1)!*'.txt"]) {
      it(`stores and returns the object ${Key} under exactly that name`, async () => {
        const s3 = new S3Client(settings())
        const { attempt } = await passing(() =>
          s3.send(new PutObjectCommand({ Bucket, Key, Body: 'hello', ContentType: 'text/plain' })),
        )
        assert.deepEqual(attempt.ops[0]?.resources, [{ type: 'object', id: `arn:aws:s3:::${Bucket}/${Key}` }])
        const { value } = await passing(() => s3.send(new GetObjectCommand({ Bucket, Key })))
        assert.equal(await value.Body?.transformToString(), 'hello')
        const { value: listed } = await passing(() => s3.send(new ListObjectsV2Command({ Bucket })))
        assert.ok(listed.Contents?.some(each => each.Key === Key))
      })
    }

    it('writes below the admitted prefix only, however the key climbs', async () => {
      const s3 = new S3Client(settings())
      for (const Key of ['other/app.js', '../web/app.js', 'webx/app.js'])
        await denied('s3:PutObject', () => s3.send(new PutObjectCommand({ Bucket, Key, Body: 'x' })))
    })

    it('copies within the prefix, and deletes what is in it, each key of a list counted', async () => {
      const s3 = new S3Client(settings())
      await passing(() => s3.send(new PutObjectCommand({ Bucket, Key: 'web/one.js', Body: '1' })))
      const copied = await passing(() =>
        s3.send(new CopyObjectCommand({ Bucket, Key: 'web/two.js', CopySource: `${Bucket}/web/one.js` })),
      )
      assert.equal(copied.attempt.ops[0]?.name, 's3:CopyObject')
      await denied('s3:CopyObject', () =>
        s3.send(new CopyObjectCommand({ Bucket, Key: 'web/db.js', CopySource: 'acme-backups/db.dump' })),
      )
      await denied('s3:DeleteObjects', () =>
        s3.send(
          new DeleteObjectsCommand({
            Bucket,
            Delete: { Objects: [{ Key: 'web/two.js' }, { Key: 'other.js' }] },
          }),
        ),
      )
      await denied('s3:DeleteBucket', () => s3.send(new DeleteBucketCommand({ Bucket })))
    })

    it('uploads in parts, as a stream, and with a signed URL', async () => {
      const s3 = new S3Client(settings())
      const Body = randomBytes(11 << 20)
      const upload = new Upload({
        client: s3,
        params: { Bucket, Key: 'web/big.bin', Body },
        partSize: 5 << 20,
      })
      const { attempts } = await aws.sidecar.during(() => upload.done())
      assert.deepEqual([...new Set(attempts.map(({ ops }) => ops[0]?.name))].sort(), [
        's3:CompleteMultipartUpload',
        's3:CreateMultipartUpload',
        's3:UploadPart',
      ])
      const whole = await s3.send(new GetObjectCommand({ Bucket, Key: 'web/big.bin' }))
      assert.ok(Body.equals((await whole.Body?.transformToByteArray()) ?? new Uint8Array()))
      const url = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: 'web/big.bin' }), {
        expiresIn: 60,
      })
      const fetched = await fetch(url)
      assert.equal(fetched.status, 200, await fetched.clone().text())
      assert.ok(Body.equals(Buffer.from(await fetched.arrayBuffer())))
      // Else the SDK would sign the check sum of no bytes along.
      const plain = new S3Client({ ...settings(), requestChecksumCalculation: 'WHEN_REQUIRED' })
      const put = await getSignedUrl(plain, new PutObjectCommand({ Bucket, Key: 'web/put.txt' }), {
        expiresIn: 60,
      })
      assert.equal((await fetch(put, { method: 'PUT', body: 'by URL' })).status, 200)
      const again = await fetch(put, { method: 'PUT', body: 'once more' })
      assert.equal(again.status, 403)
      assert.match(await again.text(), /<Code>[A-Za-z]+<\/Code>/)
      const stored = await s3.send(new GetObjectCommand({ Bucket, Key: 'web/put.txt' }))
      assert.equal(await stored.Body?.transformToString(), 'by URL')
    })
  })

  describe('s3rver, which verifies what the keeper signed', () => {
    const Bucket = 'releases'
    const client = () => new S3Client(settings('objects', 'us-east-1'))

    it('takes objects, parts and copies, and gives them back', async () => {
      const s3 = client()
      const { attempt } = await passing(() =>
        s3.send(new PutObjectCommand({ Bucket, Key: 'web/ünï cödé.txt', Body: 'hello' })),
      )
      assert.match(attempt.credential?.scope ?? '', /s3:PutObject/)
      const { value } = await passing(() =>
        s3.send(new GetObjectCommand({ Bucket, Key: 'web/ünï cödé.txt' })),
      )
      assert.equal(await text(value.Body as NodeJS.ReadableStream), 'hello')
      const Body = randomBytes(6 << 20)
      await new Upload({
        client: s3,
        params: { Bucket, Key: 'web/parts.bin', Body },
        partSize: 5 << 20,
      }).done()
      await s3.send(
        new CopyObjectCommand({ Bucket, Key: 'web/copy.bin', CopySource: `${Bucket}/web/parts.bin` }),
      )
      const head = await s3.send(new HeadObjectCommand({ Bucket, Key: 'web/copy.bin' }))
      assert.equal(head.ContentLength, Body.length)
    })
  })

  it('knows an AWS key for what it is: found somewhere', async () => {
    const found = {
      accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
      secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
    }
    const ec2 = new EC2Client({ ...settings(), credentials: found })
    const { value: error, attempts } = await aws.sidecar.during(() =>
      rejection(ec2.send(new DescribeInstancesCommand({}))),
    )
    assert.match(error.message, /carries a credential that is not its grant/)
    assert.ok(!JSON.stringify(error).includes(found.secretAccessKey))
    for (const attempt of attempts) assert.equal(attempt.decision.code, 'foreign_credential')
  })

  it('ends with the grant', async () => {
    const { jti, token, secret } = await aws.sidecar.grant({ slot: 'aws-sigv4' })
    const credentials = { accessKeyId: jti, secretAccessKey: secret ?? '', sessionToken: token }
    const ec2 = new EC2Client({ ...settings(), credentials, maxAttempts: 1 })
    await ec2.send(new DescribeInstancesCommand({}))
    await aws.sidecar.revoke(jti)
    const { attempts } = await aws.sidecar.during(() => rejection(ec2.send(new DescribeInstancesCommand({}))))
    assert.equal(single(attempts).decision.code, 'grant_revoked')
  })
})
