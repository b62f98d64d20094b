import { join } from 'node:path'
import type { Crypto } from '../../canon/index.js'
import type { ShippedLedger } from './batch.js'
import { Lane, type LaneStatus, type ShipBound, type ShipLog, type ShippingLag } from './lane.js'
import type { Sink } from './sink.js'

/** A sink as the configuration names it. */
export interface ShipTo {
  /** Unique; also the name of its cursor's file. */
  readonly name: string
  readonly sink: Sink
  /** Whether entries count as shipped only when this sink has them. A sink that doesn't acknowledge can't be. */
  readonly required: boolean
  /** Longest time that entries wait for company. */
  readonly everyMs: number
}

export interface ShippingOptions {
  readonly ledger: ShippedLedger
  readonly sinks: readonly ShipTo[]
  /** Folder for the cursors' files. */
  readonly cursors: string
  readonly crypto: Pick<Crypto, 'sha256'>
  readonly log: ShipLog
  readonly nowMs: () => number
  readonly random: () => number
  readonly limits?: Partial<ShippingLimits>
}

export interface ShippingLimits {
  readonly batchEntries: number
  readonly batchBytes: number
  readonly sendTimeoutMs: number
  readonly firstRetryMs: number
  readonly longestRetryMs: number
}

const LIMITS: ShippingLimits = {
  batchEntries: 4_096,
  batchBytes: 4 * 1024 * 1024,
  sendTimeoutMs: 30_000,
  firstRetryMs: 500,
  longestRetryMs: 30_000,
}

export interface SinkStatus extends LaneStatus {
  readonly required: boolean
}

/** The ledger's entries on their way off the host, behind its head and never in anybody's way. */
export interface Shipping {
  /** How far the last of the required sinks is behind; null where there is none, or where one holds what this ledger doesn't. */
  lag(nowMs: number): ShippingLag | null
  /** What somebody allows to be behind; batches wait for company within it. Null for no bound. */
  keepWithin(bound: ShipBound | null): void
  status(): readonly SinkStatus[]
  /** Sends what there is for at most so long, 5,000 ms unless told, and ends. The ledger must still be readable. */
  stop(withinMs?: number): Promise<void>
}

/** Starts shipping to every sink from where its cursor stands. */
export async function startShipping(options: ShippingOptions): Promise<Shipping> {
  const { ledger, cursors, crypto, log, nowMs, random } = options
  const limits = { ...LIMITS, ...options.limits }
  const lanes = await Promise.all(
    options.sinks.map(async ({ name, sink, required, everyMs }) => {
      const lane = await Lane.open({
        name,
        sink,
        ledger,
        cursorFile: join(cursors, `${name}.json`),
        crypto,
        log,
        nowMs,
        random,
        bounds: { entries: limits.batchEntries, bytes: limits.batchBytes },
        everyMs,
        sendTimeoutMs: limits.sendTimeoutMs,
        firstRetryMs: limits.firstRetryMs,
        longestRetryMs: limits.longestRetryMs,
      })
      return { lane, required: required && sink.acknowledges }
    }),
  )
  const unsubscribe = ledger.onCommit(({ t }) => {
    for (const { lane } of lanes) lane.committed(t)
  })
  // A batch may have been committed between an opening and the subscription.
  for (const { lane } of lanes) if (lane.status().lag.entries > 0) lane.committed(ledger.head().t)
  return {
    lag: at => worst(lanes.filter(({ required }) => required).map(({ lane }) => lane.lag(at))),
    keepWithin: bound => {
      for (const { lane } of lanes) lane.keepWithin(bound)
    },
    status: () => lanes.map(({ lane, required }) => ({ ...lane.status(), required })),
    stop: async (withinMs = 5_000) => {
      await Promise.all(lanes.map(({ lane }) => lane.stop(withinMs)))
      unsubscribe()
    },
  }
}

function worst(lags: readonly (ShippingLag | null)[]): ShippingLag | null {
  const known = lags.filter(lag => lag !== null)
  if (known.length === 0 || known.length < lags.length) return null
  return {
    entries: Math.max(...known.map(({ entries }) => entries)),
    seconds: Math.max(...known.map(({ seconds }) => seconds)),
  }
}
