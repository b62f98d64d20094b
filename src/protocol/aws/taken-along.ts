import type { JsonObject } from '../../canon/index.js'
import { stepsOf, valuesAt } from '../argument-rule.js'
import { type Resource, UNMAPPED } from '../operation.js'

/** What an operation does to other things along with one that it names: how that is written, the others, and where it does. */
interface Along {
  readonly of: RegExp
  readonly others: readonly string[]
  readonly when?: (args: JsonObject, resources: readonly Resource[]) => boolean
}

const SNAPSHOT_OF_EITHER: Along = {
  of: /^(arn:[^:]+:rds:[^:]*:[0-9]*:)cluster-(snapshot:.+)$/,
  others: ['$1$2'],
}
const BLUE_GREEN: Along = {
  of: /^(arn:[^:]+:rds:[^:]*:[0-9]*:)deployment:.+$/,
  others: ['$1cluster:*', '$1db:*'],
}
const FLEET: Along = {
  of: /^(arn:[^:]+:ec2:[^:]*:[0-9]*:)(?:fleet|spot-fleet-request)\/.+$/,
  others: ['$1instance/*'],
  when: ({ TerminateInstances: asked }) => (asked ?? false) !== false,
}
const PATHS_BELOW: Along = { of: /^(arn:[^:]+:apigateway:.+)$/, others: ['$1/*'] }

/*
 * ATTACK: the snapshots of an image, the versions of a function, the objects of a bucket that a lifecycle lets expire, past a deny
 * of them. Which they are the request doesn't say.
 */
const ALONG: Readonly<Record<string, readonly Along[]>> = {
  'apigateway:DeleteRestApi': [PATHS_BELOW],
  'apigatewayv2:DeleteApi': [PATHS_BELOW],
  'docdb:RestoreDBClusterFromSnapshot': [SNAPSHOT_OF_EITHER],
  'ec2:CancelSpotFleetRequests': [FLEET],
  'ec2:DeleteFleets': [FLEET],
  'ec2:DeregisterImage': [
    {
      of: /^(arn:[^:]+:ec2:[^:]*:)[0-9]*:image\/.+$/,
      others: ['$1*:snapshot/*'],
      when: ({ DeleteAssociatedSnapshots: asked }) => (asked ?? false) !== false,
    },
  ],
  'kinesis:DeleteStream': [
    { of: /^(arn:[^:]+:kinesis:[^:]*:[0-9]*:stream\/[^/]+)$/, others: ['$1/consumer/*:*'] },
  ],
  'lambda:DeleteFunction': [
    {
      of: /^(arn:[^:]+:lambda:[^:]*:[0-9]*:function:[^:]+)$/,
      others: ['$1:*'],
      // A function that is named by a version is named without it as well.
      when: ({ Qualifier: version }, resources) => (version ?? '') === '' && resources.length === 1,
    },
  ],
  'neptune:RestoreDBClusterFromSnapshot': [SNAPSHOT_OF_EITHER],
  'rds:DeleteBlueGreenDeployment': [BLUE_GREEN],
  'rds:RestoreDBClusterFromSnapshot': [SNAPSHOT_OF_EITHER],
  'rds:RestoreDBInstanceToPointInTime': [
    { of: /^(arn:[^:]+:rds:[^:]*:[0-9]*:)auto-backup:.+$/, others: ['$1db:*'] },
  ],
  'rds:SwitchoverBlueGreenDeployment': [BLUE_GREEN],
  'redshift:ModifyClusterSnapshot': [
    { of: /^(arn:[^:]+:redshift:[^:]*:[0-9]*:)snapshot:\*\/.+$/, others: ['$1cluster:*'] },
  ],
  's3:PutBucketLifecycleConfiguration': [{ of: /^(arn:[^:]+:s3:::[^/]+)$/, others: ['$1/*', '$1/*:*'] }],
  'scheduler:DeleteScheduleGroup': [
    { of: /^(arn:[^:]+:scheduler:[^:]*:[0-9]*:)schedule-group\/(.+)$/, others: ['$1schedule/$2/*'] },
  ],
  'transfer:DeleteServer': [
    { of: /^(arn:[^:]+:transfer:[^:]*:[0-9]*:)server\/(.+)$/, others: ['$1user/$2/*'] },
  ],
}

/** Arguments that name regions in which a thing has a replica of the same name. */
const REPLICAS: Readonly<Record<string, readonly string[]>> = {
  'dynamodb:UpdateGlobalTable': ['Create', 'Delete'].map(kind => `ReplicaUpdates[].${kind}.RegionName`),
  'dynamodb:UpdateTable': ['Create', 'Delete', 'Update'].map(kind => `ReplicaUpdates[].${kind}.RegionName`),
  'secretsmanager:RemoveRegionsFromReplication': ['RemoveReplicaRegions[]'],
  'secretsmanager:ReplicateSecretToRegions': ['AddReplicaRegions[].Region'],
}

/** Whether an operation may do so at all. */
export function takesAlong(operation: string): boolean {
  return Object.hasOwn(ALONG, operation) || Object.hasOwn(REPLICAS, operation)
}

/** What goes with what is named, a star for what the request doesn't say, as hold and deny may name it. */
export function takenAlong(
  operation: string,
  resources: readonly Resource[],
  args: JsonObject,
): readonly Resource[] {
  const along = Object.hasOwn(ALONG, operation) ? (ALONG[operation] ?? []) : []
  const others = along
    .filter(({ when }) => when === undefined || when(args, resources))
    .flatMap(each => resources.flatMap(resource => withIt(each, resource)))
  return [...others, ...replicasOf(operation, resources, args)]
}

function withIt({ of, others }: Along, { id }: Resource): readonly Resource[] {
  if (!of.test(id)) return []
  return others.map(other => id.replace(of, other)).map(like => ({ type: UNMAPPED, id: like, like }))
}

function replicasOf(
  operation: string,
  resources: readonly Resource[],
  args: JsonObject,
): readonly Resource[] {
  const paths = Object.hasOwn(REPLICAS, operation) ? (REPLICAS[operation] ?? []) : []
  const regions = paths
    .flatMap(path => valuesAt(args, stepsOf(path)))
    .filter(value => typeof value === 'string')
  return resources
    .filter(({ id }) => id.startsWith('arn:'))
    .flatMap(({ type, id, like = id }) =>
      regions.map(region => ({ type, id: inRegion(id, region), like: inRegion(like, region) })),
    )
}

function inRegion(arn: string, region: string): string {
  return arn.replace(/^((?:[^:]*:){3})[^:]*/, (_, head: string) => head + region)
}
