import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { JsonObject } from '../../src/canon/index.js'
import { type Match, matchSelector, selectionOf } from '../../src/policy/match.js'
import { shippedAws } from './aws-fixture.js'

const HOME = 'eu-west-1:111122223333'

function reached(effect: 'allow' | 'hold' | 'deny', arn: string, name: string, args: JsonObject): Match {
  const catalog = shippedAws(name.split(':')[0] as string)
  const operation = catalog.describe('aws', { name, args, region: 'eu-west-1' })
  assert.ok(!operation.classes.includes('unknown'), name)
  const select = selectionOf({ resources: [{ id: arn }] }, 'aws')
  return matchSelector({ effect, select, except: null }, operation)
}

const ec2 = (rest: string): string => `arn:aws:ec2:${HOME}:${rest}`
const SUBNET = ec2('subnet/subnet-0a1b2c3d4e5f60718')
const GROUP = ec2('security-group/sg-0a1b2c3d4e5f60718')
const BALANCER = `arn:aws:elasticloadbalancing:${HOME}:loadbalancer/app/shop/50dc6c495c0c9188`
const LISTENER = `arn:aws:elasticloadbalancing:${HOME}:listener/app/shop/50dc6c495c0c9188/f2f7dc8efc522ab2`
const HARMLESS = { ImageId: 'ami-0a1b2c3d4e5f60718', SecurityGroupIds: ['sg-0ffffffffffffffff'] }

/** What names the thing, in a place or by a name that isn't its ARN's. */
const MET: readonly (readonly [operation: string, args: JsonObject, arn: string])[] = [
  [
    'ec2:RunInstances',
    { ...HARMLESS, NetworkInterfaces: [{ SubnetId: 'subnet-0a1b2c3d4e5f60718' }] },
    SUBNET,
  ],
  ['ec2:RunInstances', { ...HARMLESS }, SUBNET],
  ['ec2:RunInstances', { ...HARMLESS, NetworkInterfaces: [{ Groups: ['sg-0a1b2c3d4e5f60718'] }] }, GROUP],
  ['ec2:RunInstances', { ...HARMLESS, SecurityGroups: ['prod'] }, GROUP],
  ['ec2:DeleteSecurityGroup', { GroupName: 'prod' }, GROUP],
  ['ec2:DeleteSecurityGroup', { GroupId: 'sg-0ffffffffffffffff', GroupName: 'prod' }, GROUP],
  [
    'elasticbeanstalk:TerminateEnvironment',
    { EnvironmentId: 'e-abcdefghij' },
    `arn:aws:elasticbeanstalk:${HOME}:environment/shop/prod`,
  ],
  ['mq:DeleteBroker', { BrokerId: 'b-1234' }, `arn:aws:mq:${HOME}:broker:prod:b-1234`],
  ['mq:DeleteBroker', { BrokerId: 'b-1234' }, `arn:aws:mq:${HOME}:broker:prod:*`],
  ['rds:DeleteDBProxy', { DBProxyName: 'prod' }, `arn:aws:rds:${HOME}:db-proxy:prx-0123456789`],
  [
    'rds:RestoreDBInstanceToPointInTime',
    { SourceDbiResourceId: 'db-ABCDEFGH', TargetDBInstanceIdentifier: 'copy' },
    `arn:aws:rds:${HOME}:db:prod`,
  ],
  ['elbv2:DeleteListener', { ListenerArn: LISTENER }, BALANCER],
  [
    'elbv2:DeleteRule',
    { RuleArn: `${LISTENER.replace('listener/', 'listener-rule/')}/9683b2d02a6cabee` },
    BALANCER,
  ],
  [
    'elbv2:DeleteRule',
    { RuleArn: `${LISTENER.replace('listener/', 'listener-rule/')}/9683b2d02a6cabee` },
    LISTENER,
  ],
  ['ecs:RunTask', { taskDefinition: 'job:1', cluster: 'prod' }, `arn:aws:ecs:${HOME}:cluster/prod`],
  [
    'lambda:CreateFunction',
    {
      FunctionName: 'job',
      Role: 'arn:aws:iam::111122223333:role/job',
      VpcConfig: { SubnetIds: ['subnet-0a1b2c3d4e5f60718'] },
    },
    SUBNET,
  ],
]

/** One thing, written as a request or another service writes it. */
const WRITTEN_OTHERWISE: typeof MET = [
  [
    'logs:FilterLogEvents',
    { logGroupIdentifier: `arn:aws:logs:${HOME}:log-group:/prod:*` },
    `arn:aws:logs:${HOME}:log-group:/prod`,
  ],
  ['route53:DeleteHostedZone', { Id: '/hostedzone/Z1' }, 'arn:aws:route53:::hostedzone/Z1'],
  ['ec2:DeleteSnapshot', { SnapshotId: 'snap-1' }, ec2('snapshot/snap-1')],
  ['ec2:DeregisterImage', { ImageId: 'ami-1' }, ec2('image/ami-1')],
  ['iam:DeleteUser', { UserName: 'JO' }, 'arn:aws:iam::111122223333:user/jo'],
  [
    'ssm:GetParameter',
    { Name: '/aws/reference/secretsmanager/prod' },
    `arn:aws:secretsmanager:${HOME}:secret:prod-AbCdEf`,
  ],
  [
    'stepfunctions:StopExecution',
    { executionArn: `arn:aws:states:${HOME}:execution:pay:1` },
    `arn:aws:states:${HOME}:stateMachine:pay`,
  ],
  [
    'elbv2:DeregisterTargets',
    {
      TargetGroupArn: `arn:aws:elasticloadbalancing:${HOME}:targetgroup/web/1`,
      Targets: [{ Id: 'i-0a1b2c3d4e5f60718' }],
    },
    ec2('instance/i-0a1b2c3d4e5f60718'),
  ],
]

/** Another thing of the kind, or none of it. */
const MISSED: typeof MET = [
  ['ec2:RunInstances', { ...HARMLESS, SubnetId: 'subnet-0ffffffffffffffff' }, SUBNET],
  [
    'ec2:RunInstances',
    {
      ...HARMLESS,
      SubnetId: 'subnet-0ffffffffffffffff',
      NetworkInterfaces: [{ SubnetId: 'subnet-0ffffffffffffffff', DeviceIndex: 0, Description: 'subnet' }],
    },
    SUBNET,
  ],
  ['ec2:RunInstances', { ...HARMLESS, SubnetId: 'subnet-0ffffffffffffffff' }, ec2('instance/i-0prod')],
  [
    'ec2:RunInstances',
    { ...HARMLESS, SubnetId: 'subnet-0ffffffffffffffff', SecurityGroups: ['web'] },
    ec2('instance/i-0prod'),
  ],
  ['ec2:RunInstances', { ...HARMLESS, SecurityGroups: ['web'] }, 'arn:aws:s3:::prod/*'],
  ['ec2:TerminateInstances', { InstanceIds: ['i-1'] }, ec2('instance/i-2')],
  ['ec2:TerminateInstances', { InstanceIds: ['i-1'] }, 'arn:aws:ec2:*:*:subnet/*'],
  [
    'elasticbeanstalk:TerminateEnvironment',
    { EnvironmentName: 'dev' },
    `arn:aws:elasticbeanstalk:${HOME}:environment/shop/prod`,
  ],
  ['mq:DeleteBroker', { BrokerId: 'b-1234' }, `arn:aws:mq:${HOME}:broker:prod:b-9999`],
  ['elbv2:DeleteListener', { ListenerArn: LISTENER }, BALANCER.replace('shop', 'site')],
  ['s3:PutObject', { Bucket: 'dev', Key: 'a' }, 'arn:aws:s3:::prod/*'],
  [
    'lambda:CreateFunction',
    {
      FunctionName: 'job',
      Role: 'arn:aws:iam::111122223333:role/job',
      VpcConfig: { SubnetIds: ['subnet-0ffffffffffffffff'] },
    },
    SUBNET,
  ],
]

describe('attack: a thing from a place that makes no ARN, past a rule that names its ARN', () => {
  for (const [name, args, arn] of [...MET, ...WRITTEN_OTHERWISE])
    it(`${name} ${JSON.stringify(args)} may be ${arn}`, () => {
      assert.equal(reached('deny', arn, name, args), 'yes')
      assert.notEqual(reached('hold', arn, name, args), 'no')
      assert.equal(reached('allow', arn, name, args), 'no')
    })

  for (const [name, args, arn] of MISSED)
    it(`${name} ${JSON.stringify(args)} is not ${arn}`, () => {
      assert.equal(reached('deny', arn, name, args), 'no')
      assert.equal(reached('hold', arn, name, args), 'no')
    })

  it('another account’s things of the service are in its account', () => {
    const args = { AwsAccountId: '999999999999', DashboardId: 'sales' }
    const of = (account: string) => `arn:aws:quicksight:eu-west-1:${account}:dashboard/sales`
    assert.equal(reached('deny', of('999999999999'), 'quicksight:DeleteDashboard', args), 'yes')
    assert.equal(
      reached('deny', of('999999999999'), 'quicksight:DeleteDashboard', {
        ...args,
        AwsAccountId: '111122223333',
      }),
      'no',
    )
  })

  it('more of them than anybody needs may be anything', () => {
    const many = Array.from({ length: 1_001 }, (_, i) => ({ SubnetId: `subnet-${i}` }))
    const args = { ...HARMLESS, NetworkInterfaces: many }
    assert.equal(reached('deny', 'arn:aws:s3:::prod', 'ec2:RunInstances', args), 'yes')
  })
})
