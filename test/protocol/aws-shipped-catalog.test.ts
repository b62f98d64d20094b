import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { contentId, parseStrictJson, portableCrypto } from '../../src/canon/index.js'
import {
  AWS_WIRES,
  type AwsOperation,
  type AwsService,
  type AwsShape,
  OPERATION_CLASSES,
} from '../../src/protocol/index.js'
import { AWS_FOLDER, shippedOperation, shippedServices } from './aws-services.js'

const EXPECTED: Readonly<Record<string, string>> = {
  read: `cloudformation:DescribeStacks cloudwatch:GetMetricData dynamodb:GetItem dynamodb:Query dynamodb:TransactGetItems
    ec2:DescribeInstances ecs:DescribeServices iam:GetUser iam:ListRoles kms:DescribeKey logs:FilterLogEvents
    rds:DescribeDBInstances route53:ListHostedZones s3:GetObject s3:HeadObject s3:ListBuckets s3:ListObjectsV2
    s3:SelectObjectContent sns:ListTopics sts:GetCallerIdentity`,
  sensitive_read: `ecr:GetAuthorizationToken iam:GetCredentialReport kms:Decrypt kms:GenerateDataKey lambda:GetFunction
    redshift:GetClusterCredentials secretsmanager:BatchGetSecretValue secretsmanager:GetSecretValue
    ssm:GetParameter ssm:GetParametersByPath ec2:GetPasswordData codeartifact:GetAuthorizationToken
    ecs:DescribeTaskDefinition acm:ExportCertificate cloudcontrol:GetResource cloudcontrol:ListResources
    cloudhsmv2:DescribeClusters codepipeline:GetPipelineState cognito-idp:DescribeUserImportJob dataexchange:GetAsset
    dataexchange:ListRevisionAssets ec2:DescribeSpotFleetRequests ec2:DescribeSpotInstanceRequests
    emr:DescribeNotebookExecution glue:BatchGetJobs glue:GetJob glue:GetJobRun glue:GetJobRuns glue:GetJobs
    imagebuilder:GetImage imagebuilder:GetImageRecipe iot:GetTopicRule
    kinesisanalyticsv2:CreateApplicationPresignedUrl robomaker:BatchDescribeSimulationJob
    robomaker:DescribeDeploymentJob robomaker:DescribeSimulationJob robomaker:DescribeSimulationJobBatch
    sms:GetAppLaunchConfiguration`,
  create: `dynamodb:CreateTable ec2:CreateVolume ec2:CreateSnapshot rds:CreateDBInstance s3:CreateBucket sqs:CreateQueue
    rds:RestoreDBInstanceToPointInTime s3:CreateMultipartUpload`,
  update: `dynamodb:PutItem dynamodb:UpdateItem dynamodb:BatchWriteItem ec2:CreateTags ec2:StartInstances s3:PutObject
    s3:PutBucketTagging s3:PutBucketVersioning sns:Publish sqs:SendMessage route53:ChangeResourceRecordSets
    ecs:UpdateService rds:ModifyDBInstance config:DeliverConfigSnapshot`,
  destructive: `autoscaling:DeleteLaunchConfiguration cloudtrail:StopLogging ec2:DetachVolume ec2:RebootInstances
    ec2:StopInstances ecs:DeleteService elbv2:DeleteLoadBalancer logs:PutRetentionPolicy s3:DeleteBucketReplication
    s3:PutBucketLifecycleConfiguration sqs:DeleteMessage`,
  irreversible: `backup:DeleteRecoveryPoint cloudformation:DeleteStack cognito-idp:DeleteUserPool dynamodb:DeleteItem
    dynamodb:DeleteTable ec2:DeleteSnapshot ec2:DeleteVolume ec2:ReleaseAddress ec2:TerminateInstances
    ecr:BatchDeleteImage ecr:DeleteRepository efs:DeleteFileSystem eks:DeleteCluster elasticache:DeleteReplicationGroup
    kinesis:DeleteStream lambda:DeleteFunction logs:DeleteLogGroup rds:DeleteDBCluster rds:DeleteDBInstance
    rds:DeleteDBSnapshot redshift:DeleteCluster route53:DeleteHostedZone s3:DeleteBucket s3:DeleteObject
    s3:DeleteObjects secretsmanager:DeleteSecret sqs:DeleteQueue sqs:PurgeQueue`,
  privilege: `ec2:AuthorizeSecurityGroupIngress ec2:ModifyImageAttribute ec2:ModifySnapshotAttribute iam:AttachRolePolicy
    iam:CreateUser iam:PutUserPolicy iam:UpdateAssumeRolePolicy kms:CreateGrant kms:PutKeyPolicy lambda:AddPermission
    organizations:InviteAccountToOrganization ram:CreateResourceShare s3:PutBucketAcl s3:PutBucketPolicy
    s3:PutPublicAccessBlock sns:AddPermission`,
  billing: `ec2:PurchaseReservedInstancesOffering rds:PurchaseReservedDBInstancesOffering savingsplans:CreateSavingsPlan
    route53domains:RegisterDomain budgets:UpdateBudget`,
  'irreversible privilege':
    'iam:DeleteUser iam:DeleteAccessKey iam:DeleteRole kms:ScheduleKeyDeletion organizations:CloseAccount',
  'destructive privilege': 'iam:DetachRolePolicy s3:DeleteBucketPolicy kms:DisableKey',
  'privilege sensitive_read': 'iam:CreateAccessKey sts:AssumeRole sts:GetSessionToken sts:GetFederationToken',
  'create opaque':
    'cloudformation:CreateStack ec2:RunInstances lambda:CreateFunction pipes:CreatePipe stepfunctions:StartExecution',
  'opaque update': `cloudformation:UpdateStack dynamodb:ExecuteStatement lambda:Invoke ssm:SendCommand ecs:ExecuteCommand
    rds-data:ExecuteStatement cloudformation:ExecuteChangeSet bedrock-runtime:Converse bedrock-runtime:ConverseStream
    bedrock-runtime:InvokeModel bedrock-runtime:InvokeModelWithResponseStream events:PutTargets
    iotanalytics:RunPipelineActivity pipes:UpdatePipe qbusiness:ChatSync sagemaker-runtime:InvokeEndpoint
    sagemaker-runtime:InvokeEndpointAsync sagemaker-runtime:InvokeEndpointWithResponseStream
    transfer:TestIdentityProvider`,
}

describe('the shipped AWS catalog', () => {
  it('has every service and operation of the packages', () => {
    const services = shippedServices()
    assert.equal(services.size, 384)
    const operations = [...services.values()].flatMap(({ operations }) => Object.keys(operations))
    assert.equal(operations.length, 15_626)
  })

  it('names in its index the digest of each file', () => {
    const index = JSON.parse(readFileSync(`${AWS_FOLDER}index.json`, 'utf8')) as {
      services: Record<string, string>
    }
    assert.deepEqual(Object.keys(index.services), [...shippedServices().keys()].sort())
    for (const [id, digest] of Object.entries(index.services))
      assert.equal(contentId(portableCrypto, new Uint8Array(readFileSync(`${AWS_FOLDER}${id}.json`))), digest)
  })

  it('takes well-known operations for what they are', () => {
    for (const [classes, operations] of Object.entries(EXPECTED))
      for (const name of operations.split(/\s+/))
        assert.equal(shippedOperation(name).classes.join(' '), classes, name)
  })

  it('gives every operation classes that exist, sorted and once', () => {
    for (const [service, name, { classes }] of everyOperation()) {
      assert.ok(classes.length > 0, `${service.id}:${name}`)
      assert.deepEqual([...new Set(classes)].sort(), classes, `${service.id}:${name}`)
      for (const group of classes)
        assert.ok(OPERATION_CLASSES.includes(group), `${service.id}:${name} ${group}`)
    }
  })

  it('refers to no shape that it has not, and has none that nothing refers to', () => {
    for (const service of shippedServices().values()) {
      const used = new Set<string>()
      const visit = (shape: AwsShape): void => {
        for (const name of namesIn(shape)) {
          assert.ok(Object.hasOwn(service.shapes, name), `${service.id}: ${name}`)
          if (used.has(name)) continue
          used.add(name)
          visit(service.shapes[name] as AwsShape)
        }
      }
      for (const { input } of Object.values(service.operations)) if (input !== undefined) visit(input)
      assert.deepEqual([...used].sort(), Object.keys(service.shapes).sort(), service.id)
    }
  })

  it('points rules, actions and resources at arguments that the operation takes', () => {
    for (const [service, name, operation] of everyOperation()) {
      const paths = [
        ...(operation.rules ?? []).map(({ path }) => path),
        ...(operation.unmapped ?? []),
        ...(operation.renewed ?? []),
        ...(operation.actions ?? []).flatMap(({ when }) => (when === undefined ? [] : [when])),
      ]
      for (const path of paths)
        assert.ok(isTaken(operation, service, path), `${service.id}:${name} takes no ${path}`)
    }
  })

  it('writes resources as ARNs with at most one list', () => {
    for (const [service, name, operation] of everyOperation())
      for (const { arn, type } of operation.resources ?? []) {
        assert.match(arn, /^arn:\{partition\}:[^{}]*(?:\{[^{}]+\}[^{}]*)*$/, `${service.id}:${name} ${arn}`)
        assert.ok(
          (arn.match(/\{[^}]*\[\]\}|\{[^}]*\[\]\./g) ?? []).length <= 1,
          `${service.id}:${name} ${arn}`,
        )
        assert.notEqual(type, '')
      }
  })

  it('calls each service at a host of AWS, in its own region or in every one', () => {
    for (const { id, endpoints, wires } of shippedServices().values()) {
      assert.ok(Object.keys(endpoints).length > 0, id)
      for (const { host, region } of Object.values(endpoints)) {
        assert.match(
          host,
          /^(?:[a-z0-9-]+|\{region\})(?:\.(?:[a-z0-9-]+|\{region\}))*\.(?:amazonaws\.com(?:\.cn)?|api\.aws)$/,
          id,
        )
        assert.notEqual(host.includes('{region}'), region !== undefined, id)
      }
      for (const wire of wires) assert.ok(AWS_WIRES.includes(wire), id)
    }
  })

  it('tells the operations of S3 on one path apart', () => {
    const needs = (name: string) => shippedOperation(`s3:${name}`).needs
    assert.equal(needs('PutObject'), undefined)
    assert.deepEqual(needs('CopyObject'), ['!x-amz-copy-source'])
    assert.deepEqual(needs('UploadPart'), ['?partNumber', '?uploadId'])
    assert.deepEqual(needs('UploadPartCopy'), ['!x-amz-copy-source', '?partNumber', '?uploadId'])
    assert.deepEqual(needs('AbortMultipartUpload'), ['?uploadId'])
    assert.deepEqual(needs('ListParts'), ['?uploadId'])
    assert.deepEqual(needs('GetBucketAnalyticsConfiguration'), ['?id'])
    assert.equal(shippedOperation('s3:ListObjectsV2').http, 'GET /{Bucket}?list-type=2')
  })

  it('keeps the query names of SQS beside its JSON ones', () => {
    const { wires, operations } = shippedServices().get('sqs') as AwsService
    assert.deepEqual(wires, ['json', 'query'])
    const field = operations.DeleteMessageBatch?.input?.fields.Entries
    assert.equal(field?.query, 'DeleteMessageBatchRequestEntry')
    assert.deepEqual(operations.SetQueueAttributes?.input?.fields.Attributes?.query, 'Attribute')
  })

  it('maps what is deleted to the ARNs of all of it', () => {
    const arns = (name: string) => shippedOperation(name).resources?.map(({ arn }) => arn)
    assert.deepEqual(arns('s3:DeleteObjects'), ['arn:{partition}:s3:::{Bucket}/{Delete.Objects[].Key}'])
    assert.deepEqual(arns('ec2:TerminateInstances'), [
      'arn:{partition}:ec2:{region}:{account}:instance/{InstanceIds[]}',
    ])
    assert.deepEqual(arns('dynamodb:BatchWriteItem'), [
      'arn:{partition}:dynamodb:{region}:{account}:table/{RequestItems[#][]}',
    ])
    assert.deepEqual(arns('sqs:PurgeQueue'), ['arn:{partition}:sqs:{region}:{account}:{QueueUrl}'])
    assert.deepEqual(arns('rds:DeleteDBInstance'), [
      'arn:{partition}:rds:{region}:{account}:db:{DBInstanceIdentifier}',
    ])
  })

  it('raises a passed role to privilege and asks IAM for it', () => {
    const operation = shippedOperation('lambda:UpdateFunctionConfiguration')
    assert.ok(operation.rules?.some(({ path, adds }) => path === 'Role' && adds.includes('privilege')))
    assert.ok(operation.actions?.some(({ action, when }) => action === 'iam:PassRole' && when === 'Role'))
    assert.ok(operation.unmapped?.includes('Role'))
  })

  it('names a task definition as the request does, with its revision or without', () => {
    const arns = (name: string) => shippedOperation(name).resources?.map(({ arn }) => arn)
    const definition = 'arn:{partition}:ecs:{region}:{account}:task-definition'
    for (const name of ['ecs:RunTask', 'ecs:StartTask'])
      assert.deepEqual(arns(name), [
        `${definition}/{taskDefinition}`,
        `${definition}/{taskDefinition}:{Revision}`,
      ])
    assert.deepEqual(arns('ecs:DeleteTaskDefinitions'), [`${definition}/{taskDefinitions[]}`])
    for (const [service, name, { resources = [] }] of everyOperation())
      for (const { arn } of resources)
        assert.doesNotMatch(arn, /:task-definition\/\*/, `${service.id}:${name}`)
  })

  it('attack: a secret named without the letters that end its ARN is a secret still', () => {
    const { operations } = shippedServices().get('secretsmanager') as AwsService
    const secrets = Object.values(operations).flatMap(({ resources = [] }) => resources)
    assert.ok(secrets.length > 15)
    for (const { type, arn, from } of secrets) {
      assert.equal(type.toLowerCase(), 'secret')
      assert.match(
        arn,
        /^arn:\{partition\}:secretsmanager:\{region\}:\{account\}:secret:\{(?:SecretId|Name)\}$/,
      )
      assert.equal(from, 'secret')
    }
  })

  it('attack: a path of parameters stands for all that is below it', () => {
    assert.deepEqual(shippedOperation('ssm:GetParametersByPath').resources, [
      {
        type: 'parameter',
        arn: 'arn:{partition}:ssm:{region}:{account}:parameter/{Path}',
        from: 'parameter-path',
      },
    ])
  })

  it('attack: another case of a name is no other resource where the service folds it', () => {
    const folds = (name: string) => [
      ...new Set(shippedOperation(name).resources?.map(({ fold }) => fold === true)),
    ]
    for (const name of `docdb:DeleteDBCluster elasticache:DeleteCacheCluster elasticache:DeleteReplicationGroup
      glue:DeleteTable memorydb:DeleteCluster neptune:DeleteDBCluster rds:DeleteDBCluster rds:DeleteDBInstance
      rds:DeleteDBSnapshot rds-data:ExecuteStatement redshift:DeleteCluster`.split(/\s+/))
      assert.ok(folds(name).includes(true), name)
    for (const name of `dynamodb:DeleteTable glue:DeleteJob iam:DeleteRole opensearch:DeleteDomain s3:DeleteObject
      rds:DeleteDBInstanceAutomatedBackup`.split(/\s+/))
      assert.deepEqual(folds(name), [false], name)
    for (const [service, name, { resources = [] }] of everyOperation())
      for (const { arn, fold } of resources)
        if (fold === true) {
          assert.match(
            arn,
            /^arn:\{partition\}:(?:elasticache|glue|memorydb|rds|redshift):/,
            `${service.id}:${name}`,
          )
          assert.match(
            arn.replace(/\{(?:partition|region|account)\}/g, ''),
            /\{/,
            `${service.id}:${name} ${arn}`,
          )
        } else if (/^arn:\{partition\}:rds:.*\{DB(?:Instance|Cluster)Identifier\}$/.test(arn))
          assert.fail(`${service.id}:${name} ${arn} doesn't fold`)
  })

  it('attack: an id that the models call a token stays in what an approval is bound to', () => {
    assert.equal(shippedOperation('athena:DeleteNamedQuery').renewed, undefined)
    assert.deepEqual(shippedOperation('ec2:RunInstances').renewed, ['ClientToken'])
  })

  it('attack: items that leave a name out are not hidden behind one that gives it', () => {
    assert.equal(shippedOperation('events:PutEvents').resources, undefined)
    assert.ok(shippedOperation('ec2:RunInstances').unmapped?.includes('NetworkInterfaces'))
  })

  it('is written as every reader of I-JSON takes it', () => {
    for (const id of ['ec2', 's3', 'iam'])
      assert.doesNotThrow(() => parseStrictJson(new Uint8Array(readFileSync(`${AWS_FOLDER}${id}.json`))))
  })
})

function* everyOperation(): Generator<readonly [AwsService, string, AwsOperation]> {
  for (const service of shippedServices().values())
    for (const [name, operation] of Object.entries(service.operations)) yield [service, name, operation]
}

function namesIn(shape: AwsShape): readonly string[] {
  if (typeof shape === 'string') return []
  if ('ref' in shape) return [shape.ref]
  if ('list' in shape) return namesIn(shape.list)
  if ('map' in shape) return namesIn(shape.map)
  return Object.values(shape.fields).flatMap(field => namesIn(field.is))
}

/** Whether a path leads through the input's structures and lists; a map's members may be called anything. */
function isTaken({ input }: AwsOperation, { shapes }: AwsService, path: string): boolean {
  let shape: AwsShape = input ?? { fields: {} }
  for (const step of path.split('.').flatMap(part => part.split(/(?=\[)/))) {
    while (typeof shape === 'object' && 'ref' in shape) shape = shapes[shape.ref] as AwsShape
    if (typeof shape === 'string') return shape === 'any'
    if ('map' in shape) return true
    if (step === '[]' && 'list' in shape) shape = shape.list
    else if ('fields' in shape && Object.hasOwn(shape.fields, step))
      shape = (shape.fields[step] as { is: AwsShape }).is
    else return false
  }
  return true
}
