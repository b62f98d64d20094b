import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { packageRoot } from '../../src/cli/catalogs.js'

interface PolicySource {
  readonly apis: Record<string, Record<string, unknown>>
  readonly credentials: Record<string, unknown>
  readonly rules: unknown[]
}

/**
 * The sample policy with all of the stand-in's services, DynamoDB at another stand-in, and a second S3 that verifies
 * signatures by itself. What is admitted is what the clients' tests do.
 */
export function AWS_TEST_POLICY(origins: {
  readonly tables: string
  readonly objects: string
  readonly tokens: string
}): string {
  const file = join(packageRoot(), 'config', 'policies', 'sandbox.yaml')
  const policy = parse(readFileSync(file, 'utf8')) as PolicySource
  policy.apis.aws = {
    ...policy.apis.aws,
    services: [
      'cloudformation',
      'cloudwatch',
      'dynamodb',
      'ec2',
      'iam',
      'kms',
      'lambda',
      'rds',
      's3',
      'sqs',
      'sts',
    ],
    insecureTestEndpoints: {
      ...(policy.apis.aws?.insecureTestEndpoints as object),
      'dynamodb.eu-west-1': origins.tables,
    },
  }
  policy.apis.objects = {
    catalog: 'aws',
    services: ['s3'],
    regions: ['us-east-1'],
    credential: 'objects',
    insecureTestEndpoints: { '*': origins.objects },
  }
  policy.credentials.objects = {
    minter: 'aws-sts',
    role: 'arn:aws:iam::111122223333:role/objects',
    region: 'us-east-1',
    insecureTestEndpoint: origins.tokens,
  }
  policy.rules.push(
    {
      id: 'objects',
      allow: {
        api: ['objects', 'aws'],
        operations: [
          's3:PutObject',
          's3:CopyObject',
          's3:CreateMultipartUpload',
          's3:UploadPart',
          's3:CompleteMultipartUpload',
          's3:DeleteObjects',
        ],
        resources: ['arn:aws:s3:::acme-releases/web/*', 'arn:aws:s3:::releases/web/*'],
      },
      to: 'coder',
    },
    { id: 'objects-read', allow: { api: 'objects', class: 'read' }, to: 'coder' },
    {
      id: 'tables',
      allow: {
        api: 'aws',
        operations: ['dynamodb:CreateTable', 'dynamodb:PutItem', 'dynamodb:BatchWriteItem'],
        resources: ['arn:aws:dynamodb:eu-west-1:111122223333:table/orders'],
      },
      to: 'coder',
    },
    {
      id: 'messages-and-metrics',
      allow: { api: 'aws', operations: ['sqs:SendMessage', 'cloudwatch:PutMetricData', 'kms:Encrypt'] },
      to: 'coder',
    },
    {
      id: 'one-message-each',
      allow: { api: 'aws', operations: ['sqs:ReceiveMessage'] },
      to: 'coder',
    },
  )
  return stringify(policy)
}
