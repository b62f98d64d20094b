import {
  ANYTHING,
  type ArnKind,
  kindOfArn,
  kindsMeet,
  type Operation,
  type OperationClass,
  type OperationSpec,
  plainKind,
  type Resource,
  type Spelling,
  UNMAPPED,
} from '../protocol/index.js'
import type { Effect } from './active.js'
import type { CompiledRule, Criteria } from './compiled.js'
import { globCovers, globMatches, globMeetsName, isGlob } from './glob.js'
import { foldedId, isOfId, isSameId, type UniqueId, uniqueIdOf } from './unique-id.js'

/**
 * How a selector is read. An allow is read narrowly, a deny widely; a hold widely as well, but it can only let
 * pass (after approval) what it reaches in full.
 */
export type Reading = Effect

/** `partly`: a hold that bars an allow, but is no ground of its own to let the operation pass. */
export type Match = 'no' | 'partly' | 'yes'

/** Classes that neither `*` nor another class reaches in allow and hold. */
const HIDDEN: readonly OperationClass[] = ['opaque', 'unknown']

/** Criteria with the names of one API in sets, so that no pattern is tried at run time on a name that the catalog has. */
export interface Selection {
  readonly names: { readonly named: ReadonlySet<string>; readonly globbed: ReadonlySet<string> } | null
  readonly patterns: readonly string[]
  readonly classes: ReadonlySet<OperationClass> | null
  readonly effects: ReadonlySet<string> | null
  readonly scope: readonly (readonly [member: string, values: ReadonlySet<string>])[]
  readonly resources: readonly ResourcePattern[] | null
}

export interface ResourcePattern {
  readonly type?: string
  readonly id: string
  readonly about: ArnKind
  /** Without regard to case, as hold and deny read it. */
  readonly folded: string
  /** Of an id that is one thing's alone. */
  readonly unique: UniqueId | null
}

function patternOf({ type, id }: NonNullable<Criteria['resources']>[number]): ResourcePattern {
  const about = kindOfArn(id)
  const folded = id.toLowerCase()
  const unique = uniqueIdOf(id)
  if (type === undefined) return { id, folded, about, unique }
  return { type, id, folded, unique, about: { service: about.service, kind: about.kind ?? plainKind(type) } }
}

export function selectionOf(criteria: Criteria, api: string): Selection {
  const { operations, classes, effects, scope, resources } = criteria
  return {
    names:
      operations === undefined
        ? null
        : { named: new Set(operations.named[api] ?? []), globbed: new Set(operations.globbed[api] ?? []) },
    patterns: operations?.patterns ?? [],
    classes: classes === undefined ? null : new Set(classes as readonly OperationClass[]),
    effects: effects === undefined ? null : new Set(effects),
    scope: Object.entries(scope ?? {}).map(([member, values]) => [member, new Set(values)]),
    resources: resources?.map(patternOf) ?? null,
  }
}

/** Whether a selector matches an operation (the policy's meaning: selectors, classes, scope, resources). Keys AND, lists OR. */
export function matchOperation(selection: Selection, operation: Operation, reading: Reading): Match {
  const kind = matchKind(selection, operation, reading)
  if (kind === 'no') return 'no'
  const scope = matchScope(selection, operation, reading)
  if (scope === 'no') return 'no'
  const resources = matchResources(selection, operation, reading)
  if (resources === 'no') return 'no'
  return [kind, scope, resources].includes('partly') ? 'partly' : 'yes'
}

/** What of an operation doesn't depend on what it is done to: its name, effects and classes, and whether it names another account. */
export type OperationKind = Pick<Operation, 'name' | 'effects' | 'classes' | 'baseClasses' | 'account'>

/** The part of `matchOperation` that is settled before scope and resources are known. */
export function matchKind(selection: Selection, operation: OperationKind, reading: Reading): Match {
  const name = reachByName(selection, operation, reading)
  if (name === 'no') return 'no'
  if (!reachesEffect(selection, operation)) return 'no'
  const classes = matchClasses(selection, operation, reading, name === 'named')
  if (classes === 'no') return 'no'
  const account = matchAccount(selection, operation, reading)
  return account === 'yes' ? classes : account
}

function reachByName(
  selection: Selection,
  { name, baseClasses }: Pick<OperationKind, 'name' | 'baseClasses'>,
  reading: Reading,
): 'no' | 'named' | 'otherwise' {
  const { names, patterns } = selection
  if (names === null) return 'otherwise'
  if (names.named.has(name)) return 'named'
  if (names.globbed.has(name)) return 'otherwise'
  // Only a name that no catalog has gets here with patterns left to try; `*` in a deny reaches it too.
  if (patterns.some(pattern => globMatches(pattern, name))) return 'otherwise'
  if (reading === 'allow' || !baseClasses.includes('unknown')) return 'no'
  // ATTACK: a new `volumeDestroy` past a deny of `volume*`: what no catalog has is called `Mutation.volumeDestroy`.
  const field = name.slice(name.indexOf('.') + 1)
  return patterns.some(pattern => globMatches(pattern, field)) ? 'otherwise' : 'no'
}

function reachesEffect({ effects }: Selection, operation: Pick<Operation, 'effects'>): boolean {
  return effects === null || operation.effects.some(effect => effects.has(effect))
}

function matchClasses(
  { classes }: Selection,
  operation: OperationKind,
  reading: Reading,
  named: boolean,
): Match {
  switch (reading) {
    case 'deny':
      return classes === null || operation.classes.some(each => classes.has(each)) ? 'yes' : 'no'
    case 'allow': {
      if (classes !== null) return operation.classes.every(each => classes.has(each)) ? 'yes' : 'no'
      const raised = operation.classes.some(each => !operation.baseClasses.includes(each))
      return !raised && (named || !operation.classes.some(isHidden)) ? 'yes' : 'no'
    }
    case 'hold': {
      const reached = (each: OperationClass): boolean => classes?.has(each) ?? !isHidden(each)
      const namedBase = (each: OperationClass): boolean => named && operation.baseClasses.includes(each)
      if (!operation.classes.some(each => reached(each) || (classes === null && named))) return 'no'
      const whole = operation.classes.every(each => !isHidden(each) || reached(each) || namedBase(each))
      return whole ? 'yes' : 'partly'
    }
  }
}

function isHidden(each: OperationClass): boolean {
  return HIDDEN.includes(each)
}

/** An unknown member: an allow doesn't match, hold and deny do. */
function matchScope({ scope }: Selection, operation: Operation, reading: Reading): Match {
  let match: Match = 'yes'
  for (const [member, values] of scope) {
    const value = scopeMember(operation, member)
    if (value === undefined ? reading !== 'allow' : values.has(value)) continue
    if (reading === 'allow' || value === undefined || !isAmong(value, values)) return 'no'
    if (reading === 'hold') match = 'partly'
  }
  return match
}

/** ATTACK: an environment's id in capitals, past a deny of that environment. A hold that it meets bars, and is no ground to pass. */
function isAmong(value: string, values: ReadonlySet<string>): boolean {
  const folded = foldedId(value)
  return [...values].some(each => foldedId(each) === folded)
}

/** What the catalog could not normalise is unknown; two claims of an account, say, leave `scope.account` out. */
function scopeMember(operation: Operation, member: string): string | undefined {
  return Object.hasOwn(operation.scope, member) ? operation.scope[member] : undefined
}

/**
 * An allow needs all to match, a deny any; with none known an allow doesn't match, hold and deny do. ATTACK: two
 * instances in one request, of which a hold names one: a hold that only some of them meet bars, and is no ground to pass.
 */
function matchResources(
  { resources: patterns }: Selection,
  { resources, spellings = [], scope }: Pick<Operation, 'resources' | 'spellings' | 'scope'>,
  reading: Reading,
): Match {
  if (patterns === null) return 'yes'
  if (resources.length === 0) return reading === 'allow' ? 'no' : 'yes'
  const isNamed = (resource: Resource): boolean =>
    patterns.some(pattern => isOfType(pattern, resource) && matchesWhole(pattern.id, resource, reading))
  if (resources.every(isNamed)) return 'yes'
  // ATTACK: a charge by its payment, a queue by a URL that the catalog can't read, past a deny that names it.
  if (reading === 'allow') return 'no'
  const reached =
    resources.some(each => mayMean(patterns, each)) ||
    patterns.some(pattern => isInScope(pattern, { scope, resources })) ||
    spellings.some(each => mayBe(patterns, each))
  if (!reached) return 'no'
  return reading === 'deny' ? 'yes' : 'partly'
}

function isOfType(pattern: ResourcePattern, { type }: Resource): boolean {
  return pattern.type === undefined || pattern.type === type
}

/**
 * Whether a resource may be one that is named. ATTACK: a user of IAM, or any id that its server folds, in capitals; a
 * repository by the node id of before, or as the `source` of a ruleset, past a deny that names it as the `repository`.
 */
function mayMean(patterns: readonly ResourcePattern[], resource: Resource): boolean {
  const folded = inLowerCase(resource)
  return (
    patterns.some(pattern => isOfType(pattern, resource) && meetsName(pattern.folded, folded)) ||
    isUniqueAmong(patterns, resource)
  )
}

/**
 * ATTACK: a service in an environment, past a deny of the environment: what an operation names only to say where it acts is
 * in its scope alone, under a member that is called after the type.
 */
function isInScope(
  pattern: ResourcePattern,
  { scope, resources }: Pick<Operation, 'scope' | 'resources'>,
): boolean {
  return Object.entries(scope).some(
    ([member, id]) =>
      isMember(pattern, member) && isValue(pattern, id) && !resources.some(({ type }) => type === member),
  )
}

/** Whether a scope member may hold what a pattern names; of a pattern without a type that isn't a whole id, none does. */
export function isMember({ type, id }: Pick<ResourcePattern, 'type' | 'id'>, member: string): boolean {
  return type === undefined ? !isGlob(id) : type === member && !/^\*+$/.test(id)
}

/** Whether a value of a scope member is what a pattern names. */
export function isValue({ folded, unique }: Pick<ResourcePattern, 'folded' | 'unique'>, id: string): boolean {
  if (globMatches(folded, id.toLowerCase())) return true
  const own = unique === null ? null : uniqueIdOf(id)
  return own !== null && unique !== null && isSameId(unique, own)
}

/** An id that is one thing's alone is of that thing by whatever type an operation calls it, and so is one that says what it lies in. */
function isUniqueAmong(patterns: readonly ResourcePattern[], { id }: Resource): boolean {
  if (!patterns.some(({ unique }) => unique !== null)) return false
  const own = uniqueIdOf(id)
  return own !== null && patterns.some(({ unique }) => unique !== null && isOfId(own, unique))
}

function inLowerCase({ type, id, like }: Resource): Resource {
  const folded = { type, id: id.toLowerCase() }
  return like === undefined ? folded : { ...folded, like: like.toLowerCase() }
}

/** Whether what a request leaves open may be what a pattern names. */
function mayBe(patterns: readonly ResourcePattern[], spelling: Spelling): boolean {
  const { type, like, may } = spelling
  if (may !== undefined) return patterns.some(({ about }) => mayBeOf(about, may))
  const folded = inLowerCase(spelling)
  const isAnything = like === ANYTHING || (type === UNMAPPED && like === undefined)
  return patterns.some(
    pattern =>
      (pattern.type === undefined || pattern.type === type || type === UNMAPPED) &&
      (isAnything || (meetsName(pattern.folded, folded) && !isAnotherKind(pattern.about, like ?? ''))),
  )
}

function mayBeOf({ service, kind }: ArnKind, may: NonNullable<Spelling['may']>): boolean {
  const isHere = service === null || service === may.service
  const isKind = may.kind !== '' && (kind === null || kindsMeet(kind, may.kind))
  return may.isItsOwn ? isHere && isKind : isHere || isKind
}

/** A star within an ARN runs over its colons, and would make a snapshot of a cluster's ARN of any snapshot's. */
function isAnotherKind(pattern: ArnKind, like: string): boolean {
  if (pattern.kind === null) return false
  const { service, kind } = kindOfArn(like)
  return kind !== null && (service !== pattern.service || !kindsMeet(kind, pattern.kind))
}

/** ATTACK: a secret by its name, a key by its alias, past a deny that names its ARN. */
function meetsName(pattern: string, { id, like }: Resource): boolean {
  return globMatches(pattern, id) || (like !== undefined && globMeetsName(pattern, like))
}

/**
 * Whether a resource is what a pattern names and nothing else. ATTACK: an alias of a key that nobody was asked about, let
 * pass by a hold of another key that it may be: to let pass, a hold has to name the alias, or all that it may be.
 */
function matchesWhole(pattern: string, resource: Resource, reading: Reading): boolean {
  const { id, like } = resource
  if (like === undefined) return globMatches(pattern, id)
  switch (reading) {
    case 'allow':
      return globMatches(pattern, id) && globCovers(pattern, like)
    case 'hold':
      return globMatches(pattern, id) || globCovers(pattern, like)
    case 'deny':
      return meetsName(pattern, resource)
  }
}

// ATTACK: the same path sent to another account (`Stripe-Account`). An allow must name it in its scope.
function matchAccount({ scope }: Selection, operation: Pick<Operation, 'account'>, reading: Reading): Match {
  if (operation.account === undefined || reading === 'deny') return 'yes'
  if (scope.some(([member]) => member === 'account')) return 'yes'
  return reading === 'allow' ? 'no' : 'partly'
}

/** Whether a whole rule selects the operation: its selector less its exception. The exception is read the other way round. */
export function matchSelector(
  rule: { readonly effect: Effect; readonly select: Selection; readonly except: Selection | null },
  operation: Operation,
): Match {
  const match = matchOperation(rule.select, operation, rule.effect)
  if (match === 'no' || rule.except === null) return match
  const excepted = matchOperation(rule.except, operation, rule.effect === 'allow' ? 'deny' : 'allow')
  return excepted === 'yes' ? 'no' : match
}

/**
 * Whether some request for a catalog's operation could match: what an index keeps and what "matches nothing"
 * means. Errs on the side of yes.
 */
export function couldMatch(
  rule: Pick<CompiledRule, 'effect'>,
  selection: Selection,
  spec: OperationSpec,
): boolean {
  const name = reachByName(selection, { name: spec.name, baseClasses: spec.classes }, rule.effect)
  if (name === 'no') return false
  if (selection.effects !== null && !spec.effects.some(effect => selection.effects?.has(effect))) return false
  if (!couldMatchClasses(rule.effect, selection.classes, spec)) return false
  if (rule.effect !== 'allow') return true
  return selection.scope.every(([member]) => member === 'account' || spec.scope.includes(member))
}

function couldMatchClasses(
  effect: Effect,
  classes: ReadonlySet<OperationClass> | null,
  spec: OperationSpec,
): boolean {
  if (classes === null) return true
  if (effect === 'allow') return spec.classes.every(each => classes.has(each))
  // Any operation's payload may turn out opaque.
  return classes.has('opaque') || [...spec.classes, ...spec.raisable].some(each => classes.has(each))
}
