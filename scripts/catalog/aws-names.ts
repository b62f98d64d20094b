import type { AwsModel } from './aws-source.js'

/** Services whose file in the package `aws-sdk` has another name than the AWS CLI's data, which names services here. */
const ID_OF_FILE: Readonly<Record<string, string>> = {
  AWSMigrationHub: 'mgh',
  elasticfilesystem: 'efs',
  elasticloadbalancing: 'elb',
  elasticloadbalancingv2: 'elbv2',
  elasticmapreduce: 'emr',
  email: 'ses',
  'entitlement.marketplace': 'marketplace-entitlement',
  eventbridge: 'events',
  'models.lex.v2': 'lexv2-models',
  monitoring: 'cloudwatch',
  'mturk-requester': 'mturk',
  'runtime.lex': 'lex-runtime',
  'runtime.lex.v2': 'lexv2-runtime',
  'runtime.sagemaker': 'sagemaker-runtime',
  states: 'stepfunctions',
  'streams.dynamodb': 'dynamodbstreams',
}

/** Files that describe an API which another file describes more completely. */
const SUPERSEDED: ReadonlySet<string> = new Set([
  // CloudWatch Events, the name of EventBridge before 2019: the same target, 51 of its 57 operations.
  'events',
])

/** Prefixes of IAM actions that aren't the service's signing name, which is the rule. */
const IAM_PREFIXES: Readonly<Record<string, string>> = {
  applicationcostprofiler: 'application-cost-profiler',
  cloudcontrol: 'cloudformation',
  cloudwatch: 'cloudwatch',
  'finspace-data': 'finspace-api',
  'iot-data': 'iot',
  'iot-jobs-data': 'iotjobsdata',
  'iotevents-data': 'iotevents',
  iotsecuretunneling: 'iot',
  mturk: 'mechanicalturk',
  resourcegroupstaggingapi: 'tag',
}

/** Id of the service that a file describes; null where another file describes it better. */
export function serviceId(file: string): string | null {
  return SUPERSEDED.has(file) ? null : (ID_OF_FILE[file] ?? file)
}

export function signingName(model: AwsModel): string {
  return model.metadata.signingName ?? model.metadata.endpointPrefix
}

export function iamPrefix(id: string, model: AwsModel): string {
  return IAM_PREFIXES[id] ?? signingName(model)
}

/** Throws on a table's entry that the package no longer has. */
export function checkNames(files: ReadonlySet<string>, ids: ReadonlySet<string>): void {
  for (const file of [...Object.keys(ID_OF_FILE), ...SUPERSEDED])
    if (!files.has(file)) throw new Error(`aws-names: the package has no ${file}`)
  for (const id of Object.keys(IAM_PREFIXES))
    if (!ids.has(id)) throw new Error(`aws-names: there is no service ${id}`)
}
