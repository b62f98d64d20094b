import type { JsonObject } from '../../canon/index.js'
import {
  type ArgumentRule,
  compileArgumentRules,
  type RaisedClasses,
  stepsOf,
  valuesAt,
} from '../argument-rule.js'
import type { ArgumentType, OperationSpec } from '../catalog.js'
import { isDeclared } from '../declared.js'
import { anyOf, leftOpen, type NamedIds, namedIds } from '../named.js'
import type { Operation, OperationClass, Recognised, Resource } from '../operation.js'
import { compileRenewed, type LastingArguments } from '../renewed-arguments.js'
import type { GraphqlBody, OperationEntry } from './body.js'
import { argumentsOf, placeOf } from './schema.js'
import { INTROSPECTION, TYPENAME } from './selection.js'

type Paths = readonly (readonly [name: string, steps: readonly (readonly string[])[]])[]

/** One operation of the catalog, prepared: what it is, and how its arguments say what it touches. */
interface Description {
  readonly spec: OperationSpec
  readonly rules: readonly ArgumentRule[]
  readonly raised: RaisedClasses
  readonly lasting: LastingArguments
  readonly scope: Paths
  readonly resources: Paths
}

export type Descriptions = ReadonlyMap<string, Description>

/** Prepares every operation of a catalog. Throws `catalog_malformed` for one that is no field. */
export function describeCatalog(body: GraphqlBody): Descriptions {
  const descriptions = new Map<string, Description>()
  for (const name of [INTROSPECTION, TYPENAME])
    descriptions.set(name, prepare(name, { classes: ['read'] }, 'any', body.ids))
  for (const [name, entry] of Object.entries(body.operations))
    descriptions.set(name, prepare(name, entry, argumentsOf(body, placeOf(body, name)), body.ids))
  return descriptions
}

function prepare(
  name: string,
  entry: OperationEntry,
  args: ArgumentType,
  ids: GraphqlBody['ids'],
): Description {
  const rules = entry.rules ?? []
  const scope = pathsOf(entry.scope)
  const resources = pathsOf(entry.resources)
  return {
    spec: {
      name,
      classes: sorted(entry.classes),
      raisable: sorted([...rules.flatMap(rule => rule.adds), ...(args === 'any' ? [] : ['opaque' as const])]),
      args,
      scope: scope.map(([member]) => member),
      resources: resources.map(([type]) => type),
      effects: [...(entry.effects ?? [])].sort(),
      ...(ids === undefined || resources.length === 0 ? {} : { nodes: resources.map(([type]) => type) }),
    },
    rules,
    raised: compileArgumentRules(rules),
    lasting: compileRenewed(entry.renewed),
    scope,
    resources,
  }
}

function pathsOf(paths: Readonly<Record<string, readonly string[]>> | undefined): Paths {
  return Object.entries(paths ?? {}).map(([name, list]) => [name, list.map(stepsOf)])
}

/** Classes, scope, resources and effects of a recognised operation. A name that the catalog doesn't have is `unknown`. */
export function describeOperation(
  descriptions: Descriptions,
  api: string,
  recognised: Recognised,
): Operation {
  const { name, args } = recognised
  const found = descriptions.get(name)
  const base = found?.spec.classes ?? (['unknown'] as const)
  const { resources, unclear } = resourcesOf(found?.resources ?? [], args)
  const spellings = [...unclear, ...leftOpen(found?.spec.resources ?? [], resources)]
  const opaque =
    recognised.opaque !== undefined || (found !== undefined && !isDeclared(found.spec.args, args))
  return {
    api,
    name,
    baseClasses: base,
    classes: sorted([...base, ...(found?.raised(args) ?? []), ...(opaque ? (['opaque'] as const) : [])]),
    scope: found === undefined ? {} : scopeOf(found.scope, args),
    resources,
    ...(spellings.length === 0 ? {} : { spellings }),
    args,
    effects: found?.spec.effects ?? [],
    ...(recognised.account === undefined ? {} : { account: recognised.account }),
  }
}

/** Two arguments that name different values for one member leave it unknown: no allow matches, every deny does. */
function scopeOf(paths: Paths, args: JsonObject): Readonly<Record<string, string>> {
  const scope: Record<string, string> = {}
  for (const [member, places] of paths) {
    const ids = new Set(idsAt(args, places).ids)
    const [only] = ids
    if (ids.size === 1 && only !== undefined) scope[member] = only
  }
  return scope
}

function resourcesOf(
  paths: Paths,
  args: JsonObject,
): { readonly resources: readonly Resource[]; readonly unclear: readonly Resource[] } {
  const resources: Resource[] = []
  const open: Resource[] = []
  for (const [type, places] of paths) {
    const { ids, unclear } = idsAt(args, places)
    for (const id of new Set(ids)) resources.push({ type, id })
    if (unclear) open.push(anyOf(type))
  }
  return { resources, unclear: open }
}

/** GraphQL's ID takes integers too, and a list takes a value alone (§3.11 input coercion): `items: { id: 1 }`. */
function idsAt(args: JsonObject, places: readonly (readonly string[])[]): NamedIds {
  return namedIds(places.flatMap(steps => valuesAt(args, steps, 'or alone')))
}

function sorted(classes: readonly OperationClass[]): readonly OperationClass[] {
  return [...new Set(classes)].sort()
}
