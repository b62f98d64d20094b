import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  CloudWatchClient,
  DescribeAlarmsCommand,
  ListMetricsCommand,
  PutMetricDataCommand,
} from '@aws-sdk/client-cloudwatch'
import {
  DecryptCommand,
  DescribeKeyCommand,
  EncryptCommand,
  KMSClient,
  ListKeysCommand,
  ScheduleKeyDeletionCommand,
} from '@aws-sdk/client-kms'
import {
  DeleteFunctionCommand,
  GetFunctionConfigurationCommand,
  InvokeCommand,
  LambdaClient,
  ListFunctionsCommand,
} from '@aws-sdk/client-lambda'
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ListQueuesCommand,
  PurgeQueueCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'
import { AWS_IDS } from '../../src/sandbox/index.js'
import { account, allowing, refusal } from './aws-account.js'

const QUEUE_ARN = `arn:aws:sqs:eu-west-1:111122223333:${AWS_IDS.queue}`

describe('SQS of the AWS stand-in', () => {
  test('hides a received message, and shows it again unless it was deleted', async t => {
    const aws = await account(t)
    const credentials = await aws.assume(allowing('sqs:*', QUEUE_ARN))
    const sqs = new SQSClient(aws.options(credentials))
    const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: AWS_IDS.queue }))
    for (const MessageBody of ['one', 'two & <three>'])
      await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody }))
    const receive = (client = sqs) =>
      client.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }))
    const { Messages } = await receive()
    assert.deepEqual(
      Messages?.map(each => each.Body),
      ['one', 'two & <three>'],
    )
    assert.equal((await receive()).Messages, undefined)
    await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: Messages?.[0]?.ReceiptHandle }))
    aws.clock.aheadMs = 31_000
    const later = await receive(new SQSClient(aws.options(credentials)))
    assert.deepEqual(
      later.Messages?.map(each => each.Body),
      ['two & <three>'],
    )
    await sqs.send(new PurgeQueueCommand({ QueueUrl }))
    const { Attributes } = await sqs.send(
      new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }),
    )
    assert.equal(Attributes?.QueueArn, QUEUE_ARN)
    assert.equal(aws.world.queues.get(AWS_IDS.queue)?.messages.length, 0)
  })

  test('makes and deletes queues, those that the session may', async t => {
    const aws = await account(t)
    const sqs = new SQSClient(aws.options(await aws.assume(allowing('sqs:*', `${QUEUE_ARN}-copy`))))
    const { QueueUrl } = await sqs.send(
      new CreateQueueCommand({ QueueName: `${AWS_IDS.queue}-copy`, Attributes: { VisibilityTimeout: '5' } }),
    )
    const original = QueueUrl?.replace('-copy', '')
    assert.equal(
      (await refusal(sqs.send(new DeleteQueueCommand({ QueueUrl: original })))).code,
      'AccessDeniedException',
    )
    assert.equal((await refusal(sqs.send(new ListQueuesCommand({})))).code, 'AccessDeniedException')
    assert.ok(aws.world.queues.has(AWS_IDS.queue))
    await sqs.send(new DeleteQueueCommand({ QueueUrl }))
    assert.deepEqual([...aws.world.queues.keys()], [AWS_IDS.queue])
    const gone = await refusal(sqs.send(new PurgeQueueCommand({ QueueUrl })))
    assert.equal(gone.code, 'QueueDoesNotExist')
  })
})

describe('CloudWatch of the AWS stand-in', () => {
  test('keeps metrics and lists them', async t => {
    const aws = await account(t)
    const cloudwatch = new CloudWatchClient(aws.options(await aws.assume(allowing('cloudwatch:*'))))
    const Dimensions = [{ Name: 'environment', Value: 'staging' }]
    const Timestamp = new Date('2026-04-22T10:00:00Z')
    await cloudwatch.send(
      new PutMetricDataCommand({
        Namespace: 'orders',
        MetricData: [
          { MetricName: 'latency', Value: 12.5, Timestamp, Dimensions },
          { MetricName: 'errors', Value: 1 },
        ],
      }),
    )
    const { Metrics } = await cloudwatch.send(new ListMetricsCommand({ Dimensions }))
    assert.deepEqual(Metrics, [{ Namespace: 'orders', MetricName: 'latency', Dimensions }])
    assert.deepEqual([...aws.world.metrics.values()][0]?.data, [{ at: Timestamp, value: 12.5 }])
    assert.match((await refusal(cloudwatch.send(new DescribeAlarmsCommand({})))).code, /UnknownOperation/)
    const reader = new CloudWatchClient(aws.options(await aws.assume(allowing('cloudwatch:ListMetrics'))))
    const denied = reader.send(
      new PutMetricDataCommand({ Namespace: 'x', MetricData: [{ MetricName: 'y' }] }),
    )
    assert.match((await refusal(denied)).code, /AccessDenied/)
    assert.equal(aws.world.metrics.size, 2)
  })
})

describe('Lambda of the AWS stand-in', () => {
  test('answers an invocation with its payload', async t => {
    const aws = await account(t)
    const FunctionName = AWS_IDS.function
    const arn = `arn:aws:lambda:eu-west-1:111122223333:function:${FunctionName}`
    const lambda = new LambdaClient(aws.options(await aws.assume(allowing('lambda:*', ['*', arn]))))
    assert.equal((await lambda.send(new ListFunctionsCommand({}))).Functions?.[0]?.FunctionArn, arn)
    const configuration = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName: arn }))
    assert.equal(configuration.Runtime, 'nodejs20.x')
    const { Payload, StatusCode } = await lambda.send(
      new InvokeCommand({ FunctionName, Payload: '{"order":7}' }),
    )
    assert.equal(StatusCode, 200)
    assert.equal(Buffer.from(Payload ?? []).toString(), '{"order":7}')
    const removal = lambda.send(new DeleteFunctionCommand({ FunctionName }))
    assert.equal((await refusal(removal)).code, 'UnknownOperationException')
    const reader = new LambdaClient(aws.options(await aws.assume(allowing('lambda:List*'))))
    const denied = await refusal(reader.send(new InvokeCommand({ FunctionName })))
    assert.deepEqual([denied.code, denied.status], ['AccessDeniedException', 403])
    assert.equal(aws.world.functions.get(FunctionName)?.invocations.length, 1)
  })
})

describe('KMS of the AWS stand-in', () => {
  test('opens what it closed, in the same context, until the key’s deletion is scheduled', async t => {
    const aws = await account(t)
    const KeyId = `arn:aws:kms:eu-west-1:111122223333:key/${AWS_IDS.key}`
    const kms = new KMSClient(aws.options(await aws.assume(allowing('kms:*', ['*', KeyId]))))
    const EncryptionContext = { table: 'orders' }
    const { CiphertextBlob } = await kms.send(
      new EncryptCommand({ KeyId: 'alias/orders', Plaintext: Buffer.from('card'), EncryptionContext }),
    )
    const { Plaintext } = await kms.send(new DecryptCommand({ CiphertextBlob, EncryptionContext }))
    assert.equal(Buffer.from(Plaintext ?? []).toString(), 'card')
    assert.equal(
      (await refusal(kms.send(new DecryptCommand({ CiphertextBlob })))).code,
      'InvalidCiphertextException',
    )
    assert.equal((await kms.send(new ListKeysCommand({}))).Keys?.[0]?.KeyArn, KeyId)
    const narrow = new KMSClient(
      aws.options(await aws.assume(allowing('kms:ScheduleKeyDeletion', `${KeyId}0`))),
    )
    const denied = narrow.send(new ScheduleKeyDeletionCommand({ KeyId: AWS_IDS.key }))
    assert.equal((await refusal(denied)).code, 'AccessDeniedException')
    assert.equal(aws.world.keys.get(AWS_IDS.key)?.deletionAt, null)
    const { DeletionDate } = await kms.send(new ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: 7 }))
    assert.ok(DeletionDate instanceof Date)
    const late = kms.send(new DecryptCommand({ CiphertextBlob, EncryptionContext }))
    assert.equal((await refusal(late)).code, 'KMSInvalidStateException')
    assert.equal((await kms.send(new DescribeKeyCommand({ KeyId }))).KeyMetadata?.KeyState, 'PendingDeletion')
  })
})
