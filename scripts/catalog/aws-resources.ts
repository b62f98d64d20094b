import type { AwsResource } from '../../src/protocol/index.js'
import type { Place } from './aws-places.js'
import type { IamAction, IamService } from './aws-source.js'
import { MEMBER_TYPES, TEMPLATES, UNNAMED_TYPES } from './aws-targets.js'

/** What an operation acts on, as far as its arguments tell. */
export interface OperationTargets {
  readonly resources: readonly AwsResource[]
  /** Paths that a resource was made of. */
  readonly mapped: ReadonlySet<string>
}

/** What is known of the operation whose targets are asked for. */
export interface TargetsOf {
  readonly service: string
  readonly name: string
  readonly action: IamAction | undefined
  readonly iam: IamService | undefined
  readonly places: readonly Place[]
  /** It makes something new; what IAM asks for beside may have no name yet. */
  readonly creates: boolean
  /** `DELETE /restapis/{restapi_id}`; undefined for an operation that isn't called by path. */
  readonly http: string | undefined
  /** Members of the input by the labels that stand for them in the path. */
  readonly labels: ReadonlyMap<string, string>
}

const NOTHING: OperationTargets = { resources: [], mapped: new Set() }

/**
 * Joins the resource types that IAM authorises an action on with the arguments that name them, by the tables for the
 * services that are used most and by names elsewhere. An operation whose resources can't all be told has none, so that
 * no rule on resources takes a part for the whole.
 */
export function targetsOf(operation: TargetsOf): OperationTargets {
  const written = TEMPLATES.get(`${operation.service}:${operation.name}`)
  if (written !== undefined) return targets(written)
  const { action, iam } = operation
  const path = pathOf(operation)
  if (path !== null) return targets([called(path, operation)])
  if (action === undefined || iam === undefined || action.resourceTypes.length === 0) return NOTHING
  const arns = new Map(Object.entries(iam.resources).map(([name, { arn }]) => [name.toLowerCase(), arn]))
  const found = action.resourceTypes.map(({ name, required }) => ({
    name,
    required,
    arn: arns.get(name.toLowerCase())?.split(',')[0] ?? null,
  }))
  const templates = found.map(type => ({
    ...type,
    resources: type.arn === null ? [] : resourcesAs(type.name, type.arn, operation),
  }))
  const needed = templates.filter(({ required }) => required)
  const unnamed = needed.filter(({ resources }) => resources.length === 0)
  if (unnamed.length > 0 && !operation.creates) return NOTHING
  const asked = operation.creates || needed.length === 0 ? templates : needed
  const resources = asked.flatMap(type => type.resources)
  const told = distinct(resources)
  if (told.length === 0) return NOTHING
  return targets([...told, ...unnamed.flatMap(({ name, arn }) => unfilled(name, arn))])
}

/** Services whose ARNs are the paths that they are called by. Their tags are put on what an argument names. */
const BY_PATH: ReadonlySet<string> = new Set(['apigateway', 'apigatewayv2'])

/** `/restapis/{restapi_id}/stages/{stage_name}`; null where an ARN isn't that. */
function pathOf({ service, http = '' }: TargetsOf): string | null {
  const [, path = ''] = /^[A-Z]+ (?:\/v2)?(\/[^?]+)/.exec(http) ?? []
  return BY_PATH.has(service) && path !== '' && !path.startsWith('/tags/') ? path : null
}

/**
 * ATTACK: a stage of a REST API, past a deny of it: IAM's table has two ARNs for the word, and the first is that of
 * another kind of API.
 */
function called(path: string, { action, iam, labels }: TargetsOf): AwsResource {
  const shape = path.replace(/\{[^{}]+\}/g, '*')
  const known = action?.resourceTypes.find(({ name }) =>
    (iam?.resources[name.toLowerCase()]?.arn ?? '').split(', ').some(arn => shapeOf(arn) === shape),
  )
  const arn = path.replace(/\{([^{}]+)\}/g, (_, label: string) => `{${labels.get(label) ?? label}}`)
  return { type: known?.name ?? 'resource', arn: `arn:{partition}:apigateway:{region}::${arn}` }
}

function shapeOf(arn: string): string {
  const sections = arn.split(':')
  return sections
    .slice(5)
    .join(':')
    .replace(/\$\{[^{}]+\}/g, '*')
}

function targets(resources: readonly AwsResource[]): OperationTargets {
  const paths = resources.flatMap(({ arn }) =>
    [...arn.matchAll(/\{([^{}]+)\}/g)].map(match => match[1] as string),
  )
  return { resources, mapped: new Set(paths) }
}

/**
 * One argument stands for one kind of thing. An ARN says which; of anything else that could be several kinds, nobody can
 * tell, and the operation has no resources.
 */
function distinct(resources: readonly AwsResource[]): readonly AwsResource[] {
  const first = new Map<string, AwsResource>()
  for (const resource of resources) {
    const places = [...resource.arn.matchAll(/\{([^{}]+)\}/g)].map(match => match[1] as string)
    const last = places.at(-1) ?? ''
    const key = places.every(path => CONTEXT.has(path)) ? resource.arn : places.join()
    const known = first.get(key)
    if (known === undefined) first.set(key, resource)
    else if (known.arn !== resource.arn && !/(?:[aA]rn|ARN|Identifier|ResourceName)(?:s?\[\])?$/.test(last))
      return []
  }
  return [...first.values()]
}

/** A type that IAM asks for, and the request doesn't name: the ARN keeps places that no argument fills. */
function unfilled(type: string, arn: string | null): AwsResource[] {
  return arn === null || variablesOf(arn).length === 0 ? [] : [{ type, arn: inPlaces(arn, new Map()) }]
}

function resourcesAs(type: string, arn: string, operation: TargetsOf): AwsResource[] {
  const variables = variablesOf(arn)
  const last = variables.at(-1)
  if (last === undefined) return [{ type, arn: inPlaces(arn, new Map()) }]
  const named = naming(type, last, operation)
  if (named.length === 0) return beginningOf(type, arn, variables, operation)
  return named.flatMap(place => {
    const whole = /[Aa]rns?$|ARNs?$/.test(place.name)
    const filled = new Map([[last, place.path]])
    for (const variable of variables.slice(0, -1)) {
      const above = naming('', variable, operation).find(
        other => other.path !== place.path && other.lists === 0,
      )
      if (above !== undefined) filled.set(variable, above.path)
    }
    const complete = variables.every(variable => filled.has(variable))
    // An argument that is an ARN stands for the whole, whatever is before it.
    if (!complete && !whole)
      return asFarAsKnown(operation.service, type, arn, variableOf(place, type, variables), place)
    const text = complete ? arn : `${arn.slice(0, arn.indexOf(`\${${variables[0]}}`))}\${${last}}`
    const label = isAnything(operation.service, place) ? 'resource' : type
    return [
      {
        type: label,
        arn: inPlaces(text, filled),
        ...aliasOf(operation.service, place, last),
        ...formOf(operation.service, type, place),
      },
    ]
  })
}

/** ARNs that end in what AWS makes up, such as `stack/${StackName}/${Id}`, where the name is told by an argument. */
function beginningOf(
  type: string,
  arn: string,
  variables: readonly string[],
  operation: TargetsOf,
): AwsResource[] {
  for (const variable of variables.slice(0, -1).reverse()) {
    const [place] = naming(type, variable, operation)
    if (place !== undefined) return asFarAsKnown(operation.service, type, arn, variable, place)
  }
  return []
}

/** Which part of the ARN the argument is: the one that is called so, or else the last. */
function variableOf({ name }: Place, type: string, variables: readonly string[]): string {
  const called = [plain(name), plain(type)]
  const same = variables.find(variable => variable.toLowerCase() === name.toLowerCase())
  return same ?? variables.find(variable => called.includes(plain(variable))) ?? (variables.at(-1) as string)
}

/**
 * The ARN as far as the request knows it, for rules, and whole with places that nothing fills, because IAM asks for that.
 * What comes before the name is anything.
 */
function asFarAsKnown(
  service: string,
  type: string,
  arn: string,
  variable: string,
  place: Place,
): AwsResource[] {
  const end = arn.indexOf(`\${${variable}}`) + variable.length + 3
  const filled = new Map([[variable, place.path]])
  const known = inPlaces(arn.slice(0, end), filled).replace(/\{([^{}]+)\}/g, (hole, path: string) =>
    path === place.path || CONTEXT.has(path) ? hole : '*',
  )
  const alias = aliasOf(service, place, variable)
  return [
    { type, arn: known, ...alias },
    { type, arn: inPlaces(arn, filled), ...alias },
  ]
}

/** Services whose ids IAM's table calls names. */
const IDS_CALLED_NAMES: ReadonlySet<string> = new Set(['cloudhsmv2', 'dlm'])

/**
 * ATTACK: the id of a database, past a deny of its backups by their ARN, which ends in an id of their own; and what is
 * scaled, past a deny of the target that says how.
 */
const OTHER_IDS = /^(?:rds Db(?:Cluster|Instance)AutomatedBackupId|application-autoscaling ResourceId)$/

/** An id stands where the ARN has a name, or the other way round: what is meant by it the request doesn't say. */
function aliasOf(service: string, { name }: Place, variable: string): Pick<AwsResource, 'from'> {
  if (IDS_CALLED_NAMES.has(service)) return {}
  if (OTHER_IDS.test(`${service} ${variable}`)) return { from: 'alias' }
  const isId = /I[dD]s?$/.test(name) && /Name$/.test(variable)
  const isName = /Names?$/.test(name) && /I[dD]$/.test(variable)
  return isId || isName ? { from: 'alias' } : {}
}

const CONTEXT: ReadonlySet<string> = new Set(['partition', 'region', 'account'])

/** Arguments that name the variable of a type, such as `InstanceIds[]` for `InstanceId` of `instance`. */
function naming(type: string, variable: string, { service, name, places }: TargetsOf): readonly Place[] {
  const types = MEMBER_TYPES[service] ?? {}
  if ((UNNAMED_TYPES[service] ?? []).includes(type)) return []
  const nouns = new Set([plain(variable), ...(type === '' ? [] : [plain(type)])])
  const own = nouns.has(plain(name.replace(/^(?:Batch)?[A-Z][a-z]+/, '')))
  // ATTACK: items of a list that leave the name out and mean the default, beside one that names what is allowed.
  const direct = places.filter(
    ({ path, inMap, lists, depth }) => !inMap && lists <= 1 && depth <= 2 && !path.includes('[].'),
  )
  const told = ({ path, name, depth }: Place): string | undefined =>
    types[path] ?? (depth === 1 ? types[name] : undefined)
  const wanted = plain(type === '' ? variable : type)
  const byTable = direct.filter(place =>
    told(place)
      ?.split(' ')
      .some(known => plain(known) === wanted),
  )
  if (byTable.length > 0) return byTable
  const rest = direct.filter(place => told(place) === undefined && !isLabel(place, variable))
  const exact = rest.filter(place => nouns.has(plain(place.name)) && !TEXT.test(place.name))
  if (exact.length > 0) return exact
  const generic = rest.filter(place => place.depth === 1 && /^(?:name|id|arn|identifier)$/i.test(place.name))
  if (own && type !== '') return generic
  return rest.filter(place => isAnything(service, place))
}

/** Tags and policies are put on whatever the ARN names. */
function isAnything(service: string, { name, depth }: Place): boolean {
  if (depth !== 1) return false
  return (
    /^resource(?:arn|identifier)$/i.test(name) || (name === 'ResourceName' && BY_RESOURCE_NAME.has(service))
  )
}

/** Services that call an ARN so. */
const BY_RESOURCE_NAME: ReadonlySet<string> = new Set(['docdb', 'elasticache', 'neptune', 'rds', 'redshift'])

/** A name that people give to what has an id: `Name` of an image is no part of its ARN. */
function isLabel({ name }: Place, variable: string): boolean {
  return /names?$/i.test(name) && /(?:Id|ID|Identifier|UUID)$/.test(variable)
}

/** What is called like a thing and says what the thing is to be. */
const TEXT = /(?:Body|Configuration|Content|Data|Definition|Document|Policy|Schema|Template|Type)$/i

function variablesOf(arn: string): readonly string[] {
  return [...arn.matchAll(/\$\{([^}]+)\}/g)]
    .map(match => match[1] as string)
    .filter(variable => !['Partition', 'Region', 'Account'].includes(variable))
}

/** `arn:${Partition}:ec2:${Region}:${Account}:instance/${InstanceId}` with the paths of arguments in braces. */
function inPlaces(arn: string, filled: ReadonlyMap<string, string>): string {
  const text = arn.replace(/\$\{([^}]+)\}/g, (_, variable: string) =>
    ['Partition', 'Region', 'Account'].includes(variable)
      ? `{${variable.toLowerCase()}}`
      : `{${filled.get(variable) ?? variable}}`,
  )
  // Of whatever service: the argument has to be an ARN itself.
  return text.startsWith('arn:') ? text : `arn:{partition}:*:{region}:{account}:${text}`
}

function formOf(service: string, type: string, { name }: Place): Pick<AwsResource, 'from'> {
  if (service === 'sqs' && name === 'QueueUrl') return { from: 'queue-url' }
  if (service === 'lambda' && name === 'FunctionName') return { from: 'function' }
  if (service === 's3' && name === 'Bucket') return { from: 'bucket' }
  // Its ARN ends in six letters of its own, which a name doesn't tell.
  if (service === 'secretsmanager' && type.toLowerCase() === 'secret') return { from: 'secret' }
  if (service === 'ssm' && type === 'parameter') return { from: 'parameter' }
  return service === 'kms' ? { from: 'key-id' } : {}
}

/** `DBInstanceIdentifiers`, `dbInstanceId` and `db-instance` are all `dbinstance`. */
function plain(text: string): string {
  const word = text
    .replace(/(?:Arn|ARN|Id|ID|Identifier|Name)s?$/, '')
    .replace(/^(?:arn|id|name|identifier)$/, '')
  return word
    .replace(/[^A-Za-z0-9]/g, '')
    .toLowerCase()
    .replace(/ies$/, 'y')
    .replace(/([^s])s$/, '$1')
}
