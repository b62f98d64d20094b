const NEW_RESOURCE = 'Makes a new resource from a copy; what is there stays as it is.'

/** Why an operation is taken for less than the table that the catalog is reviewed against takes it for. */
export const WEAKER: Readonly<Record<string, string>> = {
  'autoscaling:PutLifecycleHook':
    'Sets or replaces a hook that delays launches and terminations; nothing is lost.',
  'dynamodb:RestoreTableFromBackup': NEW_RESOURCE,
  'dynamodb:RestoreTableToPointInTime': NEW_RESOURCE,
  'logs:StopQuery': 'Ends a query that only reads; IAM calls it reading as well.',
  'rds:RestoreDBClusterFromS3': NEW_RESOURCE,
  'rds:RestoreDBClusterFromSnapshot': NEW_RESOURCE,
  'rds:RestoreDBClusterToPointInTime': NEW_RESOURCE,
  'rds:RestoreDBInstanceFromDBSnapshot': NEW_RESOURCE,
  'rds:RestoreDBInstanceFromS3': NEW_RESOURCE,
  'rds:RestoreDBInstanceToPointInTime': NEW_RESOURCE,
  'redshift:RestoreFromClusterSnapshot': NEW_RESOURCE,
  's3control:DeleteBucketTagging':
    'Takes tags off a bucket, as s3:DeleteBucketTagging does, which the table calls an update.',
  'sts:DecodeAuthorizationMessage':
    'Reads a message that the caller was given with a refusal; it grants nothing and changes nothing.',
}
