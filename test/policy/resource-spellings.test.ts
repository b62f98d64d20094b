import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { JsonObject } from '../../src/canon/index.js'
import { type Match, matchSelector, selectionOf } from '../../src/policy/match.js'
import type { Catalog, Operation } from '../../src/protocol/index.js'
import { shippedAws } from '../protocol/aws-fixture.js'

const HOME = 'eu-west-1:111122223333'
const catalogs = new Map<string, Catalog>()

function described(name: string, args: JsonObject): Operation {
  const [service = ''] = name.split(':')
  const catalog = catalogs.get(service) ?? shippedAws(service)
  catalogs.set(service, catalog)
  const operation = catalog.describe('aws', { name, args, region: 'eu-west-1' })
  assert.ok(!operation.classes.includes('unknown'), name)
  return operation
}

function reached(effect: 'allow' | 'hold' | 'deny', ids: readonly string[], operation: Operation): Match {
  const resources = ids.map(id => ({ id }))
  return matchSelector({ effect, select: selectionOf({ resources }, 'aws'), except: null }, operation)
}

/** What a request says, and the ARN of the same thing as it is copied from the console. */
const COPIED: readonly (readonly [operation: string, args: JsonObject, arn: string])[] = [
  ['iam:DeleteRole', { RoleName: 'job' }, 'arn:aws:iam::111122223333:role/service-role/job'],
  ['iam:DeleteRole', { RoleName: 'job' }, 'arn:aws:iam::111122223333:role/job'],
  ['iam:DeleteUser', { UserName: 'jo' }, 'arn:aws:iam::111122223333:user/team/web/jo'],
  [
    'cloudformation:DeleteStack',
    { StackName: 'prod' },
    `arn:aws:cloudformation:${HOME}:stack/prod/0e1f2a3b-0000`,
  ],
  [
    'cloudformation:DeleteStack',
    { StackName: `arn:aws:cloudformation:${HOME}:stack/prod/0e1f2a3b-0000` },
    `arn:aws:cloudformation:${HOME}:stack/prod`,
  ],
  ['backup:DeleteFramework', { FrameworkName: 'rules' }, `arn:aws:backup:${HOME}:framework:rules-0e1f2a3b`],
  ['logs:DeleteLogGroup', { logGroupName: '/prod' }, `arn:aws:logs:${HOME}:log-group:/prod:*`],
  ['ecs:DeleteService', { service: 'web' }, `arn:aws:ecs:${HOME}:service/default/web`],
  ['ecs:RunTask', { taskDefinition: 'job:1' }, `arn:aws:ecs:${HOME}:cluster/default`],
  [
    'ecs:DeleteService',
    { cluster: 'prod', service: `arn:aws:ecs:${HOME}:service/web` },
    `arn:aws:ecs:${HOME}:service/prod/web`,
  ],
  ['lambda:DeleteFunction', { FunctionName: 'pay', Qualifier: '3' }, `arn:aws:lambda:${HOME}:function:pay:3`],
  ['lambda:DeleteFunction', { FunctionName: '111122223333:pay' }, `arn:aws:lambda:${HOME}:function:pay`],
  ['lambda:DeleteFunction', { FunctionName: `${HOME}:function:pay` }, `arn:aws:lambda:${HOME}:function:pay`],
  [
    'sqs:PurgeQueue',
    { QueueUrl: 'https://sqs.eu-west-1.amazonaws.com/111122223333/jobs/' },
    `arn:aws:sqs:${HOME}:jobs`,
  ],
  [
    'secretsmanager:DeleteSecret',
    { SecretId: `arn:aws:secretsmanager:${HOME}:secret:my-secret` },
    `arn:aws:secretsmanager:${HOME}:secret:my-secret-AbCdEf`,
  ],
  [
    'stepfunctions:StartExecution',
    { stateMachineArn: `arn:aws:states:${HOME}:stateMachine:pay:live` },
    `arn:aws:states:${HOME}:stateMachine:pay`,
  ],
  [
    'wafv2:DeleteWebACL',
    { Name: 'shop', Id: '5f1e', Scope: 'REGIONAL', LockToken: 't' },
    `arn:aws:wafv2:${HOME}:regional/webacl/shop/5f1e`,
  ],
  [
    'ssm:SendCommand',
    { DocumentName: 'AWS-RunShellScript', Targets: [{ Key: 'InstanceIds', Values: ['i-1'] }] },
    `arn:aws:ec2:${HOME}:instance/i-1`,
  ],
  ['sagemaker:DeleteEndpoint', { EndpointName: 'Ranking' }, `arn:aws:sagemaker:${HOME}:endpoint/ranking`],
  ['s3:DeleteObject', { Bucket: `arn:aws:s3:${HOME}:accesspoint/point`, Key: 'a/b' }, 'arn:aws:s3:::prod/*'],
  ['s3:DeleteObject', { Bucket: 'point-x1y2z3-s3alias', Key: 'a:b' }, 'arn:aws:s3:::prod/a:b'],
  [
    's3:CopyObject',
    { Bucket: 'dev', Key: 'k', CopySource: `arn:aws:s3:${HOME}:accesspoint/point/object/a` },
    'arn:aws:s3:::prod/*',
  ],
  ['s3:CopyObject', { Bucket: 'dev', Key: 'k', CopySource: '/prod/a+b' }, 'arn:aws:s3:::prod/*'],
]

describe('attack: a thing by another of its names, past a rule that names its ARN', () => {
  for (const [name, args, arn] of COPIED)
    it(`${name} ${JSON.stringify(args)} is ${arn}`, () => {
      const operation = described(name, args)
      assert.equal(reached('deny', [arn], operation), 'yes')
      assert.notEqual(reached('hold', [arn], operation), 'no')
    })

  it('leaves an allow by the name alone what it was', () => {
    const role = described('iam:DeleteRole', { RoleName: 'job' })
    assert.equal(reached('allow', ['arn:aws:iam::111122223333:role/job'], role), 'yes')
    assert.equal(reached('allow', ['arn:aws:iam::111122223333:role/service-role/job'], role), 'no')
    const point = described('s3:GetObject', { Bucket: `arn:aws:s3:${HOME}:accesspoint/point`, Key: 'a' })
    assert.equal(reached('allow', [`arn:aws:s3:${HOME}:accesspoint/point/*`], point), 'yes')
    assert.equal(reached('allow', ['arn:aws:s3:::prod/*'], point), 'no')
  })

  it('doesn’t take one name for another', () => {
    const role = described('iam:DeleteRole', { RoleName: 'job' })
    assert.equal(reached('deny', ['arn:aws:iam::111122223333:role/otherjob'], role), 'no')
    const stack = described('cloudformation:DeleteStack', { StackName: 'prod' })
    assert.equal(reached('deny', [`arn:aws:cloudformation:${HOME}:stack/prod-2/0e1f`], stack), 'no')
    const ended = described('s3:DeleteObject', { Bucket: 'prod', Key: 'a' })
    assert.equal(reached('deny', ['arn:aws:s3:::dev/*'], ended), 'no')
  })
})

describe('attack: a second resource beside the one that a hold names', () => {
  const instance = (id: string): string => `arn:aws:ec2:${HOME}:instance/${id}`

  it('is barred, and not let pass by that hold', () => {
    const both = described('ec2:TerminateInstances', { InstanceIds: ['i-dev', 'i-prod'] })
    assert.equal(reached('hold', [instance('i-prod')], both), 'partly')
    assert.equal(reached('hold', [instance('i-*')], both), 'yes')
    assert.equal(reached('hold', [instance('i-other')], both), 'no')
  })
})

describe('attack: a hold of one key, and an alias of another that nobody is asked about', () => {
  const encrypt = described('kms:Encrypt', { KeyId: 'alias/pay', Plaintext: 'x' })

  it('bars it, and lets it pass only where it names the alias or all that it may be', () => {
    assert.equal(reached('hold', [`arn:aws:kms:${HOME}:key/0e1f2a3b`], encrypt), 'partly')
    assert.equal(reached('hold', [`arn:aws:kms:${HOME}:key/0e*`], encrypt), 'partly')
    assert.equal(reached('hold', [`arn:aws:kms:${HOME}:alias/pay`], encrypt), 'yes')
    assert.equal(reached('hold', [`arn:aws:kms:${HOME}:key/*`], encrypt), 'yes')
    assert.equal(reached('deny', [`arn:aws:kms:${HOME}:key/0e1f2a3b`], encrypt), 'yes')
  })
})
