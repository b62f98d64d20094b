import type { BudgetReading } from '../link/index.js'

/**
 * What an agent has left, as the fields of draft-ietf-httpapi-ratelimit-headers: `RateLimit-Policy: "small-refunds";q=5000;qu="eur";w=86400`
 * and `RateLimit: "small-refunds";r=1200;t=3600` (-10 §3, §4). An amount has its unit as `qu`, so that nobody takes 5,000
 * cents for as many requests, which is what is meant without. They are lists, so that those of the upstream stay beside them;
 * nothing where nothing is limited.
 */
export function budgetHeaders(budgets: readonly BudgetReading[]): readonly string[] {
  if (budgets.length === 0) return []
  const policies = budgets.map(
    ({ rule, limit, unit, windowSeconds }) =>
      `${named(rule)};q=${integer(limit)}${unit === null ? '' : `;qu=${named(unit)}`};w=${Math.max(1, windowSeconds)}`,
  )
  const left = budgets.map(
    ({ rule, limit, used, resetsSeconds }) =>
      `${named(rule)};r=${integer(Math.max(0, limit - used))};t=${resetsSeconds}`,
  )
  return ['RateLimit-Policy', policies.join(', '), 'RateLimit', left.join(', ')]
}

/** RFC 9651 §3.3.1 has 15 digits. */
const MOST = 999_999_999_999_999

function integer(value: number): number {
  return Math.min(MOST, Math.floor(value))
}

/** A string of RFC 9651; ids of rules have no letter that would have to be escaped, and no other gets out. */
function named(rule: string): string {
  return `"${rule.replace(/[^A-Za-z0-9._-]/g, '')}"`
}

/** The same in a sentence, of the limits that are used up as far as they can be; nothing where there is none. */
export function budgetWords(budgets: readonly BudgetReading[], rule: string | null): string {
  const budget = budgets.find(each => each.rule === rule)
  if (budget === undefined) return ''
  const { limit, used, windowSeconds, resetsSeconds } = budget
  return ` Used: ${used} of ${limit} in ${duration(windowSeconds)}; the first frees in ${duration(resetsSeconds)}.`
}

function duration(seconds: number): string {
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7_200) return `${Math.ceil(seconds / 60)} min`
  return `${Math.ceil(seconds / 3_600)} h`
}
