import type { JsonValue } from '../canon/index.js'
import type { Operation } from '../protocol/index.js'
import type { LimitWindow, Reservation } from './active.js'
import type { CompiledLimit } from './compiled.js'

const DAY_MS = 86_400_000

/** What a limit says about the operations of one request that it applies to. */
export interface LimitVerdict {
  readonly over: boolean
  readonly reservation: Reservation
  /** Until the limit frees, at the latest; null where waiting doesn't help. */
  readonly retryAfterMs: number | null
}

/**
 * Adds the operations up and holds them against what the window has already seen. All operations of the request
 * count together, so that their order can't matter. An unknown amount is over the limit, and reserves nothing.
 */
export function checkLimit(
  limit: CompiledLimit,
  counter: LimitWindow,
  operations: readonly Operation[],
  usage: (window: LimitWindow) => number,
  nowMs: number,
): LimitVerdict {
  const amounts = operations.map(operation => amountOf(limit, operation))
  const amount = amounts.reduce<number | null>(
    (total, each) =>
      total === null || each === null || total + each > Number.MAX_SAFE_INTEGER ? null : total + each,
    0,
  )
  if (amount === null) return { over: true, reservation: { ...counter, amount: 0 }, retryAfterMs: null }
  const used = readUsage(usage, counter)
  const over = !(used >= 0 && used + amount <= limit.max)
  return {
    over,
    reservation: { ...counter, amount },
    retryAfterMs: over && amount <= limit.max ? untilItFrees(counter, nowMs) : null,
  }
}

/** A counter that can't be read, or is no number, must not admit anything. */
function readUsage(usage: (window: LimitWindow) => number, counter: LimitWindow): number {
  try {
    return usage(counter)
  } catch {
    return Number.NaN
  }
}

function untilItFrees({ window }: LimitWindow, nowMs: number): number {
  return window.kind === 'sliding' ? window.ms : DAY_MS - (nowMs % DAY_MS)
}

/** 1 for a count; for a sum the argument at the path, null unless it is an integer from 0 in the limit's unit. */
function amountOf(limit: CompiledLimit, operation: Operation): number | null {
  if (limit.sum === undefined) return 1
  if (limit.unit !== undefined && !isInUnit(limit.unit, operation)) return null
  let value: JsonValue | undefined = operation.args
  for (const member of limit.sum) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
    value = Object.hasOwn(value, member) ? value[member] : undefined
  }
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null
}

function isInUnit(unit: string, operation: Operation): boolean {
  if (!Object.hasOwn(operation.args, 'currency')) return true
  const currency = operation.args.currency
  return typeof currency === 'string' && currency.toLowerCase() === unit.toLowerCase()
}
