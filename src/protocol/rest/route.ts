import { type ArgumentRule, compileArgumentRules, type RaisedClasses, stepsOf } from '../argument-rule.js'
import { compileShape, type Shape } from '../argument-shape.js'
import type { ArgumentType, OperationSpec } from '../catalog.js'
import { malformed } from '../document-shape.js'
import type { OperationClass } from '../operation.js'
import { compileRenewed, type LastingArguments } from '../renewed-arguments.js'
import type { BodyKind, RestRoute } from './document.js'
import { parseTemplate, type Template } from './template.js'

/** A route ready for use: everything that one request needs, worked out once. */
export interface CompiledRoute {
  readonly name: string
  readonly template: Template
  /** Parameters of the path in the order of the segments. */
  readonly parameters: readonly { readonly name: string; readonly rest: boolean }[]
  readonly bodies: readonly BodyKind[]
  /** Largest decoded body that is inspected, by kind. */
  readonly maxBodyBytes: (kind: BodyKind) => number
  readonly shape: Shape
  /** A plain name that may come again, because the catalog declares a list. */
  readonly repeats: (name: string) => boolean
  readonly rules: readonly ArgumentRule[]
  readonly raised: RaisedClasses
  readonly lasting: LastingArguments
  readonly scope: readonly { readonly member: string; readonly steps: readonly string[] }[]
  readonly resources: readonly { readonly type: string; readonly steps: readonly string[] }[]
  readonly origin: string
  readonly spec: OperationSpec
}

const MIB = 1024 * 1024
const MAX_BODY_BYTES: Readonly<Record<BodyKind, number>> = {
  form: MIB,
  json: MIB,
  multipart: 16 * MIB,
  stream: 0,
}

/** Throws `catalog_template`, and `catalog_malformed` where the route's parts don't fit together. */
export function compileRoute(route: RestRoute): CompiledRoute {
  const template = parseTemplate(route.route)
  const parameters = template.segments.flatMap(segment =>
    segment.kind === 'literal' ? [] : [{ name: segment.name, rest: segment.kind === 'rest' }],
  )
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
    scope: Object.entries(scope).map(([member, path]) => ({ member, steps: stepsOf(path) })),
    resources: resources.map(({ type, arg }) => ({ type, steps: stepsOf(arg) })),
    origin: route.origin ?? 'default',
    spec: {
      name: route.route,
      classes: route.classes,
      raisable: [...new Set(rules.flatMap(rule => rule.adds))].sort() as OperationClass[],
      args: { fields },
      scope: Object.keys(scope).sort(),
      resources: [...new Set(resources.map(({ type }) => type))].sort(),
      effects: route.effects ?? [],
    },
  }
}

function isList(type: ArgumentType | undefined): boolean {
  return typeof type === 'object' && 'list' in type
}
