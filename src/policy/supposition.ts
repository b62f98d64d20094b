import { type OperationSpec, UNMAPPED } from '../protocol/index.js'
import { globCovers, globMatches, globsMeet, isGlob } from './glob.js'
import {
  isMember,
  isValue,
  matchKind,
  type OperationKind,
  type Reading,
  type ResourcePattern,
  type Selection,
} from './match.js'
import type { Fact } from './satisfiable.js'
import { foldedId, isOfId, isSameId, uuidSpellings } from './unique-id.js'

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
  /** Those values in any letters and spelling, as a deny reads them. */
  readonly folded: boolean
  readonly unknown: boolean
}

type Pattern = Pick<ResourcePattern, 'type' | 'id' | 'folded' | 'unique'>

/** Which resources a request may name. */
export interface ResourceRange {
  /** Types that there can be; null for any. */
  readonly types: ReadonlySet<string> | null
  readonly none: 'never' | 'maybe' | 'always'
  /** Of each group, every resource matches a pattern. */
  readonly every: readonly (readonly Pattern[])[]
  /** Of each group, some resource is what a pattern names as a deny reads it. */
  readonly some: readonly (readonly Pattern[])[]
  /** A deny of each group would be met, by what is named or by what is left open. */
  readonly met: readonly (readonly Pattern[])[]
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
      met: [],
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
    resources: { types: null, none: 'maybe', every: [], some: [], met: [] },
    facts: [],
    minutes: new Map(),
  }
}

/** How far a selector reaches. `partly` of a hold counts as a match: ask `isGround` what it is worth. */
export function extentOf(selection: Selection, reading: Reading, supposed: Supposition): Extent {
  return allOf([
    kindExtent(selection, reading, supposed),
    ...selection.scope.map(([member, values]) =>
      reading === 'allow'
        ? exactScopeExtent(rangeOf(supposed, member), values)
        : foldedScopeExtent(rangeOf(supposed, member), values),
    ),
    selection.resources === null ? 'all' : resourceExtent(selection.resources, reading, supposed),
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
  return { values: possible ? null : new Set(), folded: false, unknown: true }
}

/** As an allow reads it: what isn't known doesn't match. */
function exactScopeExtent(
  { values: known, folded, unknown }: ScopeRange,
  values: ReadonlySet<string>,
): Extent {
  const wanted = folded ? foldedIds(values) : values
  const canMatch = known === null || [...known].some(value => wanted.has(folded ? foldedId(value) : value))
  const canMiss = unknown || known === null || folded || [...known].some(value => !values.has(value))
  return canMatch ? (canMiss ? 'some' : 'all') : 'no'
}

/** As hold and deny read it: what isn't known matches, and so does a value in other letters. */
function foldedScopeExtent({ values: known, unknown }: ScopeRange, values: ReadonlySet<string>): Extent {
  const wanted = foldedIds(values)
  const canMatch = unknown || known === null || [...known].some(value => wanted.has(foldedId(value)))
  const canMiss = known === null || [...known].some(value => !wanted.has(foldedId(value)))
  return canMatch ? (canMiss ? 'some' : 'all') : 'no'
}

function foldedIds(values: Iterable<string>): ReadonlySet<string> {
  return new Set([...values].map(foldedId))
}

function resourceExtent(patterns: readonly Pattern[], reading: Reading, supposed: Supposition): Extent {
  const { resources: range, kind } = supposed
  if (range.none === 'always') return reading === 'allow' ? 'no' : 'all'
  const isWide = reading !== 'allow'
  const reachable = patterns.filter(
    ({ type, unique }) =>
      type === undefined || range.types === null || range.types.has(type) || (isWide && unique !== null),
  )
  const meets = (group: readonly Pattern[], meet: Relation): boolean =>
    group.some(one => reachable.some(other => meet(other, one)))
  const isAll = reachable.some(isEverything)
  // A hold that only some resources meet bars.
  if (isWide) {
    if (isAll || range.every.some(group => covers(reachable, group, denyCovers))) return 'all'
    // Whatever met the one, a name, what is left open, or that nothing is named, meets the other.
    if (range.met.some(group => covers(patterns, group, denyCoversDeny))) return 'all'
    const oneCanMatch = reachable.length > 0 && range.every.every(group => meets(group, denyMeets))
    const isOpen =
      range.none === 'maybe' || mayLeaveOpen(range, patterns, kind) || mayBeInScope(supposed, patterns)
    return oneCanMatch || isOpen ? 'some' : 'no'
  }
  const oneCanMatch = reachable.length > 0 && range.every.every(group => meets(group, patternsMeet))
  if (!oneCanMatch || !range.some.every(group => meets(group, denyMeets))) return 'no'
  const allMatch = isAll || range.every.some(group => covers(reachable, group, patternCovers))
  return allMatch && range.none === 'never' ? 'all' : 'some'
}

type Relation = (one: Pattern, other: Pattern) => boolean

function covers(outer: readonly Pattern[], inner: readonly Pattern[], cover: Relation): boolean {
  return inner.every(one => outer.some(other => cover(other, one)))
}

/**
 * Whether a request may name something, and nothing of a type that a pattern is about (`leftOpen`), or name it in words
 * that nobody reads. ARNs are not looked at: what a request of AWS leaves open is no type, and a deny that reaches more
 * than is supposed proves nothing wrong.
 */
function mayLeaveOpen(
  { types, every }: ResourceRange,
  patterns: readonly Pattern[],
  { classes }: OperationKind,
): boolean {
  if (types === null || types.has(UNMAPPED)) return false
  const isOf = (type: string, group: readonly Pattern[]): boolean =>
    group.some(each => each.type === undefined || each.type === type)
  const named = [...types].filter(type => every.every(group => isOf(type, group)))
  const unread = classes.includes('opaque')
  return [...types].some(type => isOf(type, patterns) && named.some(other => unread || other !== type))
}

/** Whether a pattern may name where a request acts: a member of the scope of a type that its resources aren't of. */
function mayBeInScope(supposed: Supposition, patterns: readonly Pattern[]): boolean {
  const { members, resources } = supposed
  // An operation that nobody has described says nothing of where it acts.
  if (members === null) return true
  const open = [...members].filter(member => resources.types?.has(member) !== true)
  return open.some(member => {
    const { values } = rangeOf(supposed, member)
    return patterns.some(
      pattern =>
        isMember(pattern, member) && (values === null || [...values].some(value => isValue(pattern, value))),
    )
  })
}

function patternsMeet(a: Pattern, b: Pattern): boolean {
  return (a.type === undefined || b.type === undefined || a.type === b.type) && globsMeet(a.id, b.id)
}

/** Whether every resource that the inner pattern matches is matched by the outer one; errs on the side of no. */
export function patternCovers(
  outer: Pick<Pattern, 'type' | 'id'>,
  inner: Pick<Pattern, 'type' | 'id'>,
): boolean {
  return (outer.type === undefined || outer.type === inner.type) && globCovers(outer.id, inner.id)
}

/** Whether a resource that one pattern names may be one that a deny of the other is met by. */
function denyMeets(deny: Pattern, other: Pattern): boolean {
  const isOfType = deny.type === undefined || other.type === undefined || deny.type === other.type
  if (isOfType && globsMeet(deny.folded, other.folded)) return true
  return isPartOf(deny, other) || isPartOf(other, deny) || isUniqueIn(deny, other) || isUniqueIn(other, deny)
}

/** The same thing, or one that lies in it. */
function isPartOf(own: Pattern, named: Pattern): boolean {
  return own.unique !== null && named.unique !== null && isOfId(own.unique, named.unique)
}

function isSameUnique(a: Pattern, b: Pattern): boolean {
  return a.unique !== null && b.unique !== null && isSameId(a.unique, b.unique)
}

/** Whether an id that is one thing's alone, in some spelling of it, is among those of a pattern with stars. */
function isUniqueIn({ unique }: Pattern, { id, folded }: Pattern): boolean {
  if (unique === null || !isGlob(id)) return false
  return unique.form === 'node' || uuidSpellings(unique.digits).some(each => globMatches(folded, each))
}

/** Whether a deny of the outer pattern is met by every resource that the inner one matches; errs on the side of no. */
function denyCovers(outer: Pattern, inner: Pattern): boolean {
  const isOfType = outer.type === undefined || outer.type === inner.type
  return (isOfType && globCovers(outer.folded, inner.folded)) || isPartOf(inner, outer)
}

/** Whether a deny of the outer pattern is met wherever one of the inner is; errs on the side of no. */
function denyCoversDeny(outer: Pattern, inner: Pattern): boolean {
  // An id that is one thing's alone is met in every spelling, and under every type.
  if (inner.unique === null) return denyCovers(outer, inner)
  return isSameUnique(outer, inner) && (inner.unique.form === 'uuid' || outer.folded === inner.folded)
}

function isEverything({ type, id }: Pattern): boolean {
  return type === undefined && /^\*+$/.test(id)
}

/** The same requests, as far as the selector matches them; of a hold, as far as it is a ground to let them pass. */
export function supposeMatch(selection: Selection, reading: Reading, supposed: Supposition): Supposition {
  const scope = new Map(supposed.scope)
  for (const [member, values] of selection.scope)
    scope.set(member, narrowScope(rangeOf({ ...supposed, scope }, member), values, reading))
  return { ...supposed, scope, resources: narrowResources(selection.resources, reading, supposed) }
}

/** Allow and hold name values exactly, a deny in any letters. */
function narrowScope(range: ScopeRange, values: ReadonlySet<string>, reading: Reading): ScopeRange {
  const { values: known, folded } = range
  const unknown = range.unknown && reading !== 'allow'
  if (known === null) return { values, folded: reading === 'deny', unknown }
  const keep = (all: ReadonlySet<string>, among: ReadonlySet<string>): ReadonlySet<string> =>
    new Set([...all].filter(value => foldedIds(among).has(foldedId(value))))
  if (reading === 'deny') return { values: keep(known, values), folded, unknown }
  if (folded) return { values: keep(values, known), folded: false, unknown }
  return { values: new Set([...known].filter(value => values.has(value))), folded, unknown }
}

function narrowResources(
  patterns: Selection['resources'],
  reading: Reading,
  supposed: Supposition,
): ResourceRange {
  const { resources: range, kind } = supposed
  if (patterns === null) return range
  switch (reading) {
    case 'allow':
      return { ...range, none: 'never', every: [...range.every, patterns] }
    case 'hold':
      return { ...range, every: [...range.every, patterns] }
    case 'deny': {
      const met = [...range.met, patterns]
      // Where there may be none, or none of that type, or it is where the operation acts, nothing follows for those that there are.
      const isOpen = mayLeaveOpen(range, patterns, kind) || mayBeInScope(supposed, patterns)
      return range.none === 'never' && !isOpen
        ? { ...range, met, some: [...range.some, patterns] }
        : { ...range, met }
    }
  }
}
