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
  if (action === undefined || iam === undefined || action.resourceTypes.length === 0) return NOTHING
  const found = action.resourceTypes.map(({ name, required }) => ({
    name,
    required,
    arn: iam.resources[name]?.arn.split(',')[0] ?? null,
  }))
  const templates = found.map(type => ({
    ...type,
    resources: type.arn === null ? [] : resourcesAs(type.name, type.arn, operation),
  }))
  const needed = templates.filter(({ required }) => required)
  const unnamed = needed.filter(({ resources }) => resources.length === 0)
  if (unnamed.length > 0 && !operation.creates) return NOTHING
  const wanted = operation.creates || needed.length === 0 ? templates : needed
  const resources = wanted.flatMap(type => type.resources)
  if (resources.length === 0) return NOTHING
  return targets(distinct([...resources, ...unnamed.flatMap(({ name, arn }) => unfilled(name, arn))]))
}

function targets(resources: readonly AwsResource[]): OperationTargets {
  const paths = resources.flatMap(({ arn }) =>
    [...arn.matchAll(/\{([^{}]+)\}/g)].map(match => match[1] as string),
  )
  return { resources, mapped: new Set(paths) }
}

/** One argument stands for one kind of thing: the first type that takes it keeps it. */
function distinct(resources: readonly AwsResource[]): readonly AwsResource[] {
  const seen = new Set<string>()
  return resources.filter(({ arn }) => {
    const last = [...arn.matchAll(/\{([^{}]+)\}/g)].map(match => match[1]).join()
    const known = seen.has(last)
    seen.add(last)
    return !known
  })
}

/** A type that IAM asks for, and the request doesn't name: the ARN keeps places that no argument fills. */
function unfilled(type: string, arn: string | null): AwsResource[] {
  return arn === null || variablesOf(arn).length === 0 ? [] : [{ type, arn: inPlaces(arn, new Map()) }]
}

function resourcesAs(type: string, arn: string, operation: TargetsOf): AwsResource[] {
  const variables = variablesOf(arn)
  const last = variables.at(-1)
  if (last === undefined) return [{ type, arn: inPlaces(arn, new Map()) }]
  return naming(type, last, operation).flatMap(place => {
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
    if (!complete && !whole) return []
    const text = complete ? arn : `${arn.slice(0, arn.indexOf(`\${${variables[0]}}`))}\${${last}}`
    return [{ type, arn: inPlaces(text, filled), ...formOf(operation.service, type, place) }]
  })
}

/** Arguments that name the variable of a type, such as `InstanceIds[]` for `InstanceId` of `instance`. */
function naming(type: string, variable: string, { service, name, places }: TargetsOf): readonly Place[] {
  const types = MEMBER_TYPES[service] ?? {}
  if ((UNNAMED_TYPES[service] ?? []).includes(type)) return []
  const nouns = new Set([plain(variable), ...(type === '' ? [] : [plain(type)])])
  const own = nouns.has(plain(name.replace(/^(?:Batch)?[A-Z][a-z]+/, '')))
  const direct = places.filter(({ inMap, lists, depth }) => !inMap && lists <= 1 && depth <= 2)
  const byTable = direct.filter(place => type !== '' && types[place.name]?.split(' ').includes(type))
  if (byTable.length > 0) return byTable
  const rest = direct.filter(place => types[place.name] === undefined)
  const exact = rest.filter(place => nouns.has(plain(place.name)) && LOOKS_LIKE_A_NAME.test(place.name))
  if (exact.length > 0) return exact
  const generic = rest.filter(place => place.depth === 1 && /^(?:name|id|arn|identifier)$/i.test(place.name))
  if (own && type !== '') return generic
  return rest.filter(place => place.depth === 1 && /^resource(?:arn|identifier)$/i.test(place.name))
}

const LOOKS_LIKE_A_NAME =
  /(?:Arn|ARN|Id|ID|Identifier|Name|Url|URL)s?$|^(?:arn|id|name|[a-z]+)s?$|^[A-Z][a-z]+s?$/

function variablesOf(arn: string): readonly string[] {
  return [...arn.matchAll(/\$\{([^}]+)\}/g)]
    .map(match => match[1] as string)
    .filter(variable => !['Partition', 'Region', 'Account'].includes(variable))
}

/** `arn:${Partition}:ec2:${Region}:${Account}:instance/${InstanceId}` with the paths of arguments in braces. */
function inPlaces(arn: string, filled: ReadonlyMap<string, string>): string {
  return arn.replace(/\$\{([^}]+)\}/g, (_, variable: string) =>
    ['Partition', 'Region', 'Account'].includes(variable)
      ? `{${variable.toLowerCase()}}`
      : `{${filled.get(variable) ?? variable}}`,
  )
}

function formOf(service: string, type: string, { name }: Place): Pick<AwsResource, 'from'> {
  if (service === 'sqs' && name === 'QueueUrl') return { from: 'queue-url' }
  if (service === 'lambda' && name === 'FunctionName') return { from: 'function' }
  if (service === 's3' && name === 'Bucket') return { from: 'bucket' }
  return type === 'key' && service === 'kms' ? { from: 'key-id' } : {}
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
