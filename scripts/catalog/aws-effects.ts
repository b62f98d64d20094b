/** Operations with an effect in common, so that a rule on one covers all: effect → operations. */
const EFFECTS: Readonly<Record<string, readonly string[]>> = {
  'assume-role': [
    'eks-auth:AssumeRoleForPodIdentity',
    'sso:GetRoleCredentials',
    'sts:AssumeRole',
    'sts:AssumeRoleWithSAML',
    'sts:AssumeRoleWithWebIdentity',
  ],
  'delete-backup': [
    'backup:DeleteBackupVault',
    'backup:DeleteRecoveryPoint',
    'docdb:DeleteDBClusterSnapshot',
    'docdb-elastic:DeleteClusterSnapshot',
    'dynamodb:DeleteBackup',
    'ec2:DeleteSnapshot',
    'ec2:DeregisterImage',
    'elasticache:DeleteServerlessCacheSnapshot',
    'elasticache:DeleteSnapshot',
    'fsx:DeleteBackup',
    'lightsail:DeleteDiskSnapshot',
    'lightsail:DeleteInstanceSnapshot',
    'lightsail:DeleteRelationalDatabaseSnapshot',
    'memorydb:DeleteSnapshot',
    'neptune:DeleteDBClusterSnapshot',
    'rds:DeleteDBClusterAutomatedBackup',
    'rds:DeleteDBClusterSnapshot',
    'rds:DeleteDBInstanceAutomatedBackup',
    'rds:DeleteDBSnapshot',
    'redshift:BatchDeleteClusterSnapshots',
    'redshift:DeleteClusterSnapshot',
    'redshift-serverless:DeleteSnapshot',
  ],
  'delete-database': [
    'docdb:DeleteDBCluster',
    'docdb:DeleteDBInstance',
    'docdb-elastic:DeleteCluster',
    'dynamodb:DeleteTable',
    'elasticache:DeleteCacheCluster',
    'elasticache:DeleteReplicationGroup',
    'elasticache:DeleteServerlessCache',
    'keyspaces:DeleteKeyspace',
    'keyspaces:DeleteTable',
    'lightsail:DeleteRelationalDatabase',
    'memorydb:DeleteCluster',
    'neptune:DeleteDBCluster',
    'neptune:DeleteDBInstance',
    'rds:DeleteDBCluster',
    'rds:DeleteDBInstance',
    'redshift:DeleteCluster',
    'redshift-serverless:DeleteNamespace',
    'timestream-write:DeleteDatabase',
    'timestream-write:DeleteTable',
  ],
  'delete-object': ['s3:DeleteObject', 's3:DeleteObjects'],
  'stop-audit': [
    'cloudtrail:DeleteEventDataStore',
    'cloudtrail:DeleteTrail',
    'cloudtrail:PutEventSelectors',
    'cloudtrail:StopEventDataStoreIngestion',
    'cloudtrail:StopLogging',
    'cloudtrail:UpdateTrail',
    'config:DeleteConfigurationRecorder',
    'config:StopConfigurationRecorder',
    'guardduty:DeleteDetector',
    'guardduty:UpdateDetector',
    'securityhub:DisableSecurityHub',
  ],
  'terminate-instance': [
    'autoscaling:TerminateInstanceInAutoScalingGroup',
    'ec2:TerminateInstances',
    'lightsail:DeleteInstance',
  ],
}

/** Effects of an operation, sorted. */
export function effectsOf(operation: string): readonly string[] {
  return Object.keys(EFFECTS).filter(effect => EFFECTS[effect]?.includes(operation))
}

/** Throws on an operation that the package no longer has. */
export function checkEffects(operations: ReadonlySet<string>): void {
  for (const name of Object.values(EFFECTS).flat())
    if (!operations.has(name)) throw new Error(`aws-effects: there is no ${name}`)
}
