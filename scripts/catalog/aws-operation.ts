import type {
  ArgumentRule,
  AwsAction,
  AwsOperation,
  AwsShape,
  AwsStructure,
  OperationClass,
} from '../../src/protocol/index.js'
import { actionsOf } from './aws-actions.js'
import { awsClasses } from './aws-classes.js'
import { effectsOf } from './aws-effects.js'
import { folded } from './aws-folded.js'
import { type Place, placesOf } from './aws-places.js'
import { renewedOf } from './aws-renewed.js'
import { targetsOf } from './aws-resources.js'
import { passedRoles } from './aws-roles.js'
import type { Route } from './aws-routes.js'
import { rulesOf } from './aws-rules.js'
import type { AwsModel, AwsSource, IamAction } from './aws-source.js'
import { shortest, unmappedOf } from './aws-unmapped.js'
import { accessLevel } from './aws-verbs.js'

/** Everything that one operation is made of. */
export interface OperationParts {
  /** Of the service. */
  readonly id: string
  readonly name: string
  /** Prefix of the service's IAM actions. */
  readonly iam: string
  readonly model: AwsModel
  readonly source: AwsSource
  readonly shapes: Readonly<Record<string, AwsShape>>
  readonly route: Route | undefined
  readonly input: AwsStructure
}

/** One operation of the catalog. */
export function operationOf(parts: OperationParts): AwsOperation {
  const { id, name, iam, model, source, route, input, shapes } = parts
  const scalars = placesOf(input, shapes)
  const places = scalars.filter(({ kind }) => kind === 'string')
  const actions = actionsOf(id, name, iam, route?.http)
  const own = iamActionOf(actions[0]?.action ?? '', source)
  const classes = awsClasses(id, name, accessLevel(iamActionOf(`${iam}:${name}`, source)?.accessLevel))
  const changes = !classes.every(name => name === 'read' || name === 'sensitive_read')
  const creates = classes.includes('create')
  const roles = passedRoles(id, changes ? places : [], requiredOf(name, model))
  const targets = targetsOf({
    service: id,
    name,
    action: own,
    iam: source.iam.get(prefixOf(actions[0])),
    places,
    creates,
    http: route?.http,
    labels: new Map(
      Object.entries(input.fields).flatMap(([name, { at, as }]) =>
        at === 'path' ? [[as ?? name, name]] : [],
      ),
    ),
  })
  const known = targets.resources.length > 0
  const named = new Set(targets.resources.map(({ arn }) => arn))
  const resources = known
    ? [...targets.resources, ...roles.resources.filter(({ arn }) => !named.has(arn))]
    : []
  const mapped = new Set([
    ...targets.mapped,
    ...roles.resources.map(({ arn }) => arn.slice(arn.lastIndexOf('{') + 1, -1)),
  ])
  const unmapped = known ? unmappedOf(nameable(places, model, name), mapped, { service: id, creates }) : []
  const all = [...actions, ...roles.actions]
  return compact({
    classes,
    http: route?.http,
    needs: route?.needs,
    input: Object.keys(input.fields).length > 0 ? input : undefined,
    hostPrefix: model.operations[name]?.endpoint?.hostPrefix,
    rules: withoutKnown([...rulesOf(id, name, changes ? scalars : [], creates), ...roles.rules], classes),
    effects: effectsOf(`${id}:${name}`),
    resources: resources.map(folded),
    unmapped: known ? shortest([...unmapped, ...roles.unmapped]) : [],
    renewed: renewedOf(id, name, model),
    actions: all.length === 1 && all[0]?.action === `${iam}:${name}` ? [] : all,
  })
}

function prefixOf(action: AwsAction | undefined): string {
  return action?.action.split(':')[0] ?? ''
}

function iamActionOf(action: string, source: AwsSource): IamAction | undefined {
  const [prefix = '', name = ''] = action.split(':')
  return source.iam.get(prefix)?.actions[name.toLowerCase()]
}

function requiredOf(name: string, model: AwsModel): ReadonlySet<string> {
  const input = model.operations[name]?.input
  const shape = input?.shape === undefined ? input : model.shapes[input.shape]
  return new Set(shape?.required ?? [])
}

/** Tokens that SDKs renew name nothing. */
function nameable(places: readonly Place[], model: AwsModel, name: string): readonly Place[] {
  const members = model.operations[name]?.input?.members ?? {}
  return places.filter(({ top }) => members[top]?.idempotencyToken !== true)
}

/** Rules that add what the operation is anyway are none, and one rule is enough. */
function withoutKnown(
  rules: readonly ArgumentRule[],
  classes: readonly OperationClass[],
): readonly ArgumentRule[] {
  const seen = new Set<string>()
  return rules.flatMap(rule => {
    const adds = rule.adds.filter(name => !classes.includes(name))
    const key = JSON.stringify({ ...rule, adds })
    if (adds.length === 0 || seen.has(key)) return []
    seen.add(key)
    return [{ ...rule, adds }]
  })
}

/** What is empty is left out. */
function compact(
  operation: { readonly [K in keyof AwsOperation]: AwsOperation[K] | undefined },
): AwsOperation {
  return Object.fromEntries(
    Object.entries(operation).filter(
      ([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0),
    ),
  ) as unknown as AwsOperation
}
