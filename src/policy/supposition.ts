import { type OperationSpec, UNMAPPED } from '../protocol/index.js'
import { globCovers, globsMeet } from './glob.js'
import { matchKind, type OperationKind, type Reading, type Selection } from './match.js'
import type { Fact } from './satisfiable.js'

/*
 * What is taken for granted about the requests for one operation. A selector is tried on all of them at once:
 * it matches every one, none, or some. Suppositions are only ever narrowed, by supposing that a rule matches.
 *
 * INVARIANT: a supposition describes at least the requests that it should. `no` and `yes` are therefore proofs,
 * and `some` may be an over-approximation.
 */

/** Whether a selector matches no request, some or all that a supposition describes. */
export type Extent = 'no' | 'some' | 'all'

/** What a scope member may be: one of some values (null: any), or not known. */
export interface ScopeRange {
  readonly values: ReadonlySet<string> | null
  readonly unknown: boolean
}

type Pattern = Pick<NonNullable<Selection['resources']>[number], 'type' | 'id'>

/** Which resources a request may name. */
export interface ResourceRange {
  /** Types that there can be; null for any. */
  readonly types: ReadonlySet<string> | null
  readonly none: 'never' | 'maybe' | 'always'
  /** Of each group, every resource matches a pattern. */
  readonly every: readonly (readonly Pattern[])[]
  /** Of each group, some resource matches a pattern. */
  readonly some: readonly (readonly Pattern[])[]
}

export interface Supposition {
  /** Exact: name, effects, classes, and whether another account is named. */
  readonly kind: OperationKind
  /** False for the operations that the catalog doesn't have; their names are not known. */
  readonly listed: boolean
  /** Members that may be known; null for any. */
  readonly members: ReadonlySet<string> | null
  readonly scope: ReadonlyMap<string, ScopeRange>
  readonly resources: ResourceRange
  /** Conditions that are known to be true or false. */
  readonly facts: readonly Fact[]
  /** Minutes of the local day, by time zone; what is absent is any time. */
  readonly minutes: ReadonlyMap<string, readonly boolean[]>
}

/** Everything that a request for an operation can be, given its classes. */
export function supposeOperation(
  spec: OperationSpec,
  classes: OperationKind['classes'],
  otherAccount: boolean,
): Supposition {
  return {
    kind: {
      name: spec.name,
      effects: spec.effects,
      classes,
      baseClasses: spec.classes,
      ...(otherAccount ? { account: 'another' } : {}),
    },
    listed: true,
    members: new Set(spec.scope),
    scope: new Map(),
    resources: {
      types: new Set(spec.resources),
      none: spec.resources.length === 0 ? 'always' : 'maybe',
      every: [],
      some: [],
    },
    facts: [],
    minutes: new Map(),
  }
}

/** Everything that a request for an operation can be which the catalog doesn't have. */
export function supposeUnlisted(otherAccount: boolean): Supposition {
  return {
    kind: {
      name: '',
      effects: [],
      classes: ['unknown'],
      baseClasses: ['unknown'],
      ...(otherAccount ? { account: 'another' } : {}),
    },
    listed: false,
    members: null,
    scope: new Map(),
    resources: { types: null, none: 'maybe', every: [], some: [] },
    facts: [],
    minutes: new Map(),
  }
}

/** How far a selector reaches. `partly` of a hold counts as a match: ask `isGround` what it is worth. */
export function extentOf(selection: Selection, reading: Reading, supposed: Supposition): Extent {
  return allOf([
    kindExtent(selection, reading, supposed),
    ...selection.scope.map(([member, values]) =>
      scopeExtent(rangeOf(supposed, member), values, reading !== 'allow'),
    ),
    selection.resources === null ? 'all' : resourceExtent(selection.resources, reading, supposed.resources),
  ])
}

/** Of several things that must hold together. */
export function allOf(extents: readonly Extent[]): Extent {
  if (extents.includes('no')) return 'no'
  return extents.includes('some') ? 'some' : 'all'
}

/** The extent of the opposite. */
export function notOf(extent: Extent): Extent {
  return extent === 'all' ? 'no' : extent === 'no' ? 'all' : 'some'
}

/** True where a hold is a ground of its own to let the operation pass, once approved. */
export function isGround(selection: Selection, supposed: Supposition): boolean {
  return matchKind(nameless(selection, supposed), supposed.kind, 'hold') === 'yes'
}

function kindExtent(selection: Selection, reading: Reading, supposed: Supposition): Extent {
  if (supposed.listed || selection.names === null)
    return matchKind(selection, supposed.kind, reading) === 'no' ? 'no' : 'all'
  if (selection.patterns.length === 0) return 'no'
  if (matchKind(nameless(selection, supposed), supposed.kind, reading) === 'no') return 'no'
  return selection.patterns.some(pattern => /^\*+$/.test(pattern)) ? 'all' : 'some'
}

/** A selector by pattern reaches a name that no catalog has as one without names would. */
function nameless(selection: Selection, { listed }: Supposition): Selection {
  return listed || selection.names === null ? selection : { ...selection, names: null, patterns: [] }
}

function rangeOf(supposed: Supposition, member: string): ScopeRange {
  const known = supposed.scope.get(member)
  if (known !== undefined) return known
  const possible = supposed.members === null || supposed.members.has(member)
  return { values: possible ? null : new Set(), unknown: true }
}

function scopeExtent(range: ScopeRange, values: ReadonlySet<string>, matchesUnknown: boolean): Extent {
  const known = range.values
  const canMatch =
    (range.unknown && matchesUnknown) || known === null || [...known].some(value => values.has(value))
  const canMiss =
    (range.unknown && !matchesUnknown) || known === null || [...known].some(value => !values.has(value))
  return canMatch ? (canMiss ? 'some' : 'all') : 'no'
}

function resourceExtent(patterns: readonly Pattern[], reading: Reading, range: ResourceRange): Extent {
  if (range.none === 'always') return reading === 'allow' ? 'no' : 'all'
  const reachable = patterns.filter(
    ({ type }) => type === undefined || range.types === null || range.types.has(type),
  )
  const meets = (group: readonly Pattern[]): boolean =>
    group.some(one => reachable.some(other => patternsMeet(one, other)))
  const covered = (group: readonly Pattern[]): boolean =>
    group.every(one => reachable.some(other => patternCovers(other, one)))
  const oneCanMatch = reachable.length > 0 && range.every.every(meets)
  const allMatch = range.every.some(covered) || reachable.some(isEverything)
  // A hold that only some resources meet bars.
  if (reading !== 'allow') {
    if (allMatch || range.some.some(covered)) return 'all'
    return oneCanMatch || range.none === 'maybe' || mayLeaveOpen(range, patterns) ? 'some' : 'no'
  }
  if (!oneCanMatch || !range.some.every(meets)) return 'no'
  return allMatch && range.none === 'never' ? 'all' : 'some'
}

/**
 * Whether a request may name something, and nothing of a type that a pattern is about (`leftOpen`). ARNs are not looked at:
 * what a request of AWS leaves open is no type, and a deny that reaches more than is supposed proves nothing wrong.
 */
function mayLeaveOpen({ types, every }: ResourceRange, patterns: readonly Pattern[]): boolean {
  if (types === null || types.has(UNMAPPED)) return false
  const isOf = (type: string, group: readonly Pattern[]): boolean =>
    group.some(each => each.type === undefined || each.type === type)
  const named = [...types].filter(type => every.every(group => isOf(type, group)))
  return [...types].some(type => isOf(type, patterns) && named.some(other => other !== type))
}

function patternsMeet(a: Pattern, b: Pattern): boolean {
  return (a.type === undefined || b.type === undefined || a.type === b.type) && globsMeet(a.id, b.id)
}

/** Whether every resource that the inner pattern matches is matched by the outer one; errs on the side of no. */
export function patternCovers(outer: Pattern, inner: Pattern): boolean {
  return (outer.type === undefined || outer.type === inner.type) && globCovers(outer.id, inner.id)
}

function isEverything({ type, id }: Pattern): boolean {
  return type === undefined && /^\*+$/.test(id)
}

/** The same requests, as far as the selector matches them. */
export function supposeMatch(selection: Selection, reading: Reading, supposed: Supposition): Supposition {
  const scope = new Map(supposed.scope)
  for (const [member, values] of selection.scope) {
    const { values: known, unknown } = rangeOf({ ...supposed, scope }, member)
    scope.set(member, {
      values: known === null ? values : new Set([...known].filter(value => values.has(value))),
      unknown: unknown && reading !== 'allow',
    })
  }
  return { ...supposed, scope, resources: narrowResources(selection.resources, reading, supposed.resources) }
}

function narrowResources(
  patterns: Selection['resources'],
  reading: Reading,
  range: ResourceRange,
): ResourceRange {
  if (patterns === null) return range
  switch (reading) {
    case 'allow':
      return { ...range, none: 'never', every: [...range.every, patterns] }
    case 'hold':
      return { ...range, every: [...range.every, patterns] }
    case 'deny':
      // Where there may be none, or none of that type, nothing follows for those that there are.
      return range.none === 'never' && !mayLeaveOpen(range, patterns)
        ? { ...range, some: [...range.some, patterns] }
        : range
  }
}
