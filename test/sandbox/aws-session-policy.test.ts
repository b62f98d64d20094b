import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  DeleteVolumeCommand,
  DescribeInstancesCommand,
  EC2Client,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2'
import { DeleteDBInstanceCommand, RDSClient } from '@aws-sdk/client-rds'
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { ListQueuesCommand, SQSClient } from '@aws-sdk/client-sqs'
import { AWS_IDS } from '../../src/sandbox/index.js'
import { account, allowing, refusal } from './aws-account.js'

const { stagingInstance, secondStagingInstance } = AWS_IDS
const instanceArn = (id: string) => `arn:aws:ec2:eu-west-1:111122223333:instance/${id}`

function statements(...statements: readonly object[]): string {
  return JSON.stringify({ Version: '2012-10-17', Statement: statements })
}

describe('a session policy at the AWS stand-in', () => {
  test('allows what it names and nothing beside it', async t => {
    const aws = await account(t)
    const policy = allowing('ec2:TerminateInstances', instanceArn(stagingInstance))
    const ec2 = new EC2Client(aws.options(await aws.assume(policy)))
    const terminate = (...ids: string[]) => ec2.send(new TerminateInstancesCommand({ InstanceIds: ids }))
    const other = await refusal(terminate(secondStagingInstance))
    assert.equal(other.code, 'UnauthorizedOperation')
    assert.equal(other.status, 403)
    assert.match(
      other.message,
      /assumed-role\/agents-staging\/test-session is not authorized to perform: ec2:TerminateInstances on resource: arn:aws:ec2:eu-west-1:111122223333:instance\/i-0staging2 because no session policy allows/,
    )
    assert.equal(
      (await refusal(terminate(stagingInstance, secondStagingInstance))).code,
      'UnauthorizedOperation',
    )
    assert.equal((await refusal(ec2.send(new DescribeInstancesCommand({})))).code, 'UnauthorizedOperation')
    const volume = ec2.send(new DeleteVolumeCommand({ VolumeId: AWS_IDS.spareVolume }))
    assert.equal((await refusal(volume)).code, 'UnauthorizedOperation')
    assert.deepEqual(
      [...aws.world.instances.values()].map(each => each.state),
      ['running', 'running', 'running'],
    )
    assert.ok(aws.world.volumes.has(AWS_IDS.spareVolume))
    await terminate(stagingInstance)
    assert.equal(aws.world.instances.get(stagingInstance)?.state, 'terminated')
    assert.deepEqual(
      aws.world.executed.map(({ operation, resources }) => [operation, resources]),
      [
        ['AssumeRole', [AWS_IDS.roleArn]],
        ['TerminateInstances', [instanceArn(stagingInstance)]],
      ],
    )
  })

  test('can’t give what the role doesn’t have', async t => {
    const aws = await account(t, { rolePolicy: allowing('ec2:Describe*') })
    const database = `arn:aws:rds:eu-west-1:111122223333:db:${AWS_IDS.stagingDatabase}`
    const rds = new RDSClient(aws.options(await aws.assume(allowing('rds:DeleteDBInstance', database))))
    const { code, message } = await refusal(
      rds.send(
        new DeleteDBInstanceCommand({
          DBInstanceIdentifier: AWS_IDS.stagingDatabase,
          SkipFinalSnapshot: true,
        }),
      ),
    )
    assert.equal(code, 'AccessDenied')
    assert.match(message, /because no identity-based policy allows the rds:DeleteDBInstance action$/)
    assert.ok(aws.world.databases.has(AWS_IDS.stagingDatabase))
    const ec2 = new EC2Client(aws.options(await aws.assume(allowing('ec2:DescribeInstances'))))
    assert.equal((await ec2.send(new DescribeInstancesCommand({}))).Reservations?.length, 3)
  })

  test('denies what a statement denies, whatever else allows it', async t => {
    const aws = await account(t)
    const policy = statements(
      { Effect: 'Allow', Action: '*', Resource: '*' },
      { Effect: 'Deny', Action: 'EC2:terminate*', Resource: instanceArn('i-0staging?') },
    )
    const ec2 = new EC2Client(aws.options(await aws.assume(policy)))
    const { message } = await refusal(
      ec2.send(new TerminateInstancesCommand({ InstanceIds: [stagingInstance] })),
    )
    assert.match(message, /with an explicit deny in a session policy$/)
    assert.equal(aws.world.instances.get(stagingInstance)?.state, 'running')
    await ec2.send(new TerminateInstancesCommand({ InstanceIds: [AWS_IDS.productionInstance] }))
  })

  test('takes wildcards in a resource, and escaped ones as the characters themselves', async t => {
    const aws = await account(t)
    const put = async (policy: string, Key: string) => {
      const s3 = new S3Client({ ...aws.options(await aws.assume(policy)), forcePathStyle: true })
      const sent = s3.send(new PutObjectCommand({ Bucket: AWS_IDS.releasesBucket, Key, Body: 'x' }))
      return sent.then(
        () => 'done',
        error => (error as Error).name,
      )
    }
    const variable = (name: string) => `$\{${name}}`
    const onKey = (key: string) => allowing('s3:PutObject', `arn:aws:s3:::acme-releases/${key}`)
    assert.equal(await put(onKey('orders/*'), 'orders/a/b'), 'done')
    assert.equal(await put(onKey('orders/?'), 'orders/a/b'), 'AccessDenied')
    assert.equal(await put(onKey(`orders/${variable('*')}`), 'orders/*'), 'done')
    assert.equal(await put(onKey(`orders/${variable('*')}`), 'orders/a'), 'AccessDenied')
    assert.equal(await put(onKey(`what${variable('?')}`), 'what?'), 'done')
    assert.equal(await put(onKey(`what${variable('?')}`), 'whatx'), 'AccessDenied')
    assert.equal(await put(onKey(`price${variable('$')}`), 'price$'), 'done')
    assert.equal(await put(onKey(variable('aws:userid')), 'anything'), 'AccessDenied')
    assert.equal(await put(onKey('a:b*'), 'a:bc'), 'done')
  })

  test('doesn’t let a wildcard reach into another part of an ARN', async t => {
    const aws = await account(t)
    for (const pattern of ['arn:aws:ec2:*:instance/i-0staging1', 'arn:aws:ec2:eu-west-1:*/i-0staging1']) {
      const ec2 = new EC2Client(aws.options(await aws.assume(allowing('ec2:TerminateInstances', pattern))))
      const { code } = await refusal(
        ec2.send(new TerminateInstancesCommand({ InstanceIds: [stagingInstance] })),
      )
      assert.equal(code, 'UnauthorizedOperation', pattern)
    }
    const policy = allowing('ec2:TerminateInstances', 'arn:aws:ec2:*:*:instance/i-0staging*')
    const ec2 = new EC2Client(aws.options(await aws.assume(policy)))
    await ec2.send(new TerminateInstancesCommand({ InstanceIds: [stagingInstance] }))
  })

  test('allows an action that knows no resource on * alone', async t => {
    const aws = await account(t)
    const describe = async (resource: string) => {
      const ec2 = new EC2Client(aws.options(await aws.assume(allowing('ec2:DescribeInstances', resource))))
      return ec2.send(new DescribeInstancesCommand({}))
    }
    assert.equal((await refusal(describe(instanceArn('*')))).code, 'UnauthorizedOperation')
    assert.equal((await describe('*')).Reservations?.length, 3)
  })

  test('reads NotAction, NotResource and conditions', async t => {
    const aws = await account(t)
    const others = statements({
      Effect: 'Allow',
      NotAction: 'ec2:*',
      NotResource: 'arn:aws:s3:::acme-backups*',
    })
    const credentials = await aws.assume(others)
    const s3 = new S3Client({ ...aws.options(credentials), forcePathStyle: true })
    await s3.send(new GetObjectCommand({ Bucket: AWS_IDS.releasesBucket, Key: 'orders/latest' }))
    const backup = { Bucket: AWS_IDS.backupsBucket, Key: 'orders-prod/2026-04-21.dump' }
    assert.equal((await refusal(s3.send(new GetObjectCommand(backup)))).code, 'AccessDenied')
    const ec2 = new EC2Client(aws.options(credentials))
    assert.equal((await refusal(ec2.send(new DescribeInstancesCommand({})))).code, 'UnauthorizedOperation')
    const prefixed = statements({
      Effect: 'Allow',
      Action: 's3:ListBucket',
      Resource: '*',
      Condition: { StringLike: { 's3:prefix': 'orders-staging/*' } },
    })
    const narrow = new S3Client({ ...aws.options(await aws.assume(prefixed)), forcePathStyle: true })
    const list = (Prefix?: string) =>
      narrow.send(new ListObjectsV2Command({ Bucket: AWS_IDS.backupsBucket, ...(Prefix && { Prefix }) }))
    assert.equal((await list('orders-staging/')).KeyCount, 1)
    assert.equal((await refusal(list('orders-prod/'))).code, 'AccessDenied')
    assert.equal((await refusal(list())).code, 'AccessDenied')
  })

  test('is refused in the words of services that speak JSON', async t => {
    const aws = await account(t)
    const sqs = new SQSClient(aws.options(await aws.assume(allowing('sqs:SendMessage'))))
    const { code, status } = await refusal(sqs.send(new ListQueuesCommand({})))
    assert.deepEqual({ code, status }, { code: 'AccessDeniedException', status: 400 })
  })
})
