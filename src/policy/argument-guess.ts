import type { JsonObject, JsonValue } from '../canon/index.js'
import type { ArgumentRule, ArgumentType, Catalog } from '../protocol/index.js'
import { alternatives, parseCondition } from './condition-parts.js'
import { globMatches } from './glob.js'
import type { Breach } from './never.js'
import type { Fact } from './satisfiable.js'

/* Arguments by which a request may be what a breach supposes. Guesses only: whoever makes one asks `decide`. */

/** Arguments worth trying, the plainest first. */
export function* guesses(breach: Breach, catalog: Catalog): Generator<JsonObject> {
  const { spec, supposed, raised, statement } = breach
  if (spec === null) return
  const base: JsonObject = {}
  for (const { path, member, type } of placesOf(breach, catalog)) {
    const value = member === null ? resourceId(breach, type) : scopeValue(breach, member)
    if (value !== null) place(base, path, value)
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

const MARK = 'countersign-mark'
const MAX_LEAVES = 400

interface ArgumentPlace {
  readonly path: readonly string[]
  readonly member: string | null
  readonly type: string
}

/** Where an operation takes its scope and its resources from: a mark is put into each text, and looked for in what is described. */
function placesOf({ spec, api }: Breach, catalog: Catalog): readonly ArgumentPlace[] {
  if (spec === null) return []
  return textLeaves(spec.args).flatMap((path): readonly ArgumentPlace[] => {
    const args: JsonObject = {}
    place(args, path, MARK)
    const { scope, resources } = catalog.describe(api, { name: spec.name, args })
    const members = Object.keys(scope).filter(member => scope[member] === MARK)
    const types = resources.filter(({ id }) => id === MARK).map(({ type }) => type)
    const [member] = members
    const [type] = types
    if (member !== undefined) return [{ path, member, type: type ?? '' }]
    return type === undefined ? [] : [{ path, member: null, type }]
  })
}

function textLeaves(type: ArgumentType, before: readonly string[] = []): readonly (readonly string[])[] {
  if (type === 'string' || type === 'any') return before.length === 0 ? [] : [before]
  if (typeof type === 'string' || before.length > 3) return []
  if ('list' in type) return textLeaves(type.list, [...before, '[]']).slice(0, MAX_LEAVES)
  if (!('fields' in type)) return []
  return Object.entries(type.fields)
    .flatMap(([name, inner]) => textLeaves(inner, [...before, name]))
    .slice(0, MAX_LEAVES)
}

function place(args: JsonObject, path: readonly string[], value: JsonValue): void {
  const [step, ...rest] = path as [string, ...string[]]
  if (rest.length === 0) {
    args[step] = value
    return
  }
  if (rest[0] === '[]') {
    const inner = rest.slice(1)
    if (inner.length === 0) args[step] = [value]
    else {
      const known = args[step]
      const item = Array.isArray(known) && isObject(known[0]) ? known[0] : {}
      place(item, inner, value)
      args[step] = [item]
    }
    return
  }
  const known = args[step]
  const inner = isObject(known) ? known : {}
  place(inner, rest, value)
  args[step] = inner
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A value that a member may have; null where it has to stay unknown. */
function scopeValue({ supposed, statement }: Breach, member: string): string | null {
  const range = supposed.scope.get(member)
  if (range?.values === null || range === undefined) return statement.select.scope?.[member]?.[0] ?? 'example'
  return [...range.values][0] ?? null
}

export function accountOf(breach: Breach): string {
  return scopeValue(breach, 'account') ?? 'acct_example'
}

/** An id that fits every pattern that the rules ask for, as far as one star of theirs can stand for another. */
function resourceId({ supposed, statement }: Breach, type: string): string {
  const groups = [
    ...supposed.resources.every,
    ...supposed.resources.some,
    ...[statement.select.resources ?? []],
  ]
    .map(group => group.filter(pattern => pattern.type === undefined || pattern.type === type))
    .filter(group => group.length > 0)
  const fits = (id: string): boolean =>
    groups.every(group => group.some(pattern => globMatches(pattern.id, id)))
  const written = groups.flatMap(group => group.map(({ id }) => id))
  const candidates = [
    'example',
    ...['example', ''].flatMap(text => written.map(id => id.replaceAll('*', text))),
  ]
  const joined = written.flatMap(a => written.map(b => a.replace('*', b.replaceAll('*', ''))))
  return [...candidates, ...joined].find(id => id !== '' && fits(id)) ?? 'example'
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
