import { type ArgumentRule, compileArgumentRules, type RaisedClasses, stepsOf } from '../argument-rule.js'
import { compileShape, type Shape } from '../argument-shape.js'
import type { ArgumentType, OperationSpec } from '../catalog.js'
import { malformed } from '../document-shape.js'
import type { OperationClass } from '../operation.js'
import { compileRenewed, type LastingArguments } from '../renewed-arguments.js'
import type { BodyKind, ResourceArgument, RestRoute } from './document.js'
import { parseTemplate, type Template } from './template.js'

/** A route ready for use: everything that one request needs, worked out once. */
export interface CompiledRoute {
  readonly name: string
  readonly template: Template
  /** Parameters of the path in the order of the segments. */
  readonly parameters: readonly { readonly name: string; readonly slashes: boolean }[]
  readonly bodies: readonly BodyKind[]
  /** Largest decoded body that is inspected, by kind. */
  readonly maxBodyBytes: (kind: BodyKind) => number
  readonly shape: Shape
  /** A plain name that may come again, because the catalog declares a list. */
  readonly repeats: (name: string) => boolean
  readonly rules: readonly ArgumentRule[]
  readonly raised: RaisedClasses
  readonly lasting: LastingArguments
  readonly scope: readonly { readonly member: string; readonly place: Place }[]
  readonly resources: readonly PlacedResource[]
  /** Types that a request leaves open where it names none of them. */
  readonly open: readonly string[]
  readonly origin: string
  readonly spec: OperationSpec
}

/** Several places are one id together. */
export interface PlacedResource {
  readonly type: string
  readonly places: readonly Place[]
  /** Of another kind than rules use: it may be any of the type. */
  readonly alias: boolean
}

/** Where a value is found, and whether the API folds its case. */
export interface Place {
  readonly steps: readonly string[]
  readonly caseless: boolean
}

const MIB = 1024 * 1024
const MAX_BODY_BYTES: Readonly<Record<BodyKind, number>> = {
  form: MIB,
  json: MIB,
  multipart: 16 * MIB,
  stream: 0,
}

/** What a catalog says of arguments by their name, whatever the route. */
export interface ArgumentKinds {
  readonly caseless?: ReadonlySet<string>
  readonly numeric?: ReadonlySet<string>
}

/** Throws `catalog_template`, and `catalog_malformed` where the route's parts don't fit together. */
export function compileRoute(route: RestRoute, { caseless, numeric }: ArgumentKinds = {}): CompiledRoute {
  const template = parseTemplate(route.route, numeric)
  const slashed = new Set(route.slashed)
  const placeOf = (path: string): Place => ({ steps: stepsOf(path), caseless: caseless?.has(path) === true })
  const parameters = template.segments.flatMap(segment =>
    segment.kind === 'literal'
      ? []
      : [{ name: segment.name, slashes: segment.kind === 'rest' || slashed.has(segment.name) }],
  )
  refuseStrangers(route, slashed, parameters)
  const bodies = route.body ?? []
  const rules = route.rules ?? []
  if (bodies.includes('stream') && rules.length > 0)
    throw malformed(route.route, 'no argument rules where the body is streamed')
  const fields = {
    ...route.args,
    ...Object.fromEntries(parameters.map(({ name }) => [name, 'string' as const])),
  }
  const renamed = new Set(Object.values(route.scope ?? {}))
  const plain = parameters.filter(({ name }) => !renamed.has(name))
  const scope = { ...Object.fromEntries(plain.map(({ name }) => [name, name])), ...route.scope }
  const resources = route.resources ?? []
  const repeatable = new Set(Object.keys(route.args ?? {}).filter(name => isList(fields[name])))
  return {
    name: route.route,
    template,
    parameters,
    bodies,
    maxBodyBytes: kind => route.maxBodyBytes ?? MAX_BODY_BYTES[kind],
    shape: compileShape({ fields }),
    repeats: name => repeatable.has(name),
    rules,
    raised: compileArgumentRules(rules),
    lasting: compileRenewed(route.renewed),
    scope: Object.entries(scope).map(([member, path]) => ({ member, place: placeOf(path) })),
    resources: resources.map(resource => ({
      type: resource.type,
      places: ('arg' in resource ? [resource.arg] : resource.args).map(placeOf),
      alias: 'arg' in resource && resource.alias === true,
    })),
    open: [...new Set(resources.filter(each => !isOptional(each)).map(({ type }) => type))],
    origin: route.origin ?? 'default',
    spec: {
      name: route.route,
      classes: route.classes,
      raisable: [...new Set(rules.flatMap(rule => rule.adds))].sort() as OperationClass[],
      args: { fields },
      scope: Object.keys(scope).sort(),
      resources: [...new Set(resources.map(({ type }) => type))].sort(),
      effects: route.effects ?? [],
      ...caselessOf(scope, resources, caseless ?? new Set()),
      ...formsOf(resources),
    },
  }
}

function refuseStrangers(
  route: RestRoute,
  slashed: ReadonlySet<string>,
  parameters: CompiledRoute['parameters'],
): void {
  for (const name of slashed)
    if (!parameters.some(parameter => parameter.name === name))
      throw malformed(`${route.route} slashed`, 'parameters of the path')
}

/** Scope members and resource types that hold lower case only, where there are any. */
function caselessOf(
  scope: Readonly<Record<string, string>>,
  resources: readonly ResourceArgument[],
  caseless: ReadonlySet<string>,
): Pick<OperationSpec, 'caseless'> {
  const members = Object.keys(scope).filter(member => caseless.has(scope[member] as string))
  const types = resources
    .filter(each => isCaseless('arg' in each ? [each.arg] : each.args, caseless))
    .map(({ type }) => type)
  const names = [...new Set([...members, ...types])].sort()
  return names.length === 0 ? {} : { caseless: names }
}

/** Types that are named in parts, and types that are named by an alias, where there are any. */
function formsOf(resources: readonly ResourceArgument[]): Pick<OperationSpec, 'joined' | 'aliased'> {
  const typesOf = (is: (resource: ResourceArgument) => boolean): readonly string[] =>
    [...new Set(resources.filter(is).map(({ type }) => type))].sort()
  const joined = typesOf(each => 'args' in each && each.args.length > 1)
  const aliased = typesOf(each => 'arg' in each && each.alias === true)
  return { ...(joined.length === 0 ? {} : { joined }), ...(aliased.length === 0 ? {} : { aliased }) }
}

function isCaseless(args: readonly string[], caseless: ReadonlySet<string>): boolean {
  return args.length > 0 && args.every(arg => caseless.has(arg))
}

function isOptional(resource: ResourceArgument): boolean {
  return 'arg' in resource && resource.optional === true
}

function isList(type: ArgumentType | undefined): boolean {
  return typeof type === 'object' && 'list' in type
}
