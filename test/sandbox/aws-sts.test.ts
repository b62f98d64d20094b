import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts'
import { AWS_IDS } from '../../src/sandbox/index.js'
import { account, allowing, LONG_TERM, refusal } from './aws-account.js'

const ORDER = { RoleArn: AWS_IDS.roleArn, RoleSessionName: 'cs-0192', DurationSeconds: 900 }

describe('STS of the AWS stand-in', () => {
  test('makes a session of the role that ends when it was asked to', async t => {
    const aws = await account(t)
    const sts = new STSClient(aws.options(LONG_TERM))
    const before = Date.now()
    const answer = await sts.send(new AssumeRoleCommand({ ...ORDER, Policy: allowing('s3:GetObject') }))
    assert.match(answer.Credentials?.AccessKeyId ?? '', /^ASIA[A-Z2-7]{16}$/)
    const lastsMs = (answer.Credentials?.Expiration?.getTime() ?? 0) - before
    assert.ok(lastsMs > 890_000 && lastsMs <= 902_000, String(lastsMs))
    assert.equal(
      answer.AssumedRoleUser?.Arn,
      `arn:aws:sts::${AWS_IDS.account}:assumed-role/agents-staging/cs-0192`,
    )
    const session = aws.world.identity.sessions.get(answer.Credentials?.AccessKeyId ?? '')
    assert.equal(session?.policyText, allowing('s3:GetObject'))
    assert.equal(aws.world.executed[0]?.operation, 'AssumeRole')
  })

  test('says who signed, for the user and for a session whatever its policy allows', async t => {
    const aws = await account(t)
    const user = await new STSClient(aws.options(LONG_TERM)).send(new GetCallerIdentityCommand({}))
    assert.equal(user.Arn, `arn:aws:iam::${AWS_IDS.account}:user/${AWS_IDS.minterUser}`)
    const credentials = await aws.assume(allowing('ec2:DescribeInstances'))
    const session = await new STSClient(aws.options(credentials)).send(new GetCallerIdentityCommand({}))
    assert.equal(session.Arn, `arn:aws:sts::${AWS_IDS.account}:assumed-role/agents-staging/test-session`)
    assert.equal(session.Account, AWS_IDS.account)
  })

  test('takes no other role, no session as its maker, and nobody without the external id', async t => {
    const aws = await account(t, { externalId: 'tenant-7' })
    const sts = new STSClient(aws.options(LONG_TERM))
    const elsewhere = `arn:aws:iam::${AWS_IDS.account}:role/admin`
    const denied = { code: 'AccessDenied', status: 403 }
    const codeOf = async (order: object, client = sts) => {
      const { code, status } = await refusal(client.send(new AssumeRoleCommand({ ...ORDER, ...order })))
      return { code, status }
    }
    assert.deepEqual(await codeOf({ RoleArn: elsewhere }), denied)
    assert.deepEqual(await codeOf({}), denied)
    assert.deepEqual(await codeOf({ ExternalId: 'tenant-8' }), denied)
    const { Credentials } = await sts.send(new AssumeRoleCommand({ ...ORDER, ExternalId: 'tenant-7' }))
    const chained = new STSClient(
      aws.options({
        accessKeyId: Credentials?.AccessKeyId ?? '',
        secretAccessKey: Credentials?.SecretAccessKey ?? '',
        sessionToken: Credentials?.SessionToken ?? '',
      }),
    )
    assert.deepEqual(await codeOf({ ExternalId: 'tenant-7' }, chained), denied)
    assert.equal(aws.world.identity.sessions.size, 1)
  })

  test('refuses a session policy that is too long, malformed or a guess', async t => {
    const aws = await account(t)
    const sts = new STSClient(aws.options(LONG_TERM))
    const codeOf = async (Policy: string) =>
      (await refusal(sts.send(new AssumeRoleCommand({ ...ORDER, Policy })))).code
    const statement = (members: object) => JSON.stringify({ Version: '2012-10-17', Statement: [members] })
    assert.equal(
      await codeOf(allowing('s3:GetObject', `arn:aws:s3:::${'x'.repeat(2048)}`)),
      'ValidationError',
    )
    for (const policy of [
      '{"Version":"2012-10-17","Statement":',
      statement({ Effect: 'Allow', Action: 'GetObject', Resource: '*' }),
      statement({ Effect: 'Allow', Action: 's3:GetObject', Resource: 'acme-releases' }),
      statement({ Effect: 'Allow', Action: 's3:GetObject' }),
      statement({ Effect: 'Allow', Action: 's3:GetObject', Resource: '*', Principal: '*' }),
      statement({ Effect: 'Maybe', Action: 's3:GetObject', Resource: '*' }),
      statement({
        Effect: 'Allow',
        Action: 's3:GetObject',
        Resource: '*',
        Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } },
      }),
    ])
      assert.equal(await codeOf(policy), 'MalformedPolicyDocumentException', policy)
    assert.equal(aws.world.identity.sessions.size, 0)
  })

  test('refuses a duration that STS refuses, and every narrowing that it would not apply', async t => {
    const aws = await account(t)
    const sts = new STSClient(aws.options(LONG_TERM))
    const codeOf = async (order: object) =>
      (await refusal(sts.send(new AssumeRoleCommand({ ...ORDER, ...order })))).code
    assert.equal(await codeOf({ DurationSeconds: 899 }), 'ValidationError')
    assert.equal(await codeOf({ DurationSeconds: 43_201 }), 'ValidationError')
    assert.equal(
      await codeOf({ PolicyArns: [{ arn: 'arn:aws:iam::aws:policy/ReadOnlyAccess' }] }),
      'InvalidParameterValue',
    )
    assert.equal(await codeOf({ RoleSessionName: 'a b' }), 'ValidationError')
  })
})
