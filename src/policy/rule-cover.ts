import { canonicalize, type JsonObject } from '../canon/index.js'
import type { CompiledRule } from './compiled.js'
import { patternCovers } from './supposition.js'

/**
 * Whether a rule matches wherever another does, for an operation that both select by name, class and effect. Errs on
 * the side of no.
 */
export function coversConditions(outer: CompiledRule, inner: CompiledRule): boolean {
  // A hold matches what isn't known, an allow doesn't: only one that asks for nothing matches wherever a hold does.
  if (outer.effect === 'allow' && inner.effect === 'hold') return asksNothing(outer)
  return (
    coversScope(outer, inner) &&
    coversResources(outer, inner) &&
    (outer.except === undefined || same(outer.except, inner.except)) &&
    // Of a probe, whether it answers decides as well.
    (outer.when === undefined || outer.when === inner.when) &&
    outer.probe === inner.probe &&
    (outer.during === undefined || inner.during?.every(window => outer.during?.includes(window)) === true)
  )
}

function asksNothing({ select, except, when, probe, during }: CompiledRule): boolean {
  const asked = [select.scope, select.resources, except, when, probe, during]
  return asked.every(each => each === undefined)
}

function coversScope(outer: CompiledRule, inner: CompiledRule): boolean {
  return Object.entries(outer.select.scope ?? {}).every(([member, values]) =>
    inner.select.scope?.[member]?.every(value => values.includes(value)),
  )
}

function coversResources(outer: CompiledRule, inner: CompiledRule): boolean {
  const { resources } = outer.select
  if (resources === undefined) return true
  // A deny needs one resource that matches, the others all of them: only alike are they comparable.
  if ((outer.effect === 'deny') !== (inner.effect === 'deny')) return false
  return (
    inner.select.resources?.every(one =>
      resources.some(other => patternCovers(patternOf(other), patternOf(one))),
    ) ?? false
  )
}

function patternOf({ type, id }: { type?: string; id: string }): {
  readonly type?: string
  readonly id: string
} {
  return type === undefined ? { id } : { type, id }
}

/**
 * Whether a rule's limit lets pass at most what another's does, of an operation that both count: no more of it in the
 * same window, and above it nothing, or what the same people are asked about. What else each of the two counts is not
 * looked at.
 */
export function coversLimit(limiting: CompiledRule, before: CompiledRule): boolean {
  if (limiting.limit === undefined || before.limit === undefined) return before.limit === undefined
  const { max, over, ...rest } = limiting.limit
  const { max: most, over: then, ...others } = before.limit
  const above = (before.approvers ?? []).every(group => limiting.approvers?.includes(group))
  return max <= most && same(rest, others) && (over === 'deny' || (then === 'hold' && above))
}

/** Whether all operations that one rule selects by name are selected by the other, of two that select by the same classes and effects. */
export function coversNames(outer: CompiledRule, inner: CompiledRule): boolean {
  const { operations: some } = inner.select
  const { operations: all } = outer.select
  if (!inner.apis.every(api => outer.apis.includes(api))) return false
  if (all === undefined) return true
  if (some === undefined) return false
  return (
    some.patterns.every(pattern => all.patterns.includes(pattern)) &&
    inner.apis.every(api => {
      const reached = new Set([...(all.named[api] ?? []), ...(all.globbed[api] ?? [])])
      return [...(some.named[api] ?? []), ...(some.globbed[api] ?? [])].every(name => reached.has(name))
    })
  )
}

function same(a: object | undefined, b: object | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return canonicalOf(a) === canonicalOf(b)
}

function canonicalOf(value: object): string {
  return canonicalize(JSON.parse(JSON.stringify(value)) as JsonObject)
}
