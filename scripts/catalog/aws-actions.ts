import type { AwsAction } from '../../src/protocol/index.js'

/**
 * IAM actions of operations that aren't named after themselves: `Operation: action action?argument`, an action with a
 * question mark is taken only where the argument is given. From the Service Authorization Reference and each service's
 * own list of operations and permissions.
 */
const RENAMED: Readonly<Record<string, string>> = {
  'bedrock-runtime': `
Converse: InvokeModel
ConverseStream: InvokeModelWithResponseStream`,
  budgets: `
CreateBudget: ModifyBudget
CreateNotification: ModifyBudget
CreateSubscriber: ModifyBudget
DeleteBudget: ModifyBudget
DeleteNotification: ModifyBudget
DeleteSubscriber: ModifyBudget
DescribeBudget: ViewBudget
DescribeBudgetNotificationsForAccount: ViewBudget
DescribeBudgetPerformanceHistory: ViewBudget
DescribeBudgets: ViewBudget
DescribeNotificationsForBudget: ViewBudget
DescribeSubscribersForNotification: ViewBudget
UpdateBudget: ModifyBudget
UpdateNotification: ModifyBudget
UpdateSubscriber: ModifyBudget`,
  cloudfront: `
CreateDistributionWithTags: CreateDistribution TagResource`,
  cloudsearchdomain: `
UploadDocuments: document`,
  dynamodb: `
BatchExecuteStatement: PartiQLDelete PartiQLInsert PartiQLSelect PartiQLUpdate
ExecuteStatement: PartiQLDelete PartiQLInsert PartiQLSelect PartiQLUpdate
ExecuteTransaction: PartiQLDelete PartiQLInsert PartiQLSelect PartiQLUpdate
TransactGetItems: GetItem
TransactWriteItems: ConditionCheckItem?TransactItems[].ConditionCheck DeleteItem?TransactItems[].Delete PutItem?TransactItems[].Put UpdateItem?TransactItems[].Update`,
  ec2: `
RunInstances: RunInstances CreateTags?TagSpecifications`,
  ecs: `
RunTask: RunTask TagResource?tags`,
  keyspaces: `
CreateKeyspace: Create TagResource?tags
CreateTable: Create TagResource?tags
DeleteKeyspace: Drop
DeleteTable: Drop
GetKeyspace: Select
GetTable: Select
GetTableAutoScalingSettings: Select
ListKeyspaces: Select
ListTables: Select
ListTagsForResource: Select
RestoreTable: Restore
UpdateTable: Alter`,
  kms: `
ReEncrypt: ReEncryptFrom ReEncryptTo`,
  lambda: `
CreateFunction: CreateFunction GetLayerVersion?Layers TagResource?Tags
GetLayerVersionByArn: GetLayerVersion
Invoke: InvokeFunction
InvokeAsync: InvokeFunction
InvokeWithResponseStream: InvokeFunction
UpdateFunctionConfiguration: UpdateFunctionConfiguration GetLayerVersion?Layers`,
  neptunedata: `
CancelGremlinQuery: CancelQuery
CancelOpenCypherQuery: CancelQuery
DeletePropertygraphStatistics: DeleteStatistics
DeleteSparqlStatistics: DeleteStatistics
ExecuteFastReset: ResetDatabase
ExecuteGremlinExplainQuery: ReadDataViaQuery
ExecuteGremlinProfileQuery: DeleteDataViaQuery ReadDataViaQuery WriteDataViaQuery
ExecuteGremlinQuery: DeleteDataViaQuery ReadDataViaQuery WriteDataViaQuery
ExecuteOpenCypherExplainQuery: ReadDataViaQuery
ExecuteOpenCypherQuery: DeleteDataViaQuery ReadDataViaQuery WriteDataViaQuery
GetGremlinQueryStatus: GetQueryStatus
GetMLDataProcessingJob: GetMLDataProcessingJobStatus
GetMLEndpoint: GetMLEndpointStatus
GetMLModelTrainingJob: GetMLModelTrainingJobStatus
GetMLModelTransformJob: GetMLModelTransformJobStatus
GetOpenCypherQueryStatus: GetQueryStatus
GetPropertygraphStatistics: GetStatisticsStatus
GetPropertygraphStream: GetStreamRecords
GetPropertygraphSummary: GetGraphSummary
GetRDFGraphSummary: GetGraphSummary
GetSparqlStatistics: GetStatisticsStatus
GetSparqlStream: GetStreamRecords
ListGremlinQueries: GetQueryStatus
ListOpenCypherQueries: GetQueryStatus
ManagePropertygraphStatistics: ManageStatistics
ManageSparqlStatistics: ManageStatistics`,
  s3: `
AbortMultipartUpload: AbortMultipartUpload
CompleteMultipartUpload: PutObject
CopyObject: PutObject GetObject GetObjectTagging PutObjectTagging GetObjectVersion PutObjectAcl?ACL PutObjectAcl?GrantFullControl PutObjectAcl?GrantRead PutObjectAcl?GrantReadACP PutObjectAcl?GrantWriteACP PutObjectLegalHold?ObjectLockLegalHoldStatus PutObjectRetention?ObjectLockMode
CreateBucket: CreateBucket PutBucketAcl?ACL PutBucketAcl?GrantFullControl PutBucketAcl?GrantRead PutBucketAcl?GrantReadACP PutBucketAcl?GrantWrite PutBucketAcl?GrantWriteACP PutBucketObjectLockConfiguration?ObjectLockEnabledForBucket PutBucketVersioning?ObjectLockEnabledForBucket PutBucketOwnershipControls?ObjectOwnership
CreateMultipartUpload: PutObject PutObjectTagging?Tagging PutObjectAcl?ACL PutObjectAcl?GrantFullControl PutObjectAcl?GrantRead PutObjectAcl?GrantReadACP PutObjectAcl?GrantWriteACP PutObjectLegalHold?ObjectLockLegalHoldStatus PutObjectRetention?ObjectLockMode
CreateSession: s3express:CreateSession
DeleteBucketAnalyticsConfiguration: PutAnalyticsConfiguration
DeleteBucketCors: PutBucketCORS
DeleteBucketEncryption: PutEncryptionConfiguration
DeleteBucketIntelligentTieringConfiguration: PutIntelligentTieringConfiguration
DeleteBucketInventoryConfiguration: PutInventoryConfiguration
DeleteBucketLifecycle: PutLifecycleConfiguration
DeleteBucketMetricsConfiguration: PutMetricsConfiguration
DeleteBucketOwnershipControls: PutBucketOwnershipControls
DeleteBucketReplication: PutReplicationConfiguration
DeleteBucketTagging: PutBucketTagging
DeleteObject: DeleteObject DeleteObjectVersion?VersionId BypassGovernanceRetention?BypassGovernanceRetention
DeleteObjectTagging: DeleteObjectTagging DeleteObjectVersionTagging?VersionId
DeleteObjects: DeleteObject DeleteObjectVersion?Delete.Objects[].VersionId BypassGovernanceRetention?BypassGovernanceRetention
DeletePublicAccessBlock: PutBucketPublicAccessBlock
GetBucketAccelerateConfiguration: GetAccelerateConfiguration
GetBucketAnalyticsConfiguration: GetAnalyticsConfiguration
GetBucketCors: GetBucketCORS
GetBucketEncryption: GetEncryptionConfiguration
GetBucketIntelligentTieringConfiguration: GetIntelligentTieringConfiguration
GetBucketInventoryConfiguration: GetInventoryConfiguration
GetBucketLifecycleConfiguration: GetLifecycleConfiguration
GetBucketMetricsConfiguration: GetMetricsConfiguration
GetBucketNotificationConfiguration: GetBucketNotification
GetBucketReplication: GetReplicationConfiguration
GetObject: GetObject GetObjectVersion?VersionId
GetObjectAcl: GetObjectAcl GetObjectVersionAcl?VersionId
GetObjectAttributes: GetObject GetObjectAttributes GetObjectVersion?VersionId GetObjectVersionAttributes?VersionId
GetObjectLockConfiguration: GetBucketObjectLockConfiguration
GetObjectTagging: GetObjectTagging GetObjectVersionTagging?VersionId
GetPublicAccessBlock: GetBucketPublicAccessBlock
HeadBucket: ListBucket
HeadObject: GetObject GetObjectVersion?VersionId
ListBucketAnalyticsConfigurations: GetAnalyticsConfiguration
ListBucketIntelligentTieringConfigurations: GetIntelligentTieringConfiguration
ListBucketInventoryConfigurations: GetInventoryConfiguration
ListBucketMetricsConfigurations: GetMetricsConfiguration
ListBuckets: ListAllMyBuckets
ListMultipartUploads: ListBucketMultipartUploads
ListObjectVersions: ListBucketVersions
ListObjects: ListBucket
ListObjectsV2: ListBucket
ListParts: ListMultipartUploadParts
PutBucketAccelerateConfiguration: PutAccelerateConfiguration
PutBucketAnalyticsConfiguration: PutAnalyticsConfiguration
PutBucketCors: PutBucketCORS
PutBucketEncryption: PutEncryptionConfiguration
PutBucketIntelligentTieringConfiguration: PutIntelligentTieringConfiguration
PutBucketInventoryConfiguration: PutInventoryConfiguration
PutBucketLifecycleConfiguration: PutLifecycleConfiguration
PutBucketMetricsConfiguration: PutMetricsConfiguration
PutBucketNotificationConfiguration: PutBucketNotification
PutBucketReplication: PutReplicationConfiguration
PutObject: PutObject PutObjectTagging?Tagging PutObjectAcl?ACL PutObjectAcl?GrantFullControl PutObjectAcl?GrantRead PutObjectAcl?GrantReadACP PutObjectAcl?GrantWriteACP PutObjectLegalHold?ObjectLockLegalHoldStatus PutObjectRetention?ObjectLockMode
PutObjectAcl: PutObjectAcl PutObjectVersionAcl?VersionId
PutObjectLockConfiguration: PutBucketObjectLockConfiguration
PutObjectRetention: PutObjectRetention BypassGovernanceRetention?BypassGovernanceRetention
PutObjectTagging: PutObjectTagging PutObjectVersionTagging?VersionId
PutPublicAccessBlock: PutBucketPublicAccessBlock
RestoreObject: RestoreObject
SelectObjectContent: GetObject
UploadPart: PutObject
UploadPartCopy: PutObject GetObject GetObjectVersion`,
  s3control: `
DeleteBucketLifecycleConfiguration: s3-outposts:PutLifecycleConfiguration
DeleteBucketReplication: s3-outposts:PutReplicationConfiguration
DeleteBucketTagging: s3-outposts:PutBucketTagging
DeletePublicAccessBlock: PutAccountPublicAccessBlock
GetBucket: s3-outposts:GetBucket
GetBucketLifecycleConfiguration: s3-outposts:GetLifecycleConfiguration
GetBucketReplication: s3-outposts:GetReplicationConfiguration
GetPublicAccessBlock: GetAccountPublicAccessBlock
ListRegionalBuckets: s3-outposts:ListRegionalBuckets
PutBucketLifecycleConfiguration: s3-outposts:PutLifecycleConfiguration
PutBucketReplication: s3-outposts:PutReplicationConfiguration
PutPublicAccessBlock: PutAccountPublicAccessBlock`,
  secretsmanager: `
CreateSecret: CreateSecret TagResource?Tags
BatchGetSecretValue: BatchGetSecretValue GetSecretValue ListSecrets`,
  sns: `
CreateTopic: CreateTopic TagResource?Tags
PublishBatch: Publish`,
  sqs: `
ChangeMessageVisibilityBatch: ChangeMessageVisibility
CreateQueue: CreateQueue TagQueue?tags
DeleteMessageBatch: DeleteMessage
SendMessageBatch: SendMessage`,
  ssm: `
PutParameter: PutParameter AddTagsToResource?Tags`,
  'timestream-query': `
Query: Select DescribeEndpoints`,
  verifiedpermissions: `
BatchIsAuthorized: IsAuthorized
BatchIsAuthorizedWithToken: IsAuthorizedWithToken`,
}

const TABLE: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries(RENAMED).flatMap(([service, table]) =>
    table
      .trim()
      .split('\n')
      .map(line => {
        const [name, actions] = line.split(': ') as [string, string]
        return [`${service}:${name}`, actions.split(' ')] as const
      }),
  ),
)

/** Services that IAM knows by the method of HTTP only: `apigateway:POST`. */
const BY_METHOD: ReadonlySet<string> = new Set(['apigateway', 'apigatewayv2'])

/** IAM actions that the operation takes, its own first; `iam` is the prefix of its service. */
export function actionsOf(service: string, name: string, iam: string, http: string | undefined): AwsAction[] {
  if (BY_METHOD.has(service) && http !== undefined) return [{ action: `${iam}:${http.split(' ')[0]}` }]
  return (TABLE.get(`${service}:${name}`) ?? [name]).map(text => {
    const [action, when] = text.split('?') as [string, string | undefined]
    const full = action.includes(':') ? action : `${iam}:${action}`
    return when === undefined ? { action: full } : { action: full, when }
  })
}

/** Throws on a renamed operation that the package no longer has. */
export function checkActions(operations: ReadonlySet<string>): void {
  for (const name of TABLE.keys())
    if (!operations.has(name)) throw new Error(`aws-actions: there is no ${name}`)
}
