import type { AwsResource } from '../../src/protocol/index.js'

/** Members that name a resource of another name: type by member, by service. An empty type is no resource. */
export const MEMBER_TYPES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  autoscaling: { AutoScalingGroupName: 'autoscalinggroup', AutoScalingGroupNames: 'autoscalinggroup' },
  backup: { BackupVaultName: 'backupVault', RecoveryPointArn: 'recoveryPoint', BackupPlanId: 'backupPlan' },
  cloudformation: { StackName: 'stack', StackSetName: 'stackset', ChangeSetName: 'changeset' },
  cloudtrail: { Name: 'trail', TrailName: 'trail', EventDataStore: 'eventdatastore', Channel: 'channel' },
  cloudwatch: {
    AlarmNames: 'alarm',
    AlarmName: 'alarm',
    DashboardName: 'dashboard',
    DashboardNames: 'dashboard',
    RuleName: 'insight-rule',
    RuleNames: 'insight-rule',
    Name: 'metric-stream',
    Names: 'metric-stream',
  },
  docdb: {
    DBClusterIdentifier: 'cluster',
    DBClusterParameterGroupName: 'cluster-pg',
    DBClusterSnapshotIdentifier: 'cluster-snapshot',
    DBInstanceIdentifier: 'db',
    DBSubnetGroupName: 'subgrp',
    GlobalClusterIdentifier: 'global-cluster',
    SourceDBClusterParameterGroupIdentifier: 'cluster-pg',
    SourceDBClusterSnapshotIdentifier: 'cluster-snapshot',
    TargetDBClusterParameterGroupIdentifier: 'cluster-pg',
    TargetDBClusterSnapshotIdentifier: 'cluster-snapshot',
    SubscriptionName: 'es',
  },
  dynamodb: {
    IndexName: '',
    SourceTableArn: 'table',
    SourceTableName: 'table',
    TableArn: 'table',
    TargetTableName: 'table',
  },
  ec2: {
    GroupId: 'security-group',
    GroupIds: 'security-group',
    Groups: 'security-group',
    KeyName: 'key-pair',
    NetworkAclId: 'network-acl',
    SecurityGroupIds: 'security-group',
    SecurityGroupRuleIds: 'security-group-rule',
    SourceSnapshotId: 'snapshot',
    SourceImageId: 'image',
    InternetGatewayId: 'internet-gateway',
    VpcEndpointIds: 'vpc-endpoint',
    NatGatewayId: 'natgateway',
    HostIds: 'dedicated-host',
    FlowLogIds: 'vpc-flow-log',
    FleetIds: 'fleet',
    SpotFleetRequestIds: 'spot-fleet-request',
    SpotInstanceRequestIds: 'spot-instances-request',
    PeerVpcId: 'vpc',
    AssociationId: '',
    'Placement.GroupName': 'placement-group',
    GroupName: 'placement-group',
  },
  ecr: { repositoryName: 'repository' },
  ecs: {
    cluster: 'cluster',
    clusterName: 'cluster',
    service: 'service',
    serviceName: 'service',
    task: 'task',
    tasks: 'task',
    taskDefinition: 'task-definition',
    containerInstance: 'container-instance',
    containerInstances: 'container-instance',
    capacityProvider: 'capacity-provider',
    taskSet: 'task-set',
  },
  efs: { FileSystemId: 'file-system', AccessPointId: 'access-point' },
  eks: { clusterName: 'cluster', name: 'cluster', nodegroupName: 'nodegroup', addonName: 'addon' },
  elasticache: { CacheClusterId: 'cluster', SnapshotName: 'snapshot', UserId: 'user' },
  elb: { LoadBalancerName: 'loadbalancer', LoadBalancerNames: 'loadbalancer' },
  firehose: { DeliveryStreamName: 'deliverystream' },
  glue: { DatabaseName: 'database', TableName: 'table' },
  iam: {
    GroupName: 'group',
    InstanceProfileName: 'instance-profile',
    OpenIDConnectProviderArn: 'oidc-provider',
    PolicyArn: 'policy',
    PolicyName: 'policy',
    RoleName: 'role',
    SAMLProviderArn: 'saml-provider',
    ServerCertificateName: 'server-certificate',
    SerialNumber: 'mfa',
    UserName: 'user',
  },
  kinesis: { StreamName: 'stream', StreamARN: 'stream' },
  kms: { KeyId: 'key', TargetKeyId: 'key', SourceKeyId: 'key', DestinationKeyId: 'key', AliasName: 'alias' },
  lambda: { FunctionName: 'function', UUID: 'eventsourcemapping', LayerName: 'layer' },
  logs: {
    logGroupName: 'log-group',
    logGroupIdentifier: 'log-group',
    logStreamName: 'log-stream',
    destinationName: 'destination',
  },
  neptune: {
    DBClusterIdentifier: 'cluster',
    DBClusterParameterGroupName: 'cluster-pg',
    DBClusterSnapshotIdentifier: 'cluster-snapshot',
    DBInstanceIdentifier: 'db',
    DBParameterGroupName: 'pg',
    DBSubnetGroupName: 'subgrp',
    GlobalClusterIdentifier: 'global-cluster',
    SubscriptionName: 'es',
  },
  opensearch: { DomainName: 'domain' },
  rds: {
    BlueGreenDeploymentIdentifier: 'deployment',
    DBClusterIdentifier: 'cluster',
    DbClusterResourceId: 'cluster-auto-backup',
    DBClusterParameterGroupName: 'cluster-pg',
    DBClusterSnapshotIdentifier: 'cluster-snapshot',
    DBInstanceIdentifier: 'db',
    DbiResourceId: 'auto-backup',
    DBParameterGroupName: 'pg',
    DBProxyName: 'proxy',
    DBSecurityGroupName: 'secgrp',
    DBSnapshotIdentifier: 'snapshot',
    DBSubnetGroupName: 'subgrp',
    GlobalClusterIdentifier: 'global-cluster',
    OptionGroupName: 'og',
    SourceDBClusterIdentifier: 'cluster',
    SourceDBClusterSnapshotIdentifier: 'cluster-snapshot',
    SourceDBInstanceIdentifier: 'db',
    SourceDBParameterGroupIdentifier: 'pg',
    SourceDBSnapshotIdentifier: 'snapshot',
    SourceDBClusterParameterGroupIdentifier: 'cluster-pg',
    SnapshotIdentifier: 'cluster-snapshot',
    SourceOptionGroupIdentifier: 'og',
    SubscriptionName: 'es',
    TargetDBClusterSnapshotIdentifier: 'cluster-snapshot',
    TargetDBInstanceIdentifier: 'db',
    TargetDBParameterGroupIdentifier: 'pg',
    TargetDBSnapshotIdentifier: 'snapshot',
    TargetDBClusterParameterGroupIdentifier: 'cluster-pg',
    TargetOptionGroupIdentifier: 'og',
  },
  redshift: {
    ClusterIdentifier: 'cluster',
    ClusterParameterGroupName: 'parametergroup',
    ClusterSubnetGroupName: 'subnetgroup',
    ParameterGroupName: 'parametergroup',
    ScheduleIdentifier: 'snapshotschedule',
    SubscriptionName: 'eventsubscription',
  },
  route53: { HostedZoneId: 'hostedzone', HealthCheckId: 'healthcheck' },
  s3: { Bucket: 'bucket' },
  s3control: { Name: 'accesspoint', JobId: 'job' },
  secretsmanager: { SecretId: 'secret', Name: 'secret' },
  sns: { TopicArn: 'topic', Name: 'topic', ResourceArn: 'topic' },
  sqs: { QueueUrl: 'queue', QueueName: 'queue', SourceArn: 'queue' },
  ssm: {
    Name: 'parameter document',
    Names: 'parameter',
    WindowId: 'maintenancewindow',
    BaselineId: 'patchbaseline',
  },
  stepfunctions: {
    activityArn: 'activity',
    executionArn: 'execution',
    mapRunArn: 'maprun',
    stateMachineArn: 'statemachine',
  },
  sts: { RoleArn: 'role' },
}

/** Types that look as if an argument named them, and are something else. */
export const UNNAMED_TYPES: Readonly<Record<string, readonly string[]>> = {
  lambda: ['function alias', 'function version'],
  events: ['alias', 'event-busv2', 'event-sourcev2', 'key'],
}

const EC2 = 'arn:{partition}:ec2:{region}:{account}'
const KMS = 'arn:{partition}:kms:{region}:{account}'
const LAMBDA = 'arn:{partition}:lambda:{region}:{account}'
const ECS = 'arn:{partition}:ecs:{region}:{account}'
const RDS = 'arn:{partition}:rds:{region}:{account}'
const REDSHIFT = 'arn:{partition}:redshift:{region}:{account}'
const SNAPSHOT = { type: 'snapshot', arn: `${REDSHIFT}:snapshot:{SnapshotArn}` } as const
const SSM = 'arn:{partition}:ssm:{region}:{account}'
const ALIAS = { type: 'alias', arn: `${KMS}:alias/{AliasName}`, from: 'key-id' } as const
/** Behind an alias; the request doesn't name it. */
const KEY = { type: 'key', arn: `${KMS}:key/{KeyId}`, from: 'key-id' } as const
const OBJECT = { type: 'object', arn: 'arn:{partition}:s3:::{Bucket}/{Key}', from: 'bucket' } as const
const BUCKET = { type: 'bucket', arn: 'arn:{partition}:s3:::{Bucket}', from: 'bucket' } as const
const COPIED = { type: 'object', arn: 'arn:{partition}:s3:::{CopySource}', from: 'copy-source' } as const

/** An operation's resources as they were written by hand. */
const WRITTEN: Readonly<Record<string, readonly AwsResource[]>> = {
  'dynamodb:BatchGetItem': [table('{RequestItems[#][]}')],
  'dynamodb:BatchWriteItem': [table('{RequestItems[#][]}')],
  'dynamodb:TransactGetItems': [table('{TransactItems[].Get.TableName}')],
  'dynamodb:TransactWriteItems': ['ConditionCheck', 'Delete', 'Put', 'Update'].map(kind =>
    table(`{TransactItems[].${kind}.TableName}`),
  ),
  'dynamodb:Query': [table('{TableName}'), table('{TableName}/index/{IndexName}')],
  'dynamodb:Scan': [table('{TableName}'), table('{TableName}/index/{IndexName}')],
  // A volume is detached from the instance that has it, whether the request says which or not.
  ...Object.fromEntries(
    ['AttachVolume', 'DetachVolume'].map(name => [
      `ec2:${name}`,
      [
        { type: 'instance', arn: `${EC2}:instance/{InstanceId}` },
        { type: 'volume', arn: `${EC2}:volume/{VolumeId}` },
      ],
    ]),
  ),
  'ecs:DeleteTaskDefinitions': [
    { type: 'task-definition', arn: `${ECS}:task-definition/{taskDefinitions[]}` },
  ],
  ...Object.fromEntries(
    ['RunTask', 'StartTask'].map(name => [
      `ecs:${name}`,
      [
        { type: 'task-definition', arn: `${ECS}:task-definition/{taskDefinition}` },
        // A family without a revision means its latest, and IAM is asked for that.
        { type: 'task-definition', arn: `${ECS}:task-definition/{taskDefinition}:{Revision}` },
      ],
    ]),
  ),
  'kms:CreateAlias': [ALIAS, { ...KEY, arn: `${KMS}:key/{TargetKeyId}` }],
  'kms:DeleteAlias': [ALIAS, KEY],
  'kms:UpdateAlias': [ALIAS, { ...KEY, arn: `${KMS}:key/{TargetKeyId}` }],
  ...Object.fromEntries(
    [
      'AddLayerVersionPermission',
      'DeleteLayerVersion',
      'GetLayerVersion',
      'RemoveLayerVersionPermission',
    ].map(name => [
      `lambda:${name}`,
      [{ type: 'layerversion', arn: `${LAMBDA}:layer:{LayerName}:{VersionNumber}` }],
    ]),
  ),
  'lambda:GetLayerVersionByArn': [{ type: 'layerversion', arn: `${LAMBDA}:layer:{Arn}` }],
  ...Object.fromEntries(
    [
      'DeleteProvisionedConcurrencyConfig',
      'GetProvisionedConcurrencyConfig',
      'PutProvisionedConcurrencyConfig',
    ].map(name => [
      `lambda:${name}`,
      [{ type: 'function alias', arn: `${LAMBDA}:function:{FunctionName}:{Qualifier}` }],
    ]),
  ),
  ...Object.fromEntries(
    ['docdb', 'neptune', 'rds'].map(service => [
      `${service}:DeleteDBCluster`,
      [
        { type: 'cluster', arn: `${RDS}:cluster:{DBClusterIdentifier}` },
        { type: 'cluster-snapshot', arn: `${RDS}:cluster-snapshot:{FinalDBSnapshotIdentifier}` },
      ],
    ]),
  ),
  // Backups that go with a database, which is named by an id that its ARN doesn't have.
  'rds:DeleteDBClusterAutomatedBackup': [
    { type: 'cluster', arn: `${RDS}:cluster:{DbClusterResourceId}`, from: 'alias' },
    { type: 'cluster-auto-backup', arn: `${RDS}:cluster-auto-backup:{DbClusterResourceId}`, from: 'alias' },
  ],
  'rds:DeleteDBInstanceAutomatedBackup': [
    { type: 'auto-backup', arn: `${RDS}:auto-backup:{DBInstanceAutomatedBackupsArn}` },
    { type: 'auto-backup', arn: `${RDS}:auto-backup:{DbiResourceId}`, from: 'alias' },
    { type: 'db', arn: `${RDS}:db:{DbiResourceId}`, from: 'alias' },
  ],
  // The cluster that a snapshot is of, and not the one that is made of it.
  ...Object.fromEntries(
    ['AuthorizeSnapshotAccess', 'DeleteClusterSnapshot', 'RevokeSnapshotAccess'].map(name => [
      `redshift:${name}`,
      [
        { type: 'snapshot', arn: `${REDSHIFT}:snapshot:{SnapshotClusterIdentifier}/{SnapshotIdentifier}` },
        ...(name === 'DeleteClusterSnapshot' ? [] : [SNAPSHOT]),
      ],
    ]),
  ),
  'redshift:RestoreFromClusterSnapshot': [
    { type: 'cluster', arn: `${REDSHIFT}:cluster:{ClusterIdentifier}` },
    { type: 'snapshot', arn: `${REDSHIFT}:snapshot:*/{SnapshotIdentifier}` },
    SNAPSHOT,
  ],
  'ssm:GetParametersByPath': [{ type: 'parameter', arn: `${SSM}:parameter/{Path}`, from: 'parameter-path' }],
  's3:AbortMultipartUpload': [OBJECT],
  's3:CompleteMultipartUpload': [OBJECT],
  's3:CopyObject': [COPIED, OBJECT],
  's3:CreateMultipartUpload': [OBJECT],
  's3:DeleteObject': [OBJECT],
  's3:DeleteObjectTagging': [OBJECT],
  's3:DeleteObjects': [
    { type: 'object', arn: 'arn:{partition}:s3:::{Bucket}/{Delete.Objects[].Key}', from: 'bucket' },
  ],
  's3:GetObject': [OBJECT],
  's3:GetObjectAcl': [OBJECT],
  's3:GetObjectAttributes': [OBJECT],
  's3:GetObjectLegalHold': [OBJECT],
  's3:GetObjectRetention': [OBJECT],
  's3:GetObjectTagging': [OBJECT],
  's3:GetObjectTorrent': [OBJECT],
  's3:HeadObject': [OBJECT],
  's3:ListParts': [OBJECT],
  's3:PutObject': [OBJECT],
  's3:PutObjectAcl': [OBJECT],
  's3:PutObjectLegalHold': [OBJECT],
  's3:PutObjectRetention': [OBJECT],
  's3:PutObjectTagging': [OBJECT],
  's3:RestoreObject': [OBJECT],
  's3:SelectObjectContent': [OBJECT],
  's3:UploadPart': [OBJECT],
  's3:UploadPartCopy': [COPIED, OBJECT],
  ...Object.fromEntries(
    `CreateBucket DeleteBucket DeleteBucketAnalyticsConfiguration DeleteBucketCors DeleteBucketEncryption
    DeleteBucketIntelligentTieringConfiguration DeleteBucketInventoryConfiguration DeleteBucketLifecycle
    DeleteBucketMetricsConfiguration DeleteBucketOwnershipControls DeleteBucketPolicy DeleteBucketReplication
    DeleteBucketTagging DeleteBucketWebsite DeletePublicAccessBlock GetBucketAccelerateConfiguration GetBucketAcl
    GetBucketAnalyticsConfiguration GetBucketCors GetBucketEncryption GetBucketIntelligentTieringConfiguration
    GetBucketInventoryConfiguration GetBucketLifecycleConfiguration GetBucketLocation GetBucketLogging
    GetBucketMetricsConfiguration GetBucketNotificationConfiguration GetBucketOwnershipControls GetBucketPolicy
    GetBucketPolicyStatus GetBucketReplication GetBucketRequestPayment GetBucketTagging GetBucketVersioning
    GetBucketWebsite GetObjectLockConfiguration GetPublicAccessBlock HeadBucket ListBucketAnalyticsConfigurations
    ListBucketIntelligentTieringConfigurations ListBucketInventoryConfigurations ListBucketMetricsConfigurations
    ListMultipartUploads ListObjectVersions ListObjects ListObjectsV2 PutBucketAccelerateConfiguration PutBucketAcl
    PutBucketAnalyticsConfiguration PutBucketCors PutBucketEncryption PutBucketIntelligentTieringConfiguration
    PutBucketInventoryConfiguration PutBucketLifecycleConfiguration PutBucketLogging PutBucketMetricsConfiguration
    PutBucketNotificationConfiguration PutBucketOwnershipControls PutBucketPolicy PutBucketReplication
    PutBucketRequestPayment PutBucketTagging PutBucketVersioning PutBucketWebsite PutObjectLockConfiguration
    PutPublicAccessBlock`
      .split(/\s+/)
      .map(name => [`s3:${name}`, [BUCKET]]),
  ),
}

export const TEMPLATES: ReadonlyMap<string, readonly AwsResource[]> = new Map(Object.entries(WRITTEN))

function table(place: string): AwsResource {
  return { type: 'table', arn: `arn:{partition}:dynamodb:{region}:{account}:table/${place}` }
}

/** Throws on an operation or a service that the package no longer has. */
export function checkTargets(services: ReadonlySet<string>, operations: ReadonlySet<string>): void {
  for (const id of [...Object.keys(MEMBER_TYPES), ...Object.keys(UNNAMED_TYPES)])
    if (!services.has(id)) throw new Error(`aws-targets: there is no service ${id}`)
  for (const name of TEMPLATES.keys())
    if (!operations.has(name)) throw new Error(`aws-targets: there is no ${name}`)
}
