import { globCovers } from './glob.js'
import { coversConditions, coversLimit } from './rule-cover.js'
import type { Way } from './survey.js'

/*
 * Whether what can become of an operation by the rules of one policy can become of it by those of another. Everything
 * here errs on the side of no.
 */

/** The ways of one operation in one policy, by what they are. */
export interface Ways {
  readonly all: readonly Way[]
  /** Rules without which nothing passes. */
  readonly grounds: readonly Way[]
  /** False for the operations that neither catalog has: the patterns of their rules may reach different ones. */
  readonly listed: boolean
}

/**
 * Whether all that can pass by the inner rules can pass by the outer ones: each rule that admits is covered by one
 * that admits there, each that is a ground to pass by a ground there, and each bar and limit there by one here.
 */
export function isWithin(inner: Ways, outer: Ways): boolean {
  const [allows, holds] = [rulesWith(outer, 'allow'), rulesWith(outer, 'hold')]
  const ownDenies = rulesWith(inner, 'deny')
  const ownBars = [...rulesWith(inner, 'hold'), ...ownDenies]
  const covers = (one: Way, other: Way): boolean => coversWay(one, other, inner.listed)
  return (
    rulesWith(inner, 'allow').every(way => allows.some(other => covers(other, way))) &&
    // ATTACK: a hold that only barred, now a ground to pass once approved; or an allow that a hold always bars.
    inner.grounds.every(way => outer.grounds.some(other => covers(other, way))) &&
    rulesWith(outer, 'deny').every(way => ownDenies.some(other => covers(other, way))) &&
    holds.every(way => ownBars.some(other => covers(other, way) && asksAsMany(other, way))) &&
    limitedWays(outer).every(way => limitedWays(inner).some(other => limitsAsMuch(other, way, inner.listed)))
  )
}

function rulesWith({ all }: Ways, effect: Way['effect']): readonly Way[] {
  return all.filter(way => way.effect === effect && way.rule?.effect === effect && !way.over)
}

/** What a used-up limit makes of it: there is one for each limit that counts the operation, held back by others or not. */
export function limitedWays({ all }: Ways): readonly Way[] {
  return all.filter(way => way.over)
}

function coversWay(outer: Way, inner: Way, listed: boolean): boolean {
  if (outer.rule === null || inner.rule === null) return false
  return (
    outer.always ||
    ((listed || coversNames(outer, inner)) && coversConditions(outer.rule.rule, inner.rule.rule))
  )
}

/** Of names that no catalog has. */
function coversNames(outer: Way, inner: Way): boolean {
  const [all, some] = [outer.rule?.rule.select.operations, inner.rule?.rule.select.operations]
  if (all === undefined) return true
  return some?.patterns.every(one => all.patterns.some(other => globCovers(other, one))) === true
}

function asksAsMany(bar: Way, before: Way): boolean {
  if (bar.rule === null || before.rule === null || bar.effect === 'deny') return bar.effect === 'deny'
  const asked = bar.rule.rule.approvers ?? []
  return (before.rule.rule.approvers ?? []).every(group => asked.includes(group))
}

/** Whether one limit lets pass at most what another does, of this operation by itself. */
export function limitsAsMuch(way: Way, before: Way, listed: boolean): boolean {
  if (way.rule === null || before.rule === null) return false
  return coversWay(way, before, listed) && coversLimit(way.rule.rule, before.rule.rule)
}

/** The same for two lists of ways that mean the same, whatever their rules are called. */
export function signatureOf({ all, grounds, listed }: Ways): string {
  const meanings = (ways: readonly Way[]): readonly string[] =>
    ways.flatMap(way => meaningOf(way, listed)).sort()
  return JSON.stringify([meanings(all), meanings(grounds)])
}

function meaningOf({ rule, over }: Way, listed: boolean): readonly string[] {
  if (rule === null) return []
  const { effect, select, except, when, probe, during, limit, approvers } = rule.rule
  const names = listed ? null : (select.operations?.patterns ?? null)
  const meaning = [effect, names, select.scope, select.resources, except, when, during, approvers, probe]
  return [JSON.stringify([...meaning, over ? limit : null])]
}
