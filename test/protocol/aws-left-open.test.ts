import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { JsonObject } from '../../src/canon/index.js'
import { type Match, matchSelector, selectionOf } from '../../src/policy/match.js'
import { shippedAws } from './aws-fixture.js'

const HOME = 'eu-west-1:111122223333'

function reached(
  effect: 'allow' | 'hold' | 'deny',
  arn: string,
  name: string,
  args: JsonObject,
  type?: string,
): Match {
  const catalog = shippedAws(name.split(':')[0] as string)
  const operation = catalog.describe('aws', { name, args, region: 'eu-west-1' })
  assert.ok(!operation.classes.includes('unknown'), name)
  const select = selectionOf({ resources: [type === undefined ? { id: arn } : { type, id: arn }] }, 'aws')
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

const ALIAS_ARN = `arn:aws:kms:${HOME}:alias/pay`
const TABLE = `arn:aws:dynamodb:${HOME}:table/orders`
const TOLD = { ServiceNamespace: 'ecs', ScalableDimension: 'ecs:service:DesiredCount' }
const DATABASE = `arn:aws:rds:${HOME}:db:prod`
const CLUSTER = `arn:aws:ecs:${HOME}:cluster/prod`
const FUNCTION = `arn:aws:lambda:${HOME}:function:pay`
const STACK = `arn:aws:cloudformation:${HOME}:stack/prod/*`
const ZONE = 'arn:aws:route53:::hostedzone/Z1'
const KEY = `arn:aws:kms:${HOME}:key/0e1f2a3b-4c5d-4e6f-8a9b-0c1d2e3f4a5b`
const ADMIN = 'arn:aws:iam::111122223333:role/admin'
const FROM_S3 = { FunctionName: 'job', S3Bucket: 'builds', S3Key: 'job.zip' }
const FROM_IMAGE = {
  FunctionName: 'job',
  ImageUri: '111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/job:7',
}
const TASK = {
  cluster: 'dev',
  taskDefinition: 'job:1',
  group: 'nightly',
  overrides: { containerOverrides: [{ name: 'job', environment: [{ name: 'A', value: 'b' }] }] },
}
const ALIAS_RECORD = {
  HostedZoneId: 'Z2',
  ChangeBatch: {
    Changes: [
      {
        Action: 'UPSERT',
        ResourceRecordSet: {
          Name: 'dev.acme.com',
          Type: 'A',
          AliasTarget: { HostedZoneId: 'Z2FDTNDATAQYW2', DNSName: 'd1.cloudfront.net' },
        },
      },
    ],
  },
}

/** What belongs to a thing, or stands for it, under an id or an ARN of its own. */
const PARTS: typeof MET = [
  ['rds:DeleteDBInstanceAutomatedBackup', { DbiResourceId: 'db-ABCDEFGH' }, DATABASE],
  [
    'rds:DeleteDBInstanceAutomatedBackup',
    { DBInstanceAutomatedBackupsArn: `arn:aws:rds:${HOME}:auto-backup:ab-1` },
    DATABASE,
  ],
  [
    'rds:DeleteDBInstanceAutomatedBackup',
    { DbiResourceId: 'db-ABCDEFGH' },
    `arn:aws:rds:${HOME}:auto-backup:ab-1`,
  ],
  [
    'rds:DeleteDBClusterAutomatedBackup',
    { DbClusterResourceId: 'cluster-ABC' },
    `arn:aws:rds:${HOME}:cluster:prod`,
  ],
  [
    'rds:DeleteDBClusterAutomatedBackup',
    { DbClusterResourceId: 'cluster-ABC' },
    `arn:aws:rds:${HOME}:cluster-auto-backup:ab-1`,
  ],
  ['dynamodb:DeleteBackup', { BackupArn: `${TABLE}/backup/0123-4567` }, TABLE],
  ['dynamodb:RestoreTableFromBackup', { TargetTableName: 'copy', BackupArn: `${TABLE}/backup/0123` }, TABLE],
  [
    'backup:DeleteRecoveryPoint',
    { BackupVaultName: 'v', RecoveryPointArn: `${TABLE}/backup/0123-4567` },
    TABLE,
  ],
  ['dynamodbstreams:GetShardIterator', { StreamArn: `${TABLE}/stream/2026`, ShardId: 's' }, TABLE],
  [
    'redshift:DeleteClusterSnapshot',
    { SnapshotIdentifier: 's', SnapshotClusterIdentifier: 'prod' },
    `arn:aws:redshift:${HOME}:cluster:prod`,
  ],
  ['redshift:DeleteClusterSnapshot', { SnapshotIdentifier: 's' }, `arn:aws:redshift:${HOME}:cluster:prod`],
  [
    'logs:DeleteLogStream',
    { logGroupName: '/prod', logStreamName: 'a' },
    `arn:aws:logs:${HOME}:log-group:/prod`,
  ],
  [
    'kinesis:DeregisterStreamConsumer',
    { ConsumerARN: `arn:aws:kinesis:${HOME}:stream/orders/consumer/c:1` },
    `arn:aws:kinesis:${HOME}:stream/orders`,
  ],
  [
    'ecs:DeleteTaskSet',
    { cluster: 'prod', service: 'web', taskSet: 'ecs-svc/1' },
    `arn:aws:ecs:${HOME}:service/prod/web`,
  ],
  [
    'application-autoscaling:RegisterScalableTarget',
    { ...TOLD, ResourceId: 'service/prod/web', MaxCapacity: 0 },
    `arn:aws:ecs:${HOME}:service/prod/web`,
  ],
  [
    'application-autoscaling:DeregisterScalableTarget',
    { ...TOLD, ResourceId: 'service/prod/web' },
    `arn:aws:application-autoscaling:${HOME}:scalable-target/0ec51c0f`,
  ],
  ...(
    [
      ['table/orders', TABLE],
      ['table/orders/index/by-day', TABLE],
      ['cluster:prod', `arn:aws:rds:${HOME}:cluster:prod`],
      ['function:pay:live', `arn:aws:lambda:${HOME}:function:pay`],
      ['replication-group/prod', `arn:aws:elasticache:${HOME}:replicationgroup:prod`],
      ['endpoint/prod/variant/a', `arn:aws:sagemaker:${HOME}:endpoint/prod`],
      ['keyspace/k/table/t', `arn:aws:cassandra:${HOME}:/keyspace/k/table/t`],
    ] as const
  ).map(([id, arn]): (typeof MET)[number] => [
    'application-autoscaling:DeleteScalingPolicy',
    { ...TOLD, PolicyName: 'p', ResourceId: id },
    arn,
  ]),
  [
    'apigateway:DeleteStage',
    { restApiId: 'a1', stageName: 'prod' },
    'arn:aws:apigateway:eu-west-1::/restapis/a1',
  ],
  [
    'redshift:RestoreFromClusterSnapshot',
    { ClusterIdentifier: 'copy', SnapshotIdentifier: 's', SnapshotClusterIdentifier: 'prod' },
    `arn:aws:redshift:${HOME}:snapshot:prod/s`,
  ],
  ['ec2:DetachVolume', { VolumeId: 'vol-1' }, ec2('instance/i-0prod')],
  ['ec2:ReplaceRouteTableAssociation', { AssociationId: 'rtbassoc-0a', RouteTableId: 'rtb-1' }, SUBNET],
  [
    'ec2:ReplaceRouteTableAssociation',
    { AssociationId: 'rtbassoc-0a', RouteTableId: 'rtb-1' },
    ec2('route-table/rtb-0prod'),
  ],
]

const ORGANISATION = 'arn:aws:organizations::111122223333'
/** Named by an alias, a version or a name that another service, an attribute or a host holds. */
const ELSEWHERE: typeof MET = [
  ...(
    [
      ['s3:PutObject', { Bucket: 'dev', Key: 'a', SSEKMSKeyId: ALIAS_ARN }],
      ['rds:CreateDBInstance', { DBInstanceIdentifier: 'dev', KmsKeyId: ALIAS_ARN }],
      ['sqs:CreateQueue', { QueueName: 'dev', Attributes: { KmsMasterKeyId: 'alias/pay' } }],
      ['sqs:CreateQueue', { QueueName: 'dev', Attributes: { KmsMasterKeyId: KEY.slice(-36) } }],
      [
        'sns:SetTopicAttributes',
        {
          TopicArn: `arn:aws:sns:${HOME}:dev`,
          AttributeName: 'KmsMasterKeyId',
          AttributeValue: 'alias/pay',
        },
      ],
    ] as const
  ).map(([name, args]): (typeof MET)[number] => [name, args, KEY]),
  [
    'sqs:SetQueueAttributes',
    {
      QueueUrl: 'https://sqs.eu-west-1.amazonaws.com/111122223333/dev',
      Attributes: { RedrivePolicy: `{"deadLetterTargetArn":"arn:aws:sqs:${HOME}:prod"}` },
    },
    `arn:aws:sqs:${HOME}:prod`,
  ],
  ['events:PutTargets', { Rule: 'r', Targets: [{ Id: '1', Arn: `${FUNCTION}:live` }] }, FUNCTION],
  [
    'events:PutTargets',
    {
      Rule: 'r',
      Targets: [
        {
          Id: '1',
          Arn: `arn:aws:ecs:${HOME}:cluster/dev`,
          EcsParameters: { TaskDefinitionArn: `arn:aws:ecs:${HOME}:task-definition/admin` },
        },
      ],
    },
    `arn:aws:ecs:${HOME}:task-definition/admin:3`,
  ],
  ...['admin', 'admin:3'].map((taskDefinition): (typeof MET)[number] => [
    'ecs:UpdateService',
    { cluster: 'dev', service: 'web', taskDefinition },
    `arn:aws:ecs:${HOME}:task-definition/admin:3`,
  ]),
  ...['admin', 'admin:1'].map((jobDefinition): (typeof MET)[number] => [
    'batch:SubmitJob',
    { jobName: 'j', jobQueue: 'dev', jobDefinition },
    `arn:aws:batch:${HOME}:job-definition/admin:1`,
  ]),
  [
    'cloudformation:DeleteStackSet',
    { StackSetName: 'prod' },
    `arn:aws:cloudformation:${HOME}:stackset/prod:0e1f2a3b`,
  ],
  [
    'lambda:UpdateFunctionCode',
    { ...FROM_IMAGE, ImageUri: FROM_IMAGE.ImageUri.replace('dkr.ecr', 'DKR.ECR') },
    `arn:aws:ecr:${HOME}:repository/team/job`,
  ],
  [
    'cloudfront:UpdateDistribution',
    {
      Id: 'E1',
      DistributionConfig: {
        Origins: { Items: [{ Id: 'o', DomainName: 'prod.s3.eu-west-1.amazonaws.com' }] },
      },
    },
    'arn:aws:s3:::prod',
  ],
  ['lambda:DeleteFunction', { FunctionName: `arn:aws:lambda:${HOME}:pay` }, FUNCTION],
  [
    'organizations:DeletePolicy',
    { PolicyId: 'p-1234' },
    `${ORGANISATION}:policy/o-1/service_control_policy/p-1234`,
  ],
  [
    'organizations:DeleteOrganizationalUnit',
    { OrganizationalUnitId: 'ou-ab-1' },
    `${ORGANISATION}:ou/o-1/ou-ab-1`,
  ],
  [
    'organizations:DetachPolicy',
    { PolicyId: 'p-1', TargetId: '222233334444' },
    `${ORGANISATION}:account/o-1/222233334444`,
  ],
  [
    'organizations:DetachPolicy',
    { PolicyId: 'p-1', TargetId: '111122223333' },
    `${ORGANISATION}:account/o-1/111122223333`,
  ],
  [
    'elbv2:DeregisterTargets',
    {
      TargetGroupArn: `arn:aws:elasticloadbalancing:${HOME}:targetgroup/web/1`,
      Targets: [{ Id: 'I-0A1B2C3D4E5F60718' }],
    },
    ec2('instance/i-0a1b2c3d4e5f60718'),
  ],
]

/** The same of another thing. */
const OTHERS_PARTS: typeof MET = [
  ['dynamodb:DeleteBackup', { BackupArn: `${TABLE}-2/backup/0123-4567` }, TABLE],
  [
    'redshift:DeleteClusterSnapshot',
    { SnapshotIdentifier: 's', SnapshotClusterIdentifier: 'dev' },
    `arn:aws:redshift:${HOME}:cluster:prod`,
  ],
  [
    'application-autoscaling:RegisterScalableTarget',
    { ...TOLD, ResourceId: 'service/dev/web', MaxCapacity: 0 },
    `arn:aws:ecs:${HOME}:service/prod/web`,
  ],
  [
    'apigateway:DeleteStage',
    { restApiId: 'a1', stageName: 'dev' },
    'arn:aws:apigateway:eu-west-1::/restapis/a1/stages/prod',
  ],
  ['ec2:DetachVolume', { VolumeId: 'vol-1', InstanceId: 'i-0dev' }, ec2('instance/i-0prod')],
  [
    'ecs:UpdateService',
    { cluster: 'dev', service: 'web', taskDefinition: 'web:3' },
    `arn:aws:ecs:${HOME}:task-definition/admin:3`,
  ],
  ['ecs:UpdateService', { cluster: 'dev', service: 'web', taskDefinition: 'web' }, CLUSTER],
  [
    'ecs:UpdateService',
    { cluster: 'dev', service: 'web', taskDefinition: 'web' },
    'arn:aws:ecs:*:task-definition/admin*',
  ],
  [
    'sqs:SetQueueAttributes',
    {
      QueueUrl: 'https://sqs.eu-west-1.amazonaws.com/111122223333/dev',
      Attributes: { VisibilityTimeout: '30', RedrivePolicy: 'no JSON' },
    },
    KEY,
  ],
  ['events:PutTargets', { Rule: 'r', Targets: [{ Id: '1', Arn: `${FUNCTION}-2:live` }] }, FUNCTION],
]

/** Named by a name that its argument tells the kind of. */
const CALLED: typeof MET = [
  ['s3:PutObject', { Bucket: 'dev', Key: 'a', SSEKMSKeyId: 'alias/pay' }, KEY],
  ['s3:PutObject', { Bucket: 'dev', Key: 'a', SSEKMSKeyId: KEY.slice(-36).toUpperCase() }, KEY],
  ['ssm:PutParameter', { Name: '/dev/key', Value: 'v', KeyId: 'alias/pay' }, KEY],
  ['ssm:PutParameter', { Name: '/dev/key', Value: 'v', KeyId: KEY.slice(-36) }, KEY],
  ['lambda:UpdateFunctionCode', FROM_S3, 'arn:aws:s3:::builds/*'],
  ['lambda:UpdateFunctionCode', FROM_S3, 'arn:aws:s3:::builds'],
  ['lambda:UpdateFunctionCode', { ...FROM_S3, S3Bucket: 'point-x1-s3alias' }, 'arn:aws:s3:::builds'],
  ['lambda:UpdateFunctionCode', FROM_IMAGE, `arn:aws:ecr:${HOME}:repository/team/job`],
  ...[
    's3://builds/out/',
    'S3A://builds/out/',
    'https://builds.s3.eu-west-1.amazonaws.com/t.json',
    'https://s3.amazonaws.com/builds/t.json',
  ].flatMap((url): typeof MET => [
    [
      'athena:StartQueryExecution',
      { QueryString: 'SELECT 1', ResultConfiguration: { OutputLocation: url } },
      'arn:aws:s3:::builds/*',
    ],
    ['cloudformation:CreateStack', { StackName: 'dev', TemplateURL: url }, 'arn:aws:s3:::builds'],
  ]),
  ['ecs:RunTask', { ...TASK, cluster: 'prod' }, CLUSTER],
  ['rds:ModifyDBInstance', { DBInstanceIdentifier: 'dev', NewDBInstanceIdentifier: 'PROD' }, DATABASE],
  [
    'rds:ModifyDBInstance',
    { DBInstanceIdentifier: 'dev', DBParameterGroupName: 'shared' },
    `arn:aws:rds:${HOME}:pg:shared`,
  ],
  ['rds:ModifyDBInstance', { DBInstanceIdentifier: 'dev', DomainIAMRoleName: 'admin' }, ADMIN],
  [
    's3:PutBucketLogging',
    { Bucket: 'dev', BucketLoggingStatus: { LoggingEnabled: { TargetBucket: 'prod', TargetPrefix: 'l' } } },
    'arn:aws:s3:::prod',
  ],
  [
    'cloudformation:ExecuteChangeSet',
    { StackName: 'dev', ChangeSetName: 'c' },
    `arn:aws:cloudformation:${HOME}:changeSet/c/0e1f`,
  ],
  ['ec2:RunInstances', { ...HARMLESS, IamInstanceProfile: { Name: 'admin' } }, ADMIN],
  [
    'ec2:RunInstances',
    { ...HARMLESS, IamInstanceProfile: { Arn: 'arn:aws:iam::111122223333:instance-profile/web/admin' } },
    ADMIN,
  ],
  [
    'autoscaling:CreateAutoScalingGroup',
    { AutoScalingGroupName: 'dev', VPCZoneIdentifier: 'subnet-0ffffffffffffffff, subnet-0a1b2c3d4e5f60718' },
    SUBNET,
  ],
]

/** An ordinary day beside a production that is denied. */
const ORDINARY: typeof MET = [
  ['s3:PutObject', { Bucket: 'dev', Key: 'a', SSEKMSKeyId: 'alias/dev' }, 'arn:aws:s3:::prod/*'],
  [
    's3:PutBucketLifecycleConfiguration',
    {
      Bucket: 'dev',
      LifecycleConfiguration: { Rules: [{ ID: 'old', Status: 'Enabled', Filter: { Prefix: 'tmp/' } }] },
    },
    'arn:aws:s3:::prod',
  ],
  [
    's3:PutBucketNotificationConfiguration',
    {
      Bucket: 'dev',
      NotificationConfiguration: {
        QueueConfigurations: [{ QueueArn: `arn:aws:sqs:${HOME}:q`, Events: ['s3:ObjectCreated:*'] }],
      },
    },
    'arn:aws:s3:::prod',
  ],
  ['lambda:UpdateFunctionCode', FROM_S3, FUNCTION],
  ['lambda:UpdateFunctionCode', FROM_S3, 'arn:aws:s3:::prod'],
  ['lambda:UpdateFunctionCode', FROM_IMAGE, FUNCTION],
  [
    'lambda:AddPermission',
    { FunctionName: 'job', StatementId: 's', Action: 'lambda:InvokeFunction', Principal: 's3.amazonaws.com' },
    FUNCTION,
  ],
  ['ecs:RunTask', TASK, CLUSTER],
  ['cloudformation:CreateChangeSet', { StackName: 'dev', ChangeSetName: 'c' }, STACK],
  [
    'cloudformation:CreateStack',
    { StackName: 'dev', TemplateURL: 'https://builds.s3.eu-west-1.amazonaws.com/t.json' },
    STACK,
  ],
  [
    'athena:StartQueryExecution',
    { QueryString: 'SELECT 1', WorkGroup: 'dev', ResultConfiguration: { OutputLocation: 's3://builds/' } },
    'arn:aws:s3:::prod/*',
  ],
  ['cloudformation:ExecuteChangeSet', { StackName: 'dev', ChangeSetName: 'c' }, STACK],
  [
    'rds:ModifyDBInstance',
    { DBInstanceIdentifier: 'dev', DBParameterGroupName: 'pg', CACertificateIdentifier: 'rds-ca-rsa2048-g1' },
    DATABASE,
  ],
  [
    'rds:ModifyDBInstance',
    { DBInstanceIdentifier: 'dev', NewDBInstanceIdentifier: 'dev-2', OptionGroupName: 'og' },
    DATABASE,
  ],
  ['eks:DeleteAddon', { clusterName: 'dev', addonName: 'dns' }, `arn:aws:eks:${HOME}:cluster/prod`],
  ['route53:ChangeResourceRecordSets', ALIAS_RECORD, ZONE],
  [
    'secretsmanager:UpdateSecret',
    { SecretId: 'dev', KmsKeyId: 'alias/dev' },
    `arn:aws:secretsmanager:${HOME}:secret:prod-AbCdEf`,
  ],
  [
    'dynamodb:CreateTable',
    { TableName: 'dev', SSESpecification: { KMSMasterKeyId: 'alias/dev' } },
    `arn:aws:dynamodb:${HOME}:table/prod`,
  ],
  [
    'cloudwatch:PutMetricAlarm',
    { AlarmName: 'dev', Dimensions: [{ Name: 'InstanceId', Value: 'i-1' }] },
    `arn:aws:cloudwatch:${HOME}:alarm:prod`,
  ],
  [
    'autoscaling:CreateAutoScalingGroup',
    {
      AutoScalingGroupName: 'dev',
      LaunchTemplate: { LaunchTemplateName: 'web' },
      VPCZoneIdentifier: 'subnet-0ffffffffffffffff,subnet-0eeeeeeeeeeeeeeee',
    },
    `arn:aws:autoscaling:${HOME}:autoScalingGroup:*:autoScalingGroupName/prod`,
  ],
  ['ec2:RunInstances', { ...HARMLESS, IamInstanceProfile: { Name: 'web' } }, ADMIN],
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

const PAY = `arn:aws:lambda:${HOME}:function:pay`
const SNAPSHOT = 'arn:aws:ec2:eu-west-1::snapshot/snap-0a1b2c3d4e5f60718'
/** Goes with what is named, or is called after it. */
const ALONG: typeof MET = [
  ['lambda:DeleteAlias', { FunctionName: 'pay', Name: 'live' }, `${PAY}:live`],
  ['lambda:UpdateAlias', { FunctionName: 'pay', Name: 'live', FunctionVersion: '1' }, `${PAY}:live`],
  ['lambda:DeleteFunction', { FunctionName: 'pay' }, `${PAY}:live`],
  ['lambda:UpdateFunctionCode', { FunctionName: 'pay', ZipFile: 'x' }, `${PAY}:$LATEST`],
  ['ec2:DeregisterImage', { ImageId: 'ami-0a1b2c3d4e5f60718', DeleteAssociatedSnapshots: true }, SNAPSHOT],
  ['ec2:DeleteFleets', { FleetIds: ['fleet-1'], TerminateInstances: true }, ec2('instance/i-0prod')],
  [
    'rds:RestoreDBClusterFromSnapshot',
    { DBClusterIdentifier: 'copy', SnapshotIdentifier: 's' },
    `arn:aws:rds:${HOME}:snapshot:s`,
  ],
  [
    'rds:RestoreDBInstanceToPointInTime',
    {
      TargetDBInstanceIdentifier: 'copy',
      SourceDBInstanceAutomatedBackupsArn: `arn:aws:rds:${HOME}:auto-backup:ab-1`,
    },
    `arn:aws:rds:${HOME}:db:prod`,
  ],
  [
    'rds:DeleteBlueGreenDeployment',
    { BlueGreenDeploymentIdentifier: 'bgd-1', DeleteTarget: true },
    `arn:aws:rds:${HOME}:db:prod`,
  ],
  [
    'rds:SwitchoverBlueGreenDeployment',
    { BlueGreenDeploymentIdentifier: 'bgd-1' },
    `arn:aws:rds:${HOME}:cluster:prod`,
  ],
  [
    'redshift:ModifyClusterSnapshot',
    { SnapshotIdentifier: 's', ManualSnapshotRetentionPeriod: 1 },
    `arn:aws:redshift:${HOME}:cluster:prod`,
  ],
  [
    'elasticache:DeleteReplicationGroup',
    { ReplicationGroupId: 'prod' },
    `arn:aws:elasticache:${HOME}:cluster:prod-001`,
  ],
  [
    'elasticache:DeleteCacheCluster',
    { CacheClusterId: 'prod-0001-002' },
    `arn:aws:elasticache:${HOME}:replicationgroup:prod`,
  ],
  [
    'dynamodb:UpdateTable',
    { TableName: 'orders', ReplicaUpdates: [{ Delete: { RegionName: 'us-east-1' } }] },
    TABLE.replace('eu-west-1', 'us-east-1'),
  ],
  [
    'secretsmanager:RemoveRegionsFromReplication',
    { SecretId: 'prod', RemoveReplicaRegions: ['us-east-1'] },
    'arn:aws:secretsmanager:us-east-1:111122223333:secret:prod-AbCdEf',
  ],
  [
    's3:PutBucketLifecycleConfiguration',
    { Bucket: 'prod', LifecycleConfiguration: {} },
    'arn:aws:s3:::prod/*',
  ],
  [
    'firehose:CreateDeliveryStream',
    { DeliveryStreamName: 'x', S3DestinationConfiguration: { BucketARN: 'arn:aws:s3:::prod' } },
    'arn:aws:s3:::prod/*',
  ],
  [
    'cloudfront:DeleteKeyValueStore',
    { Name: 'prod', IfMatch: 'x' },
    'arn:aws:cloudfront::111122223333:key-value-store/0e1f2a3b-4c5d-6e7f-8091-a2b3c4d5e6f7',
  ],
  ['apigateway:DeleteRestApi', { restApiId: 'a1' }, 'arn:aws:apigateway:eu-west-1::/restapis/a1/stages/prod'],
  [
    'kinesis:DeleteStream',
    { StreamName: 'orders', EnforceConsumerDeletion: true },
    `arn:aws:kinesis:${HOME}:stream/orders/consumer/c:1`,
  ],
  ['scheduler:DeleteScheduleGroup', { Name: 'g' }, `arn:aws:scheduler:${HOME}:schedule/g/nightly`],
  ['transfer:DeleteServer', { ServerId: 's-1' }, `arn:aws:transfer:${HOME}:user/s-1/maria`],
  [
    'kms:ReEncrypt',
    { CiphertextBlob: 'x', DestinationKeyId: '0fffffff-4c5d-6e7f-8091-a2b3c4d5e6f7' },
    `arn:aws:kms:${HOME}:key/0e1f2a3b-4c5d-6e7f-8091-a2b3c4d5e6f7`,
  ],
]

const OTHERS_ALONG: typeof MET = [
  ['lambda:DeleteAlias', { FunctionName: 'pay', Name: 'dev' }, `${PAY}:live`],
  ['lambda:DeleteFunction', { FunctionName: 'pay', Qualifier: '1' }, `${PAY}:2`],
  ['lambda:DeleteFunction', { FunctionName: 'pay:1' }, `${PAY}:2`],
  ['lambda:Invoke', { FunctionName: 'pay' }, `${PAY}:live`],
  ['ec2:DeregisterImage', { ImageId: 'ami-0a1b2c3d4e5f60718' }, SNAPSHOT],
  ['ec2:DeregisterImage', { ImageId: 'ami-0a1b2c3d4e5f60718', DeleteAssociatedSnapshots: false }, SNAPSHOT],
  ['rds:DeleteDBClusterSnapshot', { DBClusterSnapshotIdentifier: 's' }, `arn:aws:rds:${HOME}:snapshot:s`],
  [
    'elasticache:DeleteReplicationGroup',
    { ReplicationGroupId: 'dev' },
    `arn:aws:elasticache:${HOME}:cluster:prod-001`,
  ],
  [
    's3:PutBucketLifecycleConfiguration',
    { Bucket: 'dev', LifecycleConfiguration: {} },
    'arn:aws:s3:::prod/*',
  ],
  [
    'dynamodb:UpdateTable',
    { TableName: 'orders', ReplicaUpdates: [{ Delete: { RegionName: 'us-west-2' } }] },
    TABLE.replace('eu-west-1', 'us-east-1'),
  ],
]

describe('attack: a thing from a place that makes no ARN, past a rule that names its ARN', () => {
  for (const [name, args, arn] of [...MET, ...WRITTEN_OTHERWISE, ...CALLED, ...PARTS, ...ELSEWHERE, ...ALONG])
    it(`${name} ${JSON.stringify(args)} may be ${arn}`, () => {
      assert.equal(reached('deny', arn, name, args), 'yes')
      assert.notEqual(reached('hold', arn, name, args), 'no')
      assert.equal(reached('allow', arn, name, args), 'no')
    })

  for (const [name, args, arn] of [...MISSED, ...OTHERS_PARTS, ...OTHERS_ALONG])
    it(`${name} ${JSON.stringify(args)} is not ${arn}`, () => {
      assert.equal(reached('deny', arn, name, args), 'no')
      assert.equal(reached('hold', arn, name, args), 'no')
    })

  for (const [name, args, arn] of ORDINARY)
    it(`${name} ${JSON.stringify(args)} has nothing to do with ${arn}`, () => {
      assert.equal(reached('deny', arn, name, args), 'no')
    })

  const WHOLES: readonly (readonly [operation: string, args: JsonObject, type: string, arn: string])[] = [
    [
      'apigateway:DeleteStage',
      { restApiId: 'a1', stageName: 'prod' },
      'RestApi',
      'arn:aws:apigateway:eu-west-1::/restapis/a1',
    ],
    [
      'logs:DeleteLogStream',
      { logGroupName: '/prod', logStreamName: 'a' },
      'log-group',
      `arn:aws:logs:${HOME}:log-group:/prod`,
    ],
    [
      'ecs:DeleteTaskSet',
      { cluster: 'prod', service: 'web', taskSet: 't' },
      'service',
      `arn:aws:ecs:${HOME}:service/prod/web`,
    ],
    ['lambda:Invoke', { FunctionName: 'pay:live' }, 'function alias', `${PAY}:live`],
  ]
  for (const [name, args, type, arn] of WHOLES)
    it(`${name} ${JSON.stringify(args)} may be the ${type} ${arn}`, () => {
      assert.equal(reached('deny', arn, name, args, type), 'yes')
    })

  it('a ciphertext doesn’t say by which key it is: an allow of the other key is none of it', () => {
    const [own, other] = ['0e1f2a3b', '0fffffff'].map(each => `${each}-4c5d-6e7f-8091-a2b3c4d5e6f7`)
    const to = { CiphertextBlob: 'x', DestinationKeyId: own as string }
    const key = `arn:aws:kms:${HOME}:key/${own}`
    assert.equal(reached('allow', key, 'kms:ReEncrypt', to), 'no')
    assert.equal(reached('allow', key, 'kms:ReEncrypt', { ...to, SourceKeyId: other as string }), 'no')
    assert.equal(reached('allow', key, 'kms:ReEncrypt', { ...to, SourceKeyId: own as string }), 'yes')
  })

  it('an API is named by the path that it is called by', () => {
    const api = 'arn:aws:apigateway:eu-west-1::'
    const stages: readonly (readonly [arn: string, name: string, args: JsonObject])[] = [
      [`${api}/restapis/a1/stages/prod`, 'apigateway:DeleteStage', { restApiId: 'a1', stageName: 'prod' }],
      [`${api}/apis/a1/stages/prod`, 'apigatewayv2:DeleteStage', { ApiId: 'a1', StageName: 'prod' }],
    ]
    for (const [arn, name, args] of stages)
      for (const effect of ['allow', 'hold', 'deny'] as const)
        assert.equal(reached(effect, arn, name, args), 'yes')
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

describe('attack: a name that is cut within a character', () => {
  const named: readonly (readonly [operation: string, argument: string, letters: number])[] = [
    ['sns:Publish', 'TargetArn', 1_023],
    ['dynamodb:DeleteTable', 'TableName', 2_047],
    ['lambda:DeleteFunction', 'FunctionName', 2_047],
  ]
  for (const [name, argument, letters] of named)
    it(`is whole in ${name}`, () => {
      const args = { [argument]: `${'a'.repeat(letters)}😀${'b'.repeat(letters)}` }
      const { resources } = shippedAws(name.split(':')[0] as string).describe('aws', {
        name,
        args,
        region: 'eu-west-1',
      })
      assert.ok(resources.some(({ id }) => id.length > 1_000))
      for (const { id } of resources) assert.ok(id.isWellFormed())
    })
})
