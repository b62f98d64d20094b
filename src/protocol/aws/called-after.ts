/** A text that stands for a thing, and what its argument is called after (`plainKind`); empty where after nothing. */
export interface Called {
  readonly kind: string
  readonly text: string
}

/** Where it stands. */
export interface CalledHome {
  /** In ARNs: `elasticloadbalancing`. */
  readonly service: string
  /** Kinds of things that the service names. */
  readonly kinds: ReadonlySet<string>
  readonly partition: string
  /** Of the request, which the service's own things are named in; null where it isn't known. */
  readonly region: string | null
  readonly account: string
}

/**
 * Arguments of a service that are called after what they name: that kind, and its ARN up to the name; null where they name
 * nothing. A star at the end stands for what the ARN has behind the name, and one behind a colon for a revision that may be said.
 */
type Words = readonly (readonly [kind: RegExp, arn: string | null])[]

/*
 * Names by which the services that are used most call their own things, and words in their arguments that name nothing. Without
 * them a change set of one stack might be another stack, and a tag of a container a cluster.
 */
const OWN: Readonly<Record<string, Words>> = {
  cloudformation: [[/^changeset$/, 'changeSet/*']],
  cloudwatch: [[/^(?:dimension|metric|metricstat|metricdataquery|metricquery)$/, null]],
  batch: [[/^jobdefinition$/, 'job-definition/:*']],
  ecs: [
    [/^cluster$/, 'cluster/'],
    [/^taskdefinition$/, 'task-definition/:*'],
    [/^capacityprovider$/, 'capacity-provider/'],
    [
      /^(?:attribute|command|container|containeroverride|environment|environmentfile|group|reference|resourcerequirement|setting)$/,
      null,
    ],
  ],
  eks: [[/^cluster$/, 'cluster/']],
  elasticloadbalancing: [[/^(?:host|redirectconfig)$/, null]],
  rds: [
    [/clusterparametergroup$/, 'cluster-pg:'],
    [/parametergroup$/, 'pg:'],
    [/optiongroup$/, 'og:'],
    [/subnetgroup$/, 'subgrp:'],
    [/dbsecuritygroup$/, 'secgrp:'],
    [/clustersnapshot$/, 'cluster-snapshot:'],
    [/dbsnapshot$/, 'snapshot:'],
    [/dbcluster$/, 'cluster:'],
    [/dbinstance$/, 'db:'],
    [/^(?:cacertificate|processorfeature|parameter)$/, null],
  ],
  route53: [[/^(?:change|dn|resourcerecordset|set)$/, null]],
  s3: [
    [
      /^(?:analyticsconfiguration|condition|corsrule|event|filter|filterrule|grant|grantee|host|id|inventoryconfiguration|metricsconfiguration|owner|redirect|redirectallrequeststo|routingrule|rule|topicconfiguration|queueconfiguration|lambdafunctionconfiguration)$/,
      null,
    ],
  ],
  secretsmanager: [[/version$/, null]],
}

/** `111122223333.dkr.ecr.eu-west-1.amazonaws.com/web:latest` */
const IMAGE =
  /^([0-9]{12})\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|on\.aws)\/([^:@]+)(?:[:@].*)?$/i
const KEY_ID = /^(?:mrk-[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i

/**
 * ARNs of what is meant by a name, a star for what it doesn't say, where its argument or the name itself says what kind of
 * thing it is: none where it names nothing, null where neither says. What is called so is a thing of that kind and no other.
 */
export function arnsCalled(called: Called, home: CalledHome): readonly string[] | null {
  return foreign(called, home) ?? ownOf(called, home)
}

function ownOf(
  { kind, text }: Called,
  { service, partition, region, account }: CalledHome,
): readonly string[] | null {
  const [, arn] = OWN[service]?.find(([word]) => word.test(kind)) ?? []
  if (arn === undefined) return null
  if (arn === null) return []
  const home = `arn:${partition}:${service}:${region ?? '*'}:${account}:`
  // Without the path that it may be written with.
  const name = text.slice(text.lastIndexOf('/') + 1)
  if (arn.endsWith(':*')) {
    const named = `${home}${arn.slice(0, -2)}${name}`
    return name.includes(':') ? [named] : [named, `${named}:*`]
  }
  return [arn.endsWith('*') ? `${home}${arn.slice(0, -1)}${name}/*` : `${home}${arn}${name}`]
}

/** Things of a few services that arguments of all others name. */
function foreign(
  { kind, text }: Called,
  { service, kinds, partition }: CalledHome,
): readonly string[] | null {
  const arn = `arn:${partition}:`
  const [, account, region, repository] = IMAGE.exec(text) ?? []
  if (repository !== undefined) return [`${arn}ecr:${region}:${account}:repository/${repository}`]
  const isKey = /kms(?:master)?key$/.test(kind)
  const isKeyElsewhere = kind.endsWith('key') && ![...kinds].some(known => known.endsWith('key'))
  if (isKey || (isKeyElsewhere && (text.startsWith('alias/') || KEY_ID.test(text)))) {
    // Which key is behind an alias nobody says.
    const home = `${arn}kms:*:*:`
    return text.startsWith('alias/') ? [`${home}${text}`, `${home}key/*`] : [`${home}key/${text}`]
  }
  const located = arnsOfUrl(text, partition)
  if (located !== null) return located
  // Part of what the bucket beside it names.
  if (/s3(?:object)?(?:key|prefix|keyprefix|version)$/.test(kind)) return []
  const isElsewhere = (name: string): boolean => kind.endsWith(name) && !kinds.has(name)
  if (kind.endsWith('bucket') && (service === 's3' || !kinds.has('bucket'))) return inBucket(text, partition)
  if (/(?:principal|^service)$/.test(kind) && text.endsWith('.amazonaws.com')) return []
  const name = text.slice(text.lastIndexOf('/') + 1)
  // Of one name by custom: the console makes both, and whoever starts a machine with the profile has the role.
  if (isElsewhere('instanceprofile'))
    return ['instance-profile', 'role'].flatMap(each => inPaths(`${arn}iam::*:${each}/`, name))
  if (isElsewhere('role')) return inPaths(`${arn}iam::*:role/`, name)
  if (isElsewhere('loggroup')) return ['', ':*'].map(rest => `${arn}logs:*:*:log-group:${text}${rest}`)
  return isElsewhere('launchtemplate') ? [`${arn}ec2:*:*:launch-template/*`] : null
}

const HOST = /^(?:https?:\/\/)?([^/:]{1,255})(?::[0-9]+)?(?:\/([^/?]*)|$)/i
/** In front of it the bucket, where that isn't the first part of the path. */
const S3_HOST = /^(?:(.+)\.)?s3(?:[.-][a-z0-9.-]+)?\.amazonaws\.com(?:\.cn)?$/i

/**
 * `s3://bucket/key`, `https://bucket.s3.eu-west-1.amazonaws.com/key`, `https://s3.eu-west-1.amazonaws.com/bucket/key`, or a
 * host alone: the bucket that a URL of S3 is in, with all that is in it; null for any other text.
 */
export function arnsOfUrl(text: string, partition: string): readonly string[] | null {
  const bucket = /^s3[an]?:\/\/([^/]+)/i.exec(text)?.[1] ?? bucketOfHost(text)
  return bucket === undefined ? null : inBucket(bucket, partition)
}

function bucketOfHost(text: string): string | undefined {
  const [, host = '', first] = HOST.exec(text) ?? []
  const match = S3_HOST.exec(host)
  return match === null ? undefined : (match[1] ?? first)
}

/** Of IAM: its name is unique without the path in front. */
function inPaths(home: string, name: string): readonly string[] {
  return [`${home}${name}`, `${home}*/${name}`]
}

/** A bucket and all that is in it, keys with colons too; whichever it is behind the alias of an access point. */
function inBucket(text: string, partition: string): readonly string[] {
  const [bucket = ''] = text.split('/')
  const name = /(?:-s3alias|--ol-s3)$/.test(bucket) ? '*' : bucket
  return ['', '/*', '/*:*'].map(rest => `arn:${partition}:s3:::${name}${rest}`)
}
