import { withoutTrailing } from '../trailing.js'
import type { AwsResource } from './document.js'

/** What an ARN takes from elsewhere than the arguments. */
export interface ArnContext {
  readonly partition: string
  readonly account: string
  /** Null where it isn't known; an ARN with a region is then none. */
  readonly region: string | null
}

/** What the values in a template's places turn out to be. */
export type Form =
  /** The ARN whole; with what else the name may mean (`Resource.like`). */
  | { readonly kind: 'arn'; readonly arn: string; readonly like?: string }
  /** One thing under two ARNs, each of which a rule may name. */
  | { readonly kind: 'arns'; readonly arns: readonly string[] }
  /** Values for the places of the template. */
  | { readonly kind: 'values'; readonly values: readonly string[] }
  | { readonly kind: 'unclear' }

const UNCLEAR: Form = { kind: 'unclear' }
/** `arn:partition:service:region:account:…`; whatever else an ARN holds stays as it was given. */
const ARN = /^arn:[a-z0-9-]+:[a-z0-9-]+:[a-z0-9-]*:[0-9]{0,12}:[^\p{Cc}]+$/u

/** Reads the arguments that name a resource, each service's way. `row` holds one value for each place. */
export function formOf(from: AwsResource['from'], row: readonly string[], context: ArnContext): Form {
  switch (from) {
    case 'queue-url':
      return queue(row, context)
    case 'function':
      return lambdaFunction(row, context)
    case 'copy-source':
      return copySource(row, context)
    case 'key-id':
      return key(row, context)
    case 'bucket':
      return bucket(row)
    case 'parameter':
      return parameter(row)
    case 'parameter-path':
      return parameterPath(row, context)
    case 'secret':
      return secret(row, context)
    case 'alias':
    case undefined:
      return plain(row)
  }
}

/** An ARN in the last place stands for the whole. */
function plain(row: readonly string[]): Form {
  const last = row.at(-1)
  if (last?.startsWith('arn:') !== true) return { kind: 'values', values: row }
  return ARN.test(last) ? { kind: 'arn', arn: last } : UNCLEAR
}

/**
 * `https://sqs.eu-west-1.amazonaws.com/111122223333/name`: the request goes to the region's own endpoint whatever
 * host the URL names, and SQS reads account and name of it.
 */
function queue([url = '']: readonly string[], { partition, region }: ArnContext): Form {
  const match = /^https?:\/\/[A-Za-z0-9.:-]+\/([0-9]{12})\/([A-Za-z0-9_-]{1,80}(?:\.fifo)?)$/.exec(url)
  if (match === null || region === null) return UNCLEAR
  return { kind: 'arn', arn: `arn:${partition}:sqs:${region}:${match[1]}:${match[2]}` }
}

/**
 * `name`, `name:alias`, `111122223333:function:name`, `function:name` and the ARN. ATTACK: `payments:$LATEST`, past a
 * rule for the function: what is qualified is named twice.
 */
function lambdaFunction(row: readonly string[], { partition, account, region }: ArnContext): Form {
  const name = row.at(-1) ?? ''
  // `111122223333:name` is a function to some, and an alias of one with digits for a name to others.
  if (/^[0-9]{12}:(?!function:)/.test(name)) return UNCLEAR
  const whole = /^(arn:[a-z0-9-]+:lambda:[a-z0-9-]+:[0-9]{12}:function:)([^:]+(?::[^:]+)?)$/.exec(name)
  const short = /^(?:(?:([0-9]{12}):)?function:)?([A-Za-z0-9_-]{1,140}(?::[A-Za-z0-9$_-]{1,128})?)$/.exec(
    name,
  )
  const match = whole ?? short
  // ATTACK: `arn:aws:lambda:eu-west-1:111122223333:pay`: by its own pattern Lambda takes an ARN without the word.
  if (match === null) return UNCLEAR
  if (region === null) return UNCLEAR
  const home = whole?.[1] ?? `arn:${partition}:lambda:${region}:${short?.[1] ?? account}:function:`
  const qualified = match[2] ?? ''
  return {
    kind: 'arns',
    arns: [...new Set([upToColon(qualified), qualified])].map(each => home + each),
  }
}

/**
 * `/bucket/key?versionId=1` or an access point's ARN with `/object/key`, percent-encoded. ATTACK: a `+`, which is a
 * space to some readers, and a `?` that isn't the version's: which object that is can't be told.
 */
function copySource([text = '']: readonly string[], { partition }: ArnContext): Form {
  const version = text.lastIndexOf('?versionId=')
  const path = version < 0 ? text : text.slice(0, version)
  if (/[?+]/.test(path)) return UNCLEAR
  let source: string
  try {
    source = decodeURIComponent(path.startsWith('/') ? path.slice(1) : path)
  } catch {
    return UNCLEAR
  }
  if (source.startsWith('arn:')) return source.includes('/object/') ? plain([source]) : UNCLEAR
  const slash = source.indexOf('/')
  if (slash < 1 || slash === source.length - 1) return UNCLEAR
  return { kind: 'arn', arn: `arn:${partition}:s3:::${source}` }
}

/** A key's id, `alias/name` or the ARN of either; which key an alias is for nobody says. */
function key(row: readonly string[], { partition, account, region }: ArnContext): Form {
  const id = row.at(-1) ?? ''
  const named = /^arn:[a-z0-9-]+:kms:[a-z0-9-]+:[0-9]{12}:alias\/./.test(id)
  if (!named && !id.startsWith('alias/')) return plain([...row.slice(0, -1), id.toLowerCase()])
  if (region === null) return UNCLEAR
  const home = named ? id.slice(0, id.indexOf(':alias/') + 1) : `arn:${partition}:kms:${region}:${account}:`
  return { kind: 'arn', arn: named ? id : home + id, like: `${home}key/*` }
}

/** A secret's name or its ARN, which ends in six characters that AWS adds; without them it means the secret as well. */
function secret(row: readonly string[], { partition, account, region }: ArnContext): Form {
  const id = row.at(-1) ?? ''
  if (region === null || id === '') return UNCLEAR
  const whole = id.startsWith('arn:')
  if (whole && !ARN.test(id)) return UNCLEAR
  if (whole && /-[A-Za-z0-9]{6}$/.test(id)) return { kind: 'arn', arn: id }
  const arn = whole ? id : `arn:${partition}:secretsmanager:${region}:${account}:secret:${id}`
  return { kind: 'arn', arn, like: `${arn}-*` }
}

/** All parameters below a path, `/` for every one. */
function parameterPath(row: readonly string[], { partition, account, region }: ArnContext): Form {
  const path = row.at(-1) ?? ''
  if (region === null || !path.startsWith('/')) return UNCLEAR
  const home = `arn:${partition}:ssm:${region}:${account}:parameter`
  const bare = withoutTrailing(path, '/')
  return { kind: 'arn', arn: `${home}${bare === '' ? '/' : bare}`, like: `${home}${bare}/*` }
}

/** A bucket, or an access point by its ARN; a second place is the object's key, which may look like anything. */
function bucket([name = '', ...keys]: readonly string[]): Form {
  if (!name.startsWith('arn:')) return { kind: 'values', values: [name, ...keys] }
  if (!ARN.test(name)) return UNCLEAR
  return { kind: 'arn', arn: keys.length === 0 ? name : `${name}/object/${keys.join('/')}` }
}

/**
 * A parameter of SSM: `/prod/key` is `parameter/prod/key`, `key` is `parameter/key`. A version or a label behind a
 * colon is the same parameter.
 */
function parameter(row: readonly string[]): Form {
  const name = row.at(-1) ?? ''
  if (name.startsWith('arn:')) return plain([name.replace(/^((?:[^:]*:){5}[^:]*):.*$/, '$1')])
  return { kind: 'values', values: [upToColon(name).replace(/^\//, '')] }
}

function upToColon(text: string): string {
  const colon = text.indexOf(':')
  return colon < 0 ? text : text.slice(0, colon)
}

/** What an ARN ends in: `arn:…:cluster/name` → `name`. */
export function lastPartOfArn(arn: string): string {
  return arn.slice(Math.max(arn.lastIndexOf('/'), arn.lastIndexOf(':')) + 1)
}

/** Account and region that an ARN names; empty where it names none, as S3's do. */
export function ownerOf(arn: string): { readonly region: string; readonly account: string } | null {
  if (!arn.startsWith('arn:')) return null
  const [, , , region = '', account = ''] = arn.split(':')
  return { region, account }
}
