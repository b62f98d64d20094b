import type { ArgumentRule, ArgumentType, Catalog, OperationClass, OperationSpec } from '../protocol/index.js'
import type { OpenedCatalog } from './catalog-shelf.js'

/** All that a policy can ask about an operation. */
export interface OperationCard {
  readonly catalog: string
  readonly name: string
  readonly classes: readonly OperationClass[]
  /** What arguments make of it. */
  readonly raises: readonly { readonly when: string; readonly adds: readonly OperationClass[] }[]
  /** As a condition writes them: `args.input.title`, `string`. */
  readonly args: readonly { readonly path: string; readonly type: string }[]
  readonly scope: readonly string[]
  readonly resources: readonly string[]
  readonly effects: readonly string[]
  /** What a rule can have the API asked about one of its resources first. */
  readonly probes: readonly ProbeCard[]
  /** Scope members and resource types whose values are in lower case. */
  readonly caseless: readonly string[]
}

/** A probe as a rule names it. */
export interface ProbeCard {
  readonly name: string
  /** Types of resources that it can be asked about. */
  readonly about: readonly string[]
  /** What the policy has to say beside, under `probes.given` of the API. */
  readonly given: readonly string[]
  /** As a condition writes them: `probe.environments`, `list<string>`. */
  readonly facts: readonly { readonly path: string; readonly type: string }[]
}

/** Every probe of a catalog, or those that can be asked about a resource of one of these types. */
export function probeCards({ probes }: Catalog, types?: readonly string[]): readonly ProbeCard[] {
  return [...(probes?.values() ?? [])].flatMap(({ name, given, facts, about }) => {
    const known = [...about.keys()].filter(type => types?.includes(type) ?? true).sort()
    return known.length === 0
      ? []
      : [{ name, about: known, given, facts: argumentsOf({ fields: facts }, 'probe', 0) }]
  })
}

/** Input types of GraphQL nest without end; below this many members a condition hardly reaches. */
const MAX_DEPTH = 5

export function operationCard(
  shelf: string,
  { catalog, rulesOf }: OpenedCatalog,
  spec: OperationSpec,
): OperationCard {
  const rules = rulesOf(spec.name)
  const told = new Set(rules.flatMap(({ adds }) => adds))
  const untold = spec.raisable.filter(name => !told.has(name))
  return {
    catalog: shelf,
    name: spec.name,
    classes: spec.classes,
    raises: [
      ...rules.map(rule => ({ when: conditionOf(rule), adds: rule.adds })),
      ...(untold.length === 0 ? [] : [{ when: 'what the arguments hold says so', adds: untold }]),
    ],
    args: argumentsOf(spec.args, 'args', 0),
    scope: spec.scope,
    resources: spec.resources,
    effects: spec.effects,
    probes: probeCards(catalog, spec.resources),
    caseless: spec.caseless ?? [],
  }
}

/** Every argument by its path, the deepest that a condition can name. */
function argumentsOf(type: ArgumentType, path: string, depth: number): { path: string; type: string }[] {
  if (typeof type === 'string') return depth === 0 ? [] : [{ path, type }]
  if ('list' in type) {
    const { list } = type
    return typeof list === 'string'
      ? [{ path, type: `list<${list}>` }]
      : argumentsOf(list, `${path}[]`, depth + 1)
  }
  if ('map' in type) {
    const { map } = type
    return typeof map === 'string'
      ? [{ path, type: `map<string, ${map}>` }]
      : argumentsOf(map, `${path}.*`, depth + 1)
  }
  if (depth >= MAX_DEPTH) return [{ path, type: 'map<string, any>' }]
  return Object.entries(type.fields)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, member]) => argumentsOf(member, `${path}${memberOf(name)}`, depth + 1))
}

/** CEL takes a name as it is only where it is an identifier. */
function memberOf(name: string): string {
  return /^[_A-Za-z][_A-Za-z0-9]*$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`
}

function conditionOf({ path, is, value, key }: ArgumentRule): string {
  const place =
    path === ''
      ? 'args'
      : `args${path
          .split('.')
          .map(step => (step.endsWith('[]') ? `${memberOf(step.slice(0, -2))}[]` : memberOf(step)))
          .join('')}`
  const wanted = JSON.stringify(value)
  switch (is) {
    case 'present':
      return `${place} is given`
    case 'absent':
      return `${place} is not given`
    case 'null':
      return `${place} is null`
    case 'empty':
      return `${place} is empty`
    case 'equals':
      return `${place} is ${wanted}`
    case 'differs':
      return `${place} is given and not ${wanted}`
    case 'contains-key':
      return `${place} holds ${JSON.stringify(key)} at any depth`
    case 'contains-entry':
      return `${place} holds ${JSON.stringify(key)}: ${wanted} at any depth`
    case 'contains-null':
      return `${place} holds null at any depth`
  }
}
