import type { JsonObject, JsonValue } from '../canon/index.js'
import type { ArgumentRule, ArgumentType, Catalog } from '../protocol/index.js'
import { place } from './argument-path.js'
import { placesOf } from './argument-place.js'
import { alternatives, parseCondition } from './condition-parts.js'
import type { Breach } from './never.js'
import { placeResource, regionOf, scopeValue } from './resource-guess.js'
import type { Fact } from './satisfiable.js'

/* Arguments by which a request may be what a breach supposes. Guesses only: whoever makes one asks `decide`. */

/** Arguments worth trying, the plainest first. */
export function* guesses(breach: Breach, catalog: Catalog): Generator<JsonObject> {
  const { spec, supposed, raised, statement } = breach
  if (spec === null) return
  const base: JsonObject = {}
  for (const found of placesOf(spec, breach.api, catalog, regionOf(breach, catalog))) {
    if (found.kind === 'member') {
      const value = scopeValue(breach, found.member)
      if (value !== null) place(base, found.path, value)
    } else placeResource(base, found, breach)
  }
  placeAmount(base, breach)
  const wished = statement.when === undefined ? [] : [{ condition: parseCondition(statement.when), is: true }]
  for (const facts of factChoices([...supposed.facts, ...wished])) {
    const args = structuredClone(base)
    for (const { path, value } of facts) place(args, path, value)
    const rules = catalog.argumentRules?.(spec.name) ?? []
    for (const each of raised)
      raise(
        args,
        rules.find(rule => rule.adds.includes(each)),
        spec.args,
      )
    if (raised.includes('opaque')) args.undeclared_argument = 'x'
    yield args
  }
}

/** An amount that is not known is over a limit: the least there is, in the limit's unit. */
function placeAmount(args: JsonObject, { rule, spec }: Breach): void {
  const { limit } = rule.rule
  if (limit?.sum === undefined) return
  place(args, limit.sum, 1)
  const hasCurrency = typeAt(spec?.args ?? 'any', ['currency']) === 'string'
  if (limit.unit !== undefined && hasCurrency) args.currency = limit.unit
}

type Choice = readonly { readonly path: readonly string[]; readonly value: JsonValue }[]

/** Values by which conditions on arguments come true, one list for each alternative of theirs. */
function factChoices(facts: readonly Fact[]): readonly Choice[] {
  let choices: readonly Choice[] = [[]]
  for (const { condition, is } of facts) {
    // What may not be false is tried as true.
    const ways = alternatives(condition, is !== false, new Map()) ?? []
    const more = ways.map(literals =>
      literals.flatMap(literal => {
        if (!('path' in literal) || !literal.path.startsWith('args.')) return []
        const path = literal.path.split('.').slice(1)
        if (literal.kind === 'compare') return [{ path, value: valueFor(literal.by, literal.value) }]
        if (literal.kind === 'among' && literal.is && literal.values[0] !== undefined)
          return [{ path, value: asJson(literal.values[0]) }]
        return []
      }),
    )
    if (more.length > 0) choices = choices.flatMap(one => more.map(other => [...one, ...other])).slice(0, 64)
  }
  return choices
}

function valueFor(by: string, value: string | boolean | bigint | number): JsonValue {
  const json = asJson(value)
  if (typeof json === 'number') {
    if (by === '<') return json - 1
    return by === '>' || by === '!=' ? json + 1 : json
  }
  if (by !== '!=') return json
  return typeof json === 'boolean' ? !json : `not-${json as string}`
}

function asJson(value: string | boolean | bigint | number): JsonValue {
  return typeof value === 'bigint' ? Number(value) : value
}

/** Writes what a rule of the catalog looks for. */
function raise(args: JsonObject, rule: ArgumentRule | undefined, type: ArgumentType): void {
  if (rule === undefined) return
  const path = rule.path
    .split('.')
    .flatMap(part => (part.endsWith('[]') ? [part.slice(0, -2), '[]'] : [part]))
  if (rule.path === '') path.length = 0
  switch (rule.is) {
    case 'absent':
      return
    case 'equals':
      place(args, path, rule.value ?? null)
      return
    case 'differs':
      place(args, path, typeof rule.value === 'boolean' ? !rule.value : `not-${rule.value}`)
      return
    case 'null':
      place(args, path, null)
      return
    case 'empty':
      place(args, path, emptyOf(typeAt(type, path)))
      return
    case 'contains-null':
      place(args, path, { member: null })
      return
    case 'present':
      place(args, path, sampleOf(typeAt(type, path)))
      return
    case 'contains-key':
    case 'contains-entry':
      place(args, [...path, ...keyPath(typeAt(type, path), rule.key as string)], rule.value ?? 'x')
  }
}

/** The way from a type down to a member of that name. */
function keyPath(type: ArgumentType, key: string, depth = 0): readonly string[] {
  if (typeof type === 'string' || depth > 6) return [key]
  if ('list' in type) return ['[]', ...keyPath(type.list, key, depth + 1)]
  if ('map' in type) return ['example', ...keyPath(type.map, key, depth + 1)]
  if (Object.hasOwn(type.fields, key)) return [key]
  for (const [name, inner] of Object.entries(type.fields)) {
    const below = keyPath(inner, key, depth + 1)
    if (typeof inner !== 'string' && hasPath(inner, below)) return [name, ...below]
  }
  return [key]
}

function hasPath(type: ArgumentType, path: readonly string[]): boolean {
  return typeAt(type, path) !== 'any'
}

function typeAt(type: ArgumentType, path: readonly string[]): ArgumentType {
  let at: ArgumentType = type
  for (const step of path) {
    if (typeof at === 'string') return 'any'
    if ('list' in at) at = at.list
    else if ('map' in at) at = at.map
    else at = at.fields[step] ?? 'any'
  }
  return at
}

function sampleOf(type: ArgumentType): JsonValue {
  if (typeof type !== 'string') return 'list' in type ? [sampleOf(type.list)] : {}
  return { string: 'example', int: 1, double: 1, bool: true, any: 'example' }[type]
}

function emptyOf(type: ArgumentType): JsonValue {
  if (typeof type === 'string') return ''
  return 'list' in type ? [] : {}
}
