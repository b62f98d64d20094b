import type { StateReader } from '../ledger/index.js'
import type { LimitWindow, Reservation } from '../policy/index.js'
import { recoveredMs } from './recovered.js'
import type { StateChange } from './state-change.js'

/** Durable form: key `limit/<counter>/<attempt id>`, value `{"t":…,"amount":…,"until":…}`. */
const PREFIX = 'limit/'
const DAY_MS = 86_400_000

interface Reserved {
  /** Attempt that reserved. */
  readonly id: string
  readonly t: number
  readonly amount: number
  /** From then on it counts under no window any more. */
  readonly until: number
}

/** What one attempt has reserved, and the changes that make it durable with the attempt. */
export interface Hold {
  readonly id: string
  readonly keys: readonly string[]
  readonly changes: readonly StateChange[]
}

export interface CounterReading {
  /** See `counterKey` of the policy. */
  readonly key: string
  /** Null where nobody knows what was used before the ledger was recovered. */
  readonly used: number | null
  /** Unix milliseconds: when the first of it counts no more. */
  readonly freesMs: number
}

interface Counter {
  /** In order of time. */
  reserved: Reserved[]
  total: number
}

/**
 * Usage under the policy's limits. A reservation counts in memory from the moment of the decision, so that
 * concurrent requests can't both take the last unit, and on disk from the attempt's own batch.
 */
export class Counters {
  private readonly counters = new Map<string, Counter>()
  private readonly lapsed: StateChange[] = []
  /** What was used up to then nobody knows; null where everything is known. */
  private unknownMs: number | null = null

  /** The counters as of the newest entry. */
  static async load(state: StateReader): Promise<Counters> {
    const counters = new Counters()
    for (const [key, value] of await state.list(PREFIX)) {
      const slash = key.lastIndexOf('/')
      const { t, amount, until } = JSON.parse(value)
      counters.keep(key.slice(PREFIX.length, slash), { id: key.slice(slash + 1), t, amount, until })
    }
    counters.unknownMs = await recoveredMs(state)
    for (const counter of counters.counters.values()) counter.reserved.sort((a, b) => a.t - b.t)
    return counters
  }

  /** Amount reserved within the window that ends now; more than any limit while the window reaches into what nobody knows. */
  usage(limit: LimitWindow, nowMs: number): number {
    const since = windowStart(limit.window, nowMs)
    if (this.unknownMs !== null && since <= this.unknownMs) return Number.MAX_SAFE_INTEGER
    const counter = this.counters.get(limit.key)
    if (counter === undefined) return 0
    this.dropLapsed(limit.key, counter, nowMs)
    const oldest = counter.reserved[0]
    // Only a policy that shortened its window leaves something from before it.
    if (oldest === undefined || oldest.t >= since) return counter.total
    return counter.reserved.reduce((sum, { t, amount }) => (t >= since ? sum + amount : sum), 0)
  }

  reserve(reservations: readonly Reservation[], id: string, nowMs: number): Hold {
    if (reservations.length === 0) return NOTHING
    const changes = this.lapsed.splice(0)
    for (const { key, window, amount } of reservations) {
      const until = window.kind === 'day' ? startOfDay(nowMs) + DAY_MS : nowMs + window.ms
      this.keep(key, { id, t: nowMs, amount, until })
      changes.push({ key: stateKey(key, id), value: JSON.stringify({ t: nowMs, amount, until }) })
    }
    return { id, keys: reservations.map(reservation => reservation.key), changes }
  }

  /** Until the first of what a limit counts is out of its window; null where it counts nothing. */
  freesMs({ key }: LimitWindow): number | null {
    return this.counters.get(key)?.reserved[0]?.until ?? null
  }

  /** Every counter that counts something now. */
  inUse(nowMs: number): readonly CounterReading[] {
    this.dropAllLapsed(nowMs)
    return [...this.counters].map(([key, { reserved, total }]) => ({
      key,
      used: this.unknownMs === null ? total : null,
      freesMs: reserved.reduce((first, { until }) => Math.min(first, until), Number.POSITIVE_INFINITY),
    }))
  }

  /** Forgets counters that nothing is counted under any more: a task that has ended asks for its own no more. */
  dropAllLapsed(nowMs: number): void {
    for (const [key, counter] of this.counters) {
      this.dropLapsed(key, counter, nowMs)
      if (counter.reserved.length === 0) this.counters.delete(key)
    }
  }

  /** As if it had not been reserved: its attempt was not written down, nor what was to ride with it. */
  giveBack(hold: Hold): void {
    this.release(hold)
    this.lapsed.push(...hold.changes.filter(({ value }) => value === null))
  }

  /** Gives back what an attempt reserved and provably did not use; the changes make that durable. */
  release(hold: Hold): readonly StateChange[] {
    for (const key of hold.keys) {
      const counter = this.counters.get(key)
      const at = counter?.reserved.findLastIndex(({ id }) => id === hold.id) ?? -1
      if (counter === undefined || at === -1) continue
      for (const { amount } of counter.reserved.splice(at, 1)) counter.total -= amount
    }
    return hold.keys.map(key => ({ key: stateKey(key, hold.id), value: null }))
  }

  private keep(key: string, reserved: Reserved): void {
    const counter = this.counters.get(key)
    if (counter === undefined) {
      this.counters.set(key, { reserved: [reserved], total: reserved.amount })
    } else {
      counter.reserved.push(reserved)
      counter.total += reserved.amount
    }
  }

  /** Forgets what counts nowhere any more; the deletions ride with the next reservation. */
  private dropLapsed(key: string, counter: Counter, nowMs: number): void {
    let count = 0
    for (const { until } of counter.reserved) {
      if (until > nowMs) break
      count++
    }
    for (const { id, amount } of counter.reserved.splice(0, count)) {
      counter.total -= amount
      this.lapsed.push({ key: stateKey(key, id), value: null })
    }
  }
}

const NOTHING: Hold = { id: '', keys: [], changes: [] }

function stateKey(key: string, id: string): string {
  return `${PREFIX}${key}/${id}`
}

/** Earliest time that still counts. A sliding window is open at its far end: what happened exactly `ms` ago is out. */
function windowStart(window: LimitWindow['window'], nowMs: number): number {
  return window.kind === 'day' ? startOfDay(nowMs) : nowMs - window.ms + 1
}

function startOfDay(nowMs: number): number {
  return nowMs - (nowMs % DAY_MS)
}
