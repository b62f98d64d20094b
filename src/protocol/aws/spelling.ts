import type { JsonObject } from '../../canon/index.js'
import { type Resource, UNMAPPED } from '../operation.js'

/** How the ARN of a service's resource may be written besides: what to look for, and what to put in its place. */
type Spelling = readonly [form: RegExp, other: string]

/*
 * ATTACK: a deny of the ARN that the console shows, and a request that says less of it, or more. One thing, so that an
 * allow of either is one of that thing; `*` stands for what isn't said.
 */
const SPELLINGS: Readonly<Record<string, readonly Spelling[]>> = {
  // The path in front of a name, which is unique without it.
  iam: [
    [
      /^(arn:[^:]+:iam::[0-9]*:(?:role|user|group|policy|instance-profile|server-certificate)\/)([^/]+)$/,
      '$1*/$2',
    ],
  ],
  // The older ARNs, without the cluster.
  ecs: [
    [/^(arn:[^:]+:ecs:[^:]*:[0-9]*:(?:service|task|container-instance|task-set)\/)([^/]+)$/, '$1*/$2'],
    [/^(arn:[^:]+:ecs:[^:]*:[0-9]*:task-definition\/[^:/]+)$/, '$1:*'],
    [/^(arn:[^:]+:ecs:[^:]*:[0-9]*:)task-set\/([^/]+\/[^/]+)\/.+$/, '$1service/$2'],
  ],
  // Nodes are called after their group.
  elasticache: [
    [/^(arn:[^:]+:elasticache:[^:]*:[0-9]*:)replicationgroup:(.+)$/, '$1cluster:$2-*'],
    [/^(arn:[^:]+:elasticache:[^:]*:[0-9]*:)cluster:(.+?)(?:-[0-9]{4})?-[0-9]{3}$/, '$1replicationgroup:$2'],
  ],
  // A store is called by its name, and its ARN ends in an id.
  cloudfront: [[/^(arn:[^:]+:cloudfront::[0-9]*:key-value-store\/).+$/, '$1*']],
  // Whatever of an API it is, its ARN begins with the API's.
  apigateway: [[/^(arn:[^:]+:apigateway:[^:]*::\/(?:apis|restapis)\/[^/]+)\/.+$/, '$1']],
  // What is scaled is named as its own service names it, more or less.
  'application-autoscaling': [
    [/^arn:([^:]+):application-autoscaling:[^:]*:[0-9]*:scalable-target\/(.+)$/, 'arn:$1:*:*:*:$2'],
    [
      /^arn:([^:]+):application-autoscaling:[^:]*:[0-9]*:scalable-target\/((?:endpoint|table)\/[^/]+)\/.+$/,
      'arn:$1:*:*:*:$2',
    ],
    [
      /^arn:([^:]+):application-autoscaling:[^:]*:[0-9]*:scalable-target\/(function:[^:]+):.+$/,
      'arn:$1:lambda:*:*:$2',
    ],
    [
      /^arn:([^:]+):application-autoscaling:[^:]*:[0-9]*:scalable-target\/(keyspace\/.+)$/,
      'arn:$1:cassandra:*:*:/$2',
    ],
    [
      /^arn:([^:]+):application-autoscaling:[^:]*:[0-9]*:scalable-target\/replication-group\/(.+)$/,
      'arn:$1:elasticache:*:*:replicationgroup:$2',
    ],
  ],
  // Backups of a table, and other ways to what is in it, are below its name.
  dynamodb: [
    [/^(arn:[^:]+:dynamodb:[^:]*:[0-9]*:table\/[^/]+)\/(?:backup|export|import|index|stream)\/.+$/, '$1'],
  ],
  kinesis: [[/^(arn:[^:]+:kinesis:[^:]*:[0-9]*:stream\/[^/]+)\/consumer\/.+$/, '$1']],
  // Snapshots have their cluster's name in front.
  redshift: [[/^(arn:[^:]+:redshift:[^:]*:[0-9]*:)snapshot:([^/*]+)\/.+$/, '$1cluster:$2']],
  cloudformation: [
    [/^(arn:[^:]+:cloudformation:[^:]*:[0-9]*:stack\/[^/]+)\/[^/]+$/, '$1'],
    [/^(arn:[^:]+:cloudformation:[^:]*:[0-9]*:stackset\/[^:/]+)$/, '$1:*'],
  ],
  // Which key is behind an alias nobody says, wherever it stands.
  kms: [[/^(arn:[^:]+:kms:[^:]*:[0-9]*:)alias\/.+$/, '$1key/*']],
  // Without a revision it is the newest.
  batch: [[/^(arn:[^:]+:batch:[^:]*:[0-9]*:job-definition\/[^:/]+)$/, '$1:*']],
  logs: [
    [/^(arn:[^:]+:logs:[^:]*:[0-9]*:log-group:[^:]+)$/, '$1:*'],
    [/^(arn:[^:]+:logs:[^:]*:[0-9]*:log-group:[^:]+):\*$/, '$1'],
    [/^(arn:[^:]+:logs:[^:]*:[0-9]*:log-group:[^:]+):log-stream:.+$/, '$1'],
  ],
  // Whose an image or a snapshot is, its ARN says in one place and not in another.
  ec2: [[/^(arn:[^:]+:ec2:[^:]*:)[0-9]*(:(?:image|snapshot)\/.+)$/, '$1*$2']],
  // `/hostedzone/Z1`, as Route 53 itself writes it in answers.
  route53: [[/^(arn:[^:]+:route53:::)(hostedzone|healthcheck|change|delegationset)\/\/\2\/(.+)$/, '$1$2/$3']],
  // A secret that is read by way of the parameter store.
  ssm: [
    [
      /^arn:([^:]+):ssm:([^:]*):([0-9]*):parameter\/aws\/reference\/secretsmanager\/(.+)$/,
      'arn:$1:secretsmanager:$2:$3:secret:$4',
    ],
    [
      /^arn:([^:]+):ssm:([^:]*):([0-9]*):parameter\/aws\/reference\/secretsmanager\/(.+)$/,
      'arn:$1:secretsmanager:$2:$3:secret:$4-*',
    ],
  ],
  // A listener and a rule of it are part of a load balancer, whose name and id they hold.
  elasticloadbalancing: [
    [
      /^(arn:[^:]+:elasticloadbalancing:[^:]*:[0-9]*:)listener(?:-rule)?\/((?:app|net|gwy)\/[^/]+\/[^/]+)\/.+$/,
      '$1loadbalancer/$2',
    ],
    [
      /^(arn:[^:]+:elasticloadbalancing:[^:]*:[0-9]*:)listener-rule\/((?:app|net|gwy)(?:\/[^/]+){3})\/[^/]+$/,
      '$1listener/$2',
    ],
  ],
  // A version or an alias of it, and an execution.
  states: [
    [/^(arn:[^:]+:states:[^:]*:[0-9]*:stateMachine:[^:]+):[^:]+$/, '$1'],
    [/^(arn:[^:]+:states:[^:]*:[0-9]*:)(?:execution|express|mapRun):([^:/]+)[:/].+$/, '$1stateMachine:$2'],
  ],
  // A name that ends as if it were whole: `my-secret`.
  secretsmanager: [[/^(arn:[^:]+:secretsmanager:[^:]*:[0-9]*:secret:.+)$/s, '$1-*']],
  // Which bucket is behind an access point nobody says; nor behind its alias, which no bucket can be called.
  s3: [
    [/^arn:([^:]+):s3:[^:]*:[0-9]+:accesspoint[/:][^/]+(?:\/object(\/.*))?$/s, 'arn:$1:s3:::*$2'],
    [/^arn:([^:]+):s3:::[^/]+(?:-s3alias|--ol-s3)(\/.*)?$/s, 'arn:$1:s3:::*$2'],
  ],
  's3-object-lambda': [
    [
      /^arn:([^:]+):s3-object-lambda:[^:]*:[0-9]+:accesspoint[/:][^/]+(?:\/object(\/.*))?$/s,
      'arn:$1:s3:::*$2',
    ],
  ],
}

/** Other ARNs of the same resources, as hold and deny may name them. */
export function otherSpellings(resources: readonly Resource[], args: JsonObject): readonly Resource[] {
  // ATTACK: a part by its own type, past a deny of the whole by the whole's.
  return resources.flatMap(({ id }) =>
    spellingsOf(id, args).map(like => ({ type: UNMAPPED, id: like, like })),
  )
}

function spellingsOf(id: string, { Qualifier: qualifier, Name: alias }: JsonObject): readonly string[] {
  const [, , service = ''] = id.split(':', 3)
  switch (service) {
    case 'lambda': {
      const [, whole] = /^(arn:[^:]+(?::[^:]*){3}:function:[^:]+):[^:]+$/.exec(id) ?? []
      if (whole !== undefined) return [whole, id]
      if (!/^arn:[^:]+(?::[^:]*){3}:function:[^:]+$/.test(id)) return []
      // An alias that is made, pointed elsewhere or deleted; what isn't qualified is the newest.
      return [qualifier ?? alias ?? '$LATEST']
        .filter(part => typeof part === 'string')
        .map(part => `${id}:${part}`)
    }
    // Its ARNs are in lower case, whatever the thing is called.
    case 'sagemaker':
      return id === id.toLowerCase() ? [] : [id.toLowerCase()]
    default: {
      const spellings = Object.hasOwn(SPELLINGS, service) ? (SPELLINGS[service] ?? []) : []
      return spellings.filter(([form]) => form.test(id)).map(([form, other]) => id.replace(form, other))
    }
  }
}

/** The arguments in the words that a service's ARNs have for them. */
export function argumentsOfArns(service: string, args: JsonObject): JsonObject {
  if (service !== 'wafv2') return args
  const scope = args.Scope === 'REGIONAL' ? 'regional' : args.Scope === 'CLOUDFRONT' ? 'global' : null
  return scope === null ? args : { ...args, Scope: scope }
}

/** The arguments with what a service takes for granted where they don't say it; null where there is nothing to add. */
export function argumentsAssumed(service: string, args: JsonObject): JsonObject | null {
  const open = service === 'ecs' && (args.cluster === undefined || args.cluster === null)
  return open ? { ...args, cluster: 'default' } : null
}
