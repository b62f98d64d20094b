import type { AwsResource } from '../../src/protocol/index.js'

/**
 * Resources of services that take `Orders` and `orders` for one name, by what their ARN begins with; Neptune's and
 * DocumentDB's are RDS's. Of Glue only what is in its data catalog: its jobs and crawlers keep their case. DMS folds
 * names as well, but its ARNs end in an id of its own in capitals.
 */
const FOLDED = new RegExp(
  `^arn:\\{partition\\}:(?:${[
    'rds:',
    'redshift:',
    'elasticache:',
    'memorydb:',
    'glue:\\{region\\}:\\{account\\}:(?:database|table|tableVersion|userDefinedFunction)/',
  ].join('|')})`,
)

/** Ids that AWS makes up, with capitals: `{DbiResourceId}` is `db-ABCDEFGHIJKL01234`. */
const MADE_UP = /(?:ResourceId|AutomatedBackupsArn)\}/

/** The resource, saying that its service folds case where it does and an argument names it. */
export function folded(resource: AwsResource): AwsResource {
  const { arn } = resource
  const isNamed = /\{(?!partition\}|region\}|account\})/.test(arn)
  return isNamed && FOLDED.test(arn) && !MADE_UP.test(arn) ? { ...resource, fold: true } : resource
}
