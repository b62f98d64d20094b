import { type BudgetReading, MAX_BUDGETS } from '../link/index.js'
import { type Budget, counterOf, type LimitWindow } from '../policy/index.js'
import type { CounterReading, Counters } from './counters.js'

const DAY_MS = 86_400_000

/** One limit of the policy as far as one agent has used it. Part of `GET /v1/status`; only operators read it. */
export interface UsedBudget {
  readonly agent: string
  /** Null where the limit counts all tasks of the agent together. */
  readonly task: string | null
  /** Id of the rule whose limit it is; `limits.perAgent` and `limits.perTask` are those of the whole policy. */
  readonly rule: string
  /** Operations, or the sum in `unit`; null where it is not known, so that everything is over the limit. */
  readonly used: number | null
  readonly limit: number
  /** Null where operations are counted, or the amount has no unit. */
  readonly unit: string | null
  /** 86,400 for a calendar day in UTC. */
  readonly window_seconds: number
  /** Unix milliseconds: when the first of what is used counts no more. */
  readonly resets_ms: number
}

/** What of the policy's limits is used, the fullest first. Counters of rules that the policy doesn't have any more are left out. */
export function usedBudgets(
  budgets: ReadonlyMap<string, Budget>,
  readings: readonly CounterReading[],
): readonly UsedBudget[] {
  const used = readings.flatMap(({ key, used, freesMs }) => {
    const { rule, agent, task } = counterOf(key)
    const budget = budgets.get(rule)
    if (budget === undefined) return []
    const { max: limit, unit, window } = budget
    const window_seconds = (window.kind === 'day' ? DAY_MS : window.ms) / 1_000
    return [{ agent, task, rule, used, limit, unit, window_seconds, resets_ms: freesMs }]
  })
  return used.sort((a, b) => shareOf(b) - shareOf(a))
}

function shareOf({ used, limit }: UsedBudget): number {
  return used === null ? Number.POSITIVE_INFINITY : used / limit
}

/**
 * What an agent is told of the limits that its request counts under, by itself. ATTACK: an agent that reads from a number
 * what another is doing. Every counter is one agent's own; a usage that nobody knows is told as used up.
 */
export function toldBudgets(
  budgets: ReadonlyMap<string, Budget>,
  counted: readonly LimitWindow[],
  counters: Pick<Counters, 'usage' | 'freesMs'>,
  nowMs: number,
): readonly BudgetReading[] {
  return counted.slice(0, MAX_BUDGETS).flatMap(limit => {
    const budget = budgets.get(counterOf(limit.key).rule)
    if (budget === undefined) return []
    const { window } = limit
    const windowMs = window.kind === 'day' ? DAY_MS : window.ms
    const freesMs = counters.freesMs(limit) ?? nowMs + windowMs
    return [
      {
        rule: budget.rule,
        limit: budget.max,
        used: Math.min(counters.usage(limit, nowMs), budget.max),
        unit: budget.isAmount ? (budget.unit ?? 'amount') : null,
        windowSeconds: Math.ceil(windowMs / 1_000),
        resetsSeconds: Math.max(0, Math.ceil((freesMs - nowMs) / 1_000)),
      },
    ]
  })
}
