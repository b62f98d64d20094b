import type { ArgumentRule, OperationClass } from '../../src/protocol/index.js'
import type { Place } from './aws-places.js'

const DESTRUCTIVE: readonly OperationClass[] = ['destructive']
const IRREVERSIBLE: readonly OperationClass[] = ['irreversible']
const OPAQUE: readonly OperationClass[] = ['opaque']
const PRIVILEGE: readonly OperationClass[] = ['privilege']
const BILLING: readonly OperationClass[] = ['billing']

type Adds = readonly OperationClass[]

/** What an argument adds wherever it is found, by its name. */
const EVERYWHERE: readonly (readonly [name: RegExp, rule: (path: string) => ArgumentRule])[] = [
  // The last copy goes, or nothing keeps it from going any more.
  [/^SkipFinal(?:Cluster)?Snapshot$/, path => is(path, true, IRREVERSIBLE)],
  [/^DeleteAutomatedBackups$/, path => is(path, true, IRREVERSIBLE)],
  [
    /^(?:BackupRetentionPeriod|AutomatedSnapshotRetentionPeriod|SnapshotRetentionLimit|AutomaticBackupRetentionDays)$/,
    path => is(path, 0, IRREVERSIBLE),
  ],
  // What else hangs on it goes too.
  [
    /^(?:forceDelete|forceDestroy|ForceDeleteWithoutRecovery|RecursiveDeleteOption|deleteReports|forceDeleteAddon)$/i,
    path => is(path, true, IRREVERSIBLE),
  ],
  [/^force$/i, path => is(path, true, DESTRUCTIVE)],
  // Open to everybody.
  [/^publiclyAccessible$/i, path => is(path, true, PRIVILEGE)],
  // Runs when the machine starts.
  [/^userData$/i, path => given(path, OPAQUE)],
]

/** Takes away what kept something from being deleted; what is only made had nothing to lose. */
const PROTECTION =
  /^(?:deletionProtection|deleteProtection|terminationProtection|deletionProtectionEnabled|Terminat(?:ion|e)Protect(?:ion|ed))$/i

const DB_CLUSTER: readonly ArgumentRule[] = [
  is('ApplyImmediately', true, DESTRUCTIVE),
  given('MasterUserPassword', PRIVILEGE),
  given('NewDBClusterIdentifier', DESTRUCTIVE),
  given('VpcSecurityGroupIds', PRIVILEGE),
  is('AllowMajorVersionUpgrade', true, IRREVERSIBLE),
]

const DB_INSTANCE: readonly ArgumentRule[] = [
  is('ApplyImmediately', true, DESTRUCTIVE),
  given('MasterUserPassword', PRIVILEGE),
  given('NewDBInstanceIdentifier', DESTRUCTIVE),
  given('VpcSecurityGroupIds', PRIVILEGE),
  is('AllowMajorVersionUpgrade', true, IRREVERSIBLE),
]

/** Rules of single operations. */
const RULES: Readonly<Record<string, readonly ArgumentRule[]>> = {
  'apigateway:PutRestApi': [is('mode', 'overwrite', DESTRUCTIVE)],
  'application-autoscaling:RegisterScalableTarget': [is('MaxCapacity', 0, DESTRUCTIVE)],
  'autoscaling:SetDesiredCapacity': [is('DesiredCapacity', 0, DESTRUCTIVE)],
  'autoscaling:UpdateAutoScalingGroup': [
    is('DesiredCapacity', 0, DESTRUCTIVE),
    is('MaxSize', 0, DESTRUCTIVE),
    is('NewInstancesProtectedFromScaleIn', false, DESTRUCTIVE),
  ],
  'autoscaling:PutScheduledUpdateGroupAction': [
    is('DesiredCapacity', 0, DESTRUCTIVE),
    is('MaxSize', 0, DESTRUCTIVE),
  ],
  'autoscaling:SetInstanceProtection': [is('ProtectedFromScaleIn', false, DESTRUCTIVE)],
  'cloudformation:CreateChangeSet': [given('ResourcesToImport', DESTRUCTIVE)],
  'cloudformation:UpdateTerminationProtection': [is('EnableTerminationProtection', false, DESTRUCTIVE)],
  'cloudfront:UpdateDistribution': [is('DistributionConfig.Enabled', false, DESTRUCTIVE)],
  'cloudtrail:PutEventSelectors': [differing('EventSelectors[].IncludeManagementEvents', true, DESTRUCTIVE)],
  'cloudtrail:UpdateEventDataStore': [given('RetentionPeriod', IRREVERSIBLE)],
  'cloudtrail:UpdateTrail': [
    is('EnableLogFileValidation', false, DESTRUCTIVE),
    given('S3BucketName', DESTRUCTIVE),
  ],
  'dynamodb:BatchWriteItem': [holdsMember('RequestItems', 'DeleteRequest', IRREVERSIBLE)],
  'dynamodb:TransactWriteItems': [given('TransactItems[].Delete', IRREVERSIBLE)],
  'dynamodb:UpdateContinuousBackups': [
    is('PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled', false, IRREVERSIBLE),
  ],
  'dynamodb:UpdateTable': [
    given('GlobalSecondaryIndexUpdates[].Delete', DESTRUCTIVE),
    given('ReplicaUpdates[].Delete', IRREVERSIBLE),
  ],
  'dynamodb:UpdateTimeToLive': [is('TimeToLiveSpecification.Enabled', true, IRREVERSIBLE)],
  'ec2:CreateFleet': [is('TerminateInstancesWithExpiration', true, IRREVERSIBLE)],
  'ec2:CreateImage': [is('NoReboot', false, DESTRUCTIVE), missing('NoReboot', DESTRUCTIVE)],
  'ec2:DeleteFleets': [is('TerminateInstances', true, IRREVERSIBLE)],
  'ec2:CancelSpotFleetRequests': [is('TerminateInstances', true, IRREVERSIBLE)],
  'ec2:ModifyInstanceAttribute': [
    is('DisableApiTermination.Value', false, DESTRUCTIVE),
    is('DisableApiStop.Value', false, DESTRUCTIVE),
    is('InstanceInitiatedShutdownBehavior.Value', 'terminate', IRREVERSIBLE),
    is('BlockDeviceMappings[].Ebs.DeleteOnTermination', true, IRREVERSIBLE),
    given('Groups', PRIVILEGE),
    // `Attribute` and `Value` are another way to say each of them.
    is('Attribute', 'disableApiTermination', DESTRUCTIVE),
    is('Attribute', 'disableApiStop', DESTRUCTIVE),
    is('Attribute', 'instanceInitiatedShutdownBehavior', IRREVERSIBLE),
    is('Attribute', 'blockDeviceMapping', IRREVERSIBLE),
    is('Attribute', 'groupSet', PRIVILEGE),
  ],
  'ec2:ModifyInstanceMetadataOptions': [is('HttpTokens', 'optional', PRIVILEGE)],
  'ec2:ModifyNetworkInterfaceAttribute': [
    given('Groups', PRIVILEGE),
    is('Attachment.DeleteOnTermination', true, DESTRUCTIVE),
  ],
  'ec2:ModifySubnetAttribute': [is('MapPublicIpOnLaunch.Value', true, PRIVILEGE)],
  'ec2:RunInstances': [
    is('InstanceInitiatedShutdownBehavior', 'terminate', DESTRUCTIVE),
    given('InstanceMarketOptions', BILLING),
    is('NetworkInterfaces[].AssociatePublicIpAddress', true, PRIVILEGE),
    is('MetadataOptions.HttpTokens', 'optional', PRIVILEGE),
  ],
  'ecr:PutImageTagMutability': [is('imageTagMutability', 'MUTABLE', DESTRUCTIVE)],
  'ecs:CreateService': [is('enableExecuteCommand', true, PRIVILEGE)],
  'ecs:UpdateService': [is('desiredCount', 0, DESTRUCTIVE), is('enableExecuteCommand', true, PRIVILEGE)],
  'ecs:RunTask': [is('enableExecuteCommand', true, PRIVILEGE)],
  'efs:UpdateFileSystemProtection': [is('ReplicationOverwriteProtection', 'DISABLED', DESTRUCTIVE)],
  'elbv2:ModifyLoadBalancerAttributes': [is('Attributes[].Key', 'deletion_protection.enabled', DESTRUCTIVE)],
  'eks:UpdateClusterConfig': [
    is('resourcesVpcConfig.endpointPublicAccess', true, PRIVILEGE),
    given('accessConfig', PRIVILEGE),
  ],
  'eks:UpdateNodegroupConfig': [
    is('scalingConfig.desiredSize', 0, DESTRUCTIVE),
    is('scalingConfig.maxSize', 0, DESTRUCTIVE),
  ],
  'eks:UpdateNodegroupVersion': [is('force', true, DESTRUCTIVE)],
  'events:PutRule': [is('State', 'DISABLED', DESTRUCTIVE)],
  'glue:UpdateTable': [is('SkipArchive', true, DESTRUCTIVE)],
  'guardduty:UpdateDetector': [is('Enable', false, DESTRUCTIVE)],
  'kms:PutKeyPolicy': [is('BypassPolicyLockoutSafetyCheck', true, IRREVERSIBLE)],
  'lambda:CreateFunctionUrlConfig': [is('AuthType', 'NONE', PRIVILEGE)],
  'lambda:PutFunctionConcurrency': [is('ReservedConcurrentExecutions', 0, DESTRUCTIVE)],
  'lambda:UpdateEventSourceMapping': [is('Enabled', false, DESTRUCTIVE)],
  'logs:PutRetentionPolicy': [missing('retentionInDays', DESTRUCTIVE)],
  'opensearch:UpdateDomainConfig': [
    given('AccessPolicies', PRIVILEGE),
    given('AdvancedSecurityOptions', PRIVILEGE),
  ],
  'es:UpdateElasticsearchDomainConfig': [
    given('AccessPolicies', PRIVILEGE),
    given('AdvancedSecurityOptions', PRIVILEGE),
  ],
  'docdb:ModifyDBCluster': DB_CLUSTER,
  'docdb:ModifyDBInstance': DB_INSTANCE,
  'neptune:ModifyDBCluster': DB_CLUSTER,
  'neptune:ModifyDBInstance': DB_INSTANCE,
  'rds:ModifyDBCluster': DB_CLUSTER,
  'rds:ModifyDBInstance': DB_INSTANCE,
  'redshift:ModifyCluster': [
    given('MasterUserPassword', PRIVILEGE),
    given('VpcSecurityGroupIds', PRIVILEGE),
    is('PubliclyAccessible', true, PRIVILEGE),
  ],
  'route53:ChangeResourceRecordSets': [is('ChangeBatch.Changes[].Action', 'DELETE', DESTRUCTIVE)],
  's3:CopyObject': publicAcl(),
  's3:CreateBucket': publicAcl(),
  's3:CreateMultipartUpload': publicAcl(),
  's3:PutBucketLifecycleConfiguration': [
    given('LifecycleConfiguration.Rules[].Expiration', IRREVERSIBLE),
    given('LifecycleConfiguration.Rules[].NoncurrentVersionExpiration', IRREVERSIBLE),
  ],
  's3:PutBucketVersioning': [
    is('VersioningConfiguration.Status', 'Suspended', DESTRUCTIVE),
    is('VersioningConfiguration.MFADelete', 'Disabled', PRIVILEGE),
  ],
  's3:PutObject': publicAcl(),
  's3:PutObjectLegalHold': [is('LegalHold.Status', 'OFF', DESTRUCTIVE)],
  's3:PutObjectRetention': [is('BypassGovernanceRetention', true, IRREVERSIBLE)],
  's3:PutObjectLockConfiguration': [missing('ObjectLockConfiguration.Rule', DESTRUCTIVE)],
  's3:RestoreObject': [given('RestoreRequest.SelectParameters', OPAQUE)],
  'sns:CreateTopic': [given('Attributes.Policy', PRIVILEGE)],
  's3control:PutBucketLifecycleConfiguration': [
    given('LifecycleConfiguration.Rules[].Expiration', IRREVERSIBLE),
    given('LifecycleConfiguration.Rules[].NoncurrentVersionExpiration', IRREVERSIBLE),
  ],
  'sqs:CreateQueue': [given('Attributes.Policy', PRIVILEGE)],
  'sqs:SetQueueAttributes': [
    given('Attributes.Policy', PRIVILEGE),
    given('Attributes.MessageRetentionPeriod', DESTRUCTIVE),
  ],
}

/** Rules of an operation: those of its own, and those of arguments that mean the same wherever they are. */
export function rulesOf(
  id: string,
  name: string,
  places: readonly Place[],
  creates: boolean,
): readonly ArgumentRule[] {
  const own = (RULES[`${id}:${name}`] ?? []).filter(({ path }) => reaches(places, path))
  const general = places
    .filter(({ inMap }) => !inMap)
    .flatMap(({ path, name: member }) => [
      ...EVERYWHERE.filter(([pattern]) => pattern.test(member)).map(([, rule]) => rule(path)),
      ...(!creates && PROTECTION.test(member) ? [is(path, false, DESTRUCTIVE)] : []),
    ])
  return [...own, ...general]
}

/** An argument that one of several services with the same rules doesn't have. */
function reaches(places: readonly Place[], path: string): boolean {
  return places.some(
    place =>
      place.path === path ||
      place.path.startsWith(`${path}.`) ||
      place.path.startsWith(`${path}[`) ||
      (place.inMap && path.startsWith(place.path)),
  )
}

/** Throws on a rule whose operation the package no longer has. */
export function checkRules(operations: ReadonlySet<string>): void {
  for (const name of Object.keys(RULES))
    if (!operations.has(name)) throw new Error(`aws-rules: there is no ${name}`)
}

/** `public-read` and the like, and grants to anybody, open what is written to others. */
function publicAcl(): ArgumentRule[] {
  return ['GrantFullControl', 'GrantRead', 'GrantReadACP', 'GrantWrite', 'GrantWriteACP']
    .map(path => given(path, PRIVILEGE))
    .concat(
      ['public-read', 'public-read-write', 'authenticated-read', 'aws-exec-read'].map(acl =>
        is('ACL', acl, PRIVILEGE),
      ),
    )
}

function is(path: string, value: string | number | boolean, adds: Adds): ArgumentRule {
  return { path, is: 'equals', value, adds }
}

function differing(path: string, value: string | number | boolean, adds: Adds): ArgumentRule {
  return { path, is: 'differs', value, adds }
}

function given(path: string, adds: Adds): ArgumentRule {
  return { path, is: 'present', adds }
}

function missing(path: string, adds: Adds): ArgumentRule {
  return { path, is: 'absent', adds }
}

function holdsMember(path: string, key: string, adds: Adds): ArgumentRule {
  return { path, is: 'contains-key', key, adds }
}
