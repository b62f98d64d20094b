import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  CloudFormationClient,
  CreateStackCommand,
  DeleteStackCommand,
  DescribeStackResourcesCommand,
  DescribeStacksCommand,
  ListStacksCommand,
} from '@aws-sdk/client-cloudformation'
import {
  CreateAccessKeyCommand,
  DeleteAccessKeyCommand,
  DeleteUserCommand,
  GetUserCommand,
  IAMClient,
  ListRolesCommand,
  ListUsersCommand,
} from '@aws-sdk/client-iam'
import { AWS_IDS } from '../../src/sandbox/index.js'
import { account, allowing, LONG_TERM, refusal } from './aws-account.js'

const StackName = AWS_IDS.stack

describe('CloudFormation of the AWS stand-in', () => {
  test('describes stacks and what they own', async t => {
    const aws = await account(t)
    const policy = allowing('cloudformation:Describe*', 'arn:aws:cloudformation:*:*:stack/orders-prod/*')
    const cloud = new CloudFormationClient(aws.options(await aws.assume(policy)))
    const { Stacks } = await cloud.send(new DescribeStacksCommand({ StackName }))
    assert.equal(Stacks?.[0]?.StackId, AWS_IDS.stackId)
    assert.equal(Stacks?.[0]?.StackStatus, 'CREATE_COMPLETE')
    const { StackResources } = await cloud.send(new DescribeStackResourcesCommand({ StackName }))
    assert.deepEqual(
      StackResources?.map(each => each.PhysicalResourceId),
      [AWS_IDS.productionDatabase, AWS_IDS.exportsBucket],
    )
    assert.equal((await refusal(cloud.send(new ListStacksCommand({})))).code, 'AccessDenied')
    assert.equal(
      (await refusal(cloud.send(new DescribeStacksCommand({ StackName: 'other' })))).code,
      'AccessDenied',
    )
  })

  test('deletes the production database with its stack, without a permission on the database', async t => {
    const aws = await account(t)
    const policy = allowing('cloudformation:DeleteStack', 'arn:aws:cloudformation:*:*:stack/orders-prod/*')
    await new CloudFormationClient(aws.options(await aws.assume(policy))).send(
      new DeleteStackCommand({ StackName }),
    )
    assert.ok(!aws.world.databases.has(AWS_IDS.productionDatabase))
    assert.ok(!aws.world.buckets.has(AWS_IDS.exportsBucket))
    assert.deepEqual(
      [...aws.world.databaseSnapshots.values()].filter(
        each => each.instanceId === AWS_IDS.productionDatabase,
      ),
      [],
    )
    assert.deepEqual(
      aws.world.executed.map(each => each.operation),
      ['AssumeRole', 'DeleteDBInstance', 'DeleteBucket', 'DeleteStack'],
    )
    const cloud = new CloudFormationClient(aws.options(await aws.assume(allowing('cloudformation:*'))))
    assert.equal(
      (await refusal(cloud.send(new DescribeStacksCommand({ StackName })))).code,
      'ValidationError',
    )
    const gone = await cloud.send(new DescribeStacksCommand({ StackName: AWS_IDS.stackId }))
    assert.equal(gone.Stacks?.[0]?.StackStatus, 'DELETE_COMPLETE')
    await cloud.send(new DeleteStackCommand({ StackName }))
  })

  test('leaves a stack behind that it could not delete whole', async t => {
    const aws = await account(t)
    const database = aws.world.databases.get(AWS_IDS.productionDatabase)
    if (database) database.isProtected = true
    const cloud = new CloudFormationClient(aws.options(await aws.assume(allowing('cloudformation:*'))))
    await cloud.send(new DeleteStackCommand({ StackName }))
    assert.ok(aws.world.databases.has(AWS_IDS.productionDatabase))
    const { Stacks } = await cloud.send(new DescribeStacksCommand({ StackName }))
    assert.equal(Stacks?.[0]?.StackStatus, 'DELETE_FAILED')
    assert.match(Stacks?.[0]?.StackStatusReason ?? '', /\[Database\]/)
    const creation = new CreateStackCommand({ StackName: 'new', TemplateBody: '{}' })
    assert.equal((await refusal(cloud.send(creation))).code, 'InvalidAction')
  })

  test('attack: a session policy for another stack leaves this one alone', async t => {
    const aws = await account(t)
    const policy = allowing('cloudformation:DeleteStack', 'arn:aws:cloudformation:*:*:stack/orders-staging/*')
    const cloud = new CloudFormationClient(aws.options(await aws.assume(policy)))
    for (const name of [StackName, AWS_IDS.stackId])
      assert.equal(
        (await refusal(cloud.send(new DeleteStackCommand({ StackName: name })))).code,
        'AccessDenied',
      )
    assert.ok(aws.world.databases.has(AWS_IDS.productionDatabase))
    assert.equal(aws.world.stacks.get(AWS_IDS.stackId)?.status, 'CREATE_COMPLETE')
  })
})

describe('IAM of the AWS stand-in', () => {
  test('makes a long-term key that signs from then on, with what its user may do', async t => {
    const aws = await account(t)
    const iam = new IAMClient(aws.options(await aws.assume(allowing('iam:*'))))
    const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: 'dba-anna' }))
    const key = {
      accessKeyId: AccessKey?.AccessKeyId ?? '',
      secretAccessKey: AccessKey?.SecretAccessKey ?? '',
    }
    const { code, message } = await refusal(new IAMClient(aws.options(key)).send(new GetUserCommand({})))
    assert.equal(code, 'AccessDenied')
    assert.match(message, /user\/dba-anna is not authorized/)
    const conflict = iam.send(new DeleteUserCommand({ UserName: 'dba-anna' }))
    assert.equal((await refusal(conflict)).code, 'DeleteConflictException')
    await iam.send(new DeleteAccessKeyCommand({ UserName: 'dba-anna', AccessKeyId: key.accessKeyId }))
    await iam.send(new DeleteUserCommand({ UserName: 'dba-anna' }))
    assert.ok(!aws.world.identity.users.has('dba-anna'))
    const dead = new IAMClient(aws.options(key)).send(new GetUserCommand({}))
    assert.equal((await refusal(dead)).code, 'InvalidClientTokenId')
  })

  test('lists users and roles, and narrows by the user’s ARN', async t => {
    const aws = await account(t)
    const policy = allowing(
      ['iam:GetUser', 'iam:List*'],
      [
        'arn:aws:iam::111122223333:user/deploy-*',
        'arn:aws:iam::111122223333:user/',
        'arn:aws:iam::111122223333:role/',
      ],
    )
    const iam = new IAMClient(aws.options(await aws.assume(policy)))
    const { Users } = await iam.send(new ListUsersCommand({}))
    assert.deepEqual(
      Users?.map(each => each.UserName),
      [AWS_IDS.minterUser, 'deploy-ci', 'dba-anna'],
    )
    const { Roles } = await iam.send(new ListRolesCommand({}))
    assert.equal(Roles?.[0]?.Arn, AWS_IDS.roleArn)
    assert.equal((await iam.send(new GetUserCommand({ UserName: 'deploy-ci' }))).User?.UserName, 'deploy-ci')
    assert.equal((await refusal(iam.send(new GetUserCommand({ UserName: 'dba-anna' })))).code, 'AccessDenied')
    const minter = new IAMClient(aws.options(LONG_TERM)).send(new ListUsersCommand({}))
    assert.match(
      (await refusal(minter)).message,
      /because no identity-based policy allows the iam:ListUsers action/,
    )
  })
})
