import type { OperationClass } from '../../protocol/index.js'
import type { Asked, Occurrence } from './evidence.js'

/** So many different values of a scope member, or resources, are still listed one by one. */
const MAX_SCOPE_VALUES = 4
const MAX_ACCOUNTS = 64
const MAX_RESOURCES = 16
/** Bounds of the grammar. */
const MAX_ID = 1_024
const MAX_SCOPE_VALUE = 400

/** A selector that reaches what was seen and as little else as can be said. */
export interface Suggestion {
  readonly agent: string
  readonly api: string
  readonly kind: Asked['kind']
  readonly operations: readonly { readonly name: string; readonly seen: readonly Occurrence[] }[]
  /** Only where an argument had raised a class, which a name alone doesn't admit. */
  readonly classes: readonly OperationClass[] | null
  readonly scope: Readonly<Record<string, readonly string[]>> | null
  readonly resources: readonly { readonly type: string; readonly id: string }[] | null
  /** Different resources that were seen and are not narrowed to. */
  readonly wide: number
}

export interface Generalised {
  readonly suggestions: readonly Suggestion[]
  /** What can't be said in a selector that means only this. */
  readonly leftOut: readonly Occurrence[]
}

/** One suggestion for each set of operations of an agent that share scope and resources. */
export function generalise(asked: readonly Asked[]): Generalised {
  const suggestions = new Map<string, Suggestion>()
  const leftOut = asked.flatMap(({ occurrences }) => occurrences.filter(each => !isSayable(each)))
  for (const each of asked) {
    const sayable = each.occurrences.filter(isSayable)
    if (sayable.length === 0) continue
    const one = suggestionFor(each, sayable)
    const { operations, ...rest } = one
    const key = JSON.stringify(rest)
    const known = suggestions.get(key)
    suggestions.set(
      key,
      known === undefined ? one : { ...known, operations: [...known.operations, ...operations] },
    )
  }
  return { suggestions: [...suggestions.values()], leftOut }
}

/**
 * ATTACK: an agent names a resource `*`, and the rule that is made of it admits every one. A name that may mean others, an
 * alias of a key, is admitted by no pattern that means it alone.
 */
function isSayable({ scope, resources }: Occurrence): boolean {
  const accounts = scope.account === undefined || scope.account.length <= MAX_SCOPE_VALUE
  return (
    accounts &&
    resources.every(({ id, like }) => like === undefined && !id.includes('*') && id.length <= MAX_ID)
  )
}

function suggestionFor(asked: Asked, seen: readonly Occurrence[]): Suggestion {
  const { agent, api, kind, name, baseClasses, classes } = asked
  const { resources, wide } = commonResources(seen)
  const scope = commonScope(seen, resources !== null)
  return {
    agent,
    api,
    kind,
    operations: [{ name, seen }],
    classes: classes.some(each => !baseClasses.includes(each)) ? classes : null,
    scope: Object.keys(scope).length === 0 ? null : scope,
    resources,
    wide,
  }
}

/** Members that every occurrence has, with their few values; without those that only repeat a resource's id. */
function commonScope(seen: readonly Occurrence[], resourcesSaid: boolean): Record<string, readonly string[]> {
  const common: Record<string, readonly string[]> = {}
  for (const member of Object.keys(seen[0]?.scope ?? {}).sort()) {
    const values = seen.map(({ scope }) => (Object.hasOwn(scope, member) ? scope[member] : undefined))
    if (!values.every(value => value !== undefined && value !== '' && value.length <= MAX_SCOPE_VALUE))
      continue
    const distinct = [...new Set(values as readonly string[])].sort()
    if (distinct.length > (member === 'account' ? MAX_ACCOUNTS : MAX_SCOPE_VALUES)) continue
    const repeats =
      member !== 'account' &&
      resourcesSaid &&
      seen.every(({ scope, resources }) => resources.some(({ id }) => id === scope[member]))
    if (!repeats) common[member] = distinct
  }
  return common
}

function commonResources(seen: readonly Occurrence[]): Pick<Suggestion, 'resources' | 'wide'> {
  const byType = new Map<string, Set<string>>()
  for (const { resources } of seen)
    for (const { type, id } of resources) byType.set(type, (byType.get(type) ?? new Set()).add(id))
  const count = [...byType.values()].reduce((sum, ids) => sum + ids.size, 0)
  // A selector with resources doesn't match a request that names none.
  if (seen.some(({ resources }) => resources.length === 0)) return { resources: null, wide: count }
  const patterns: { type: string; id: string }[] = []
  for (const [type, ids] of [...byType].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const prefix = count <= MAX_RESOURCES ? null : commonFolder([...ids])
    if (count > MAX_RESOURCES && prefix === null) return { resources: null, wide: count }
    for (const id of prefix === null ? [...ids].sort() : [`${prefix}*`]) patterns.push({ type, id })
  }
  return { resources: patterns, wide: 0 }
}

/** The longest common beginning that ends in `/` and holds a whole segment; null where there is none. */
function commonFolder(ids: readonly string[]): string | null {
  const [first = '', ...others] = ids
  let length = first.length
  for (const id of others) {
    let same = 0
    while (same < length && first[same] === id[same]) same++
    length = same
  }
  const folder = first.slice(0, first.slice(0, length).lastIndexOf('/') + 1)
  return /[^/]\/$/.test(folder) ? folder : null
}
