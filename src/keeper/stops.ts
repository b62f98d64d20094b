import type { Grant } from '../credential/index.js'
import type { Ledger } from '../ledger/index.js'
import { isReading } from '../protocol/index.js'
import type { ControlBody } from '../receipt/index.js'
import { keeperFault } from './error-table.js'
import type { IssuedGrant } from './grants.js'
import type { OperateOrders } from './operate-orders.js'
import type { Clock, Log } from './ports.js'
import type { StateChange } from './state-change.js'

/** Durable forms: `halt/agent/<id>`, `halt/task/<task>` and `halt/all` → the JSON of a halt, `freeze` → that of a freeze. */
const HALT = 'halt/'
const FREEZE = 'freeze'
/** Agents and tasks that are halted one by one. */
const MAX_HALTS = 1_000

/** What is halted: one agent in all its tasks, one task of any agent, or everything. */
export type HaltScope =
  | { readonly scope: 'agent'; readonly agent: string }
  | { readonly scope: 'task'; readonly task: string }
  | { readonly scope: 'all' }

export type Halt = HaltScope & {
  /** Who halted, as they say: stopping takes no signature. */
  readonly by: string
  readonly because: string | null
  readonly sinceMs: number
}

export interface HaltOrder {
  readonly by: string
  readonly because: string | null
  /** Breaks off what is under way. */
  readonly cut: boolean
}

/** Why nothing passes, as the agent reads it. */
interface Stop {
  readonly code: 'agent_halted' | 'frozen'
  readonly because: string | null
}

export interface Freeze {
  readonly by: string
  readonly because: string | null
  readonly sinceMs: number
  /** It ends by itself then; null where only an order ends it. */
  readonly untilMs: number | null
}

export interface StopsParts {
  readonly ledger: Ledger
  readonly clock: Clock
  readonly log: Log
  readonly orders: Pick<OperateOrders, 'accept'>
  /** Has the gates end what is under way of something that is halted; answers how many requests. */
  readonly cut: (concerns: (of: Pick<Grant, 'agent' | 'task'>) => boolean, because: string | null) => number
  /** Called when a stop, or its end, is durable. */
  readonly onStop?: (body: ControlBody, seq: number, t: number) => void
  /** Answers whoever waits for people, so that it reads of the stop instead. */
  readonly interrupt: () => void
  readonly grants: { list(): readonly IssuedGrant[]; revoke(jti: string): Promise<IssuedGrant> }
}

/**
 * Halts and freezes. Anybody who reaches the keeper may stop an agent, because stopping is safe; going on takes an
 * order of the `operate` role. In force before it is durable, for every gate alike, because each request asks here.
 */
export class Stops {
  private readonly parts: StopsParts
  private readonly halts = new Map<string, Halt>()
  private freezing: Freeze | null = null
  /** Stops whose ends are being written: each ends once. */
  private readonly ending = new Set<Halt | Freeze>()
  /** Entries of stops that are in force and that the ledger didn't take, by the key of their state. */
  private readonly unwritten = new Map<string, ControlBody>()

  private constructor(parts: StopsParts) {
    this.parts = parts
  }

  static async load(parts: StopsParts): Promise<Stops> {
    const stops = new Stops(parts)
    for (const [key, value] of await parts.ledger.state.list(HALT)) stops.halts.set(key, JSON.parse(value))
    const frozen = await parts.ledger.state.get(FREEZE)
    stops.freezing = frozen === undefined ? null : JSON.parse(frozen)
    return stops
  }

  list(): { readonly halts: readonly Halt[]; readonly freeze: Freeze | null } {
    return { halts: [...this.halts.values()], freeze: this.frozen() }
  }

  /** The halt that a grant falls under; null where there is none. */
  haltOf({ agent, task }: Pick<Grant, 'agent' | 'task'>): Halt | null {
    if (this.halts.size === 0) return null
    return (
      this.halts.get(keyOf({ scope: 'all' })) ??
      this.halts.get(keyOf({ scope: 'agent', agent })) ??
      this.halts.get(keyOf({ scope: 'task', task })) ??
      null
    )
  }

  /** Nothing of it passes: its agent or task is halted, or everything but reading is frozen. */
  isStopped(of: Pick<Grant, 'agent' | 'task'> & { readonly operations: readonly Classed[] }): boolean {
    return this.stopOf(of, of.operations) !== null
  }

  /** What stands in the way of a request that was ruled on before; null where nothing does. */
  stopOf(grant: Pick<Grant, 'agent' | 'task'>, operations: readonly Classed[]): Stop | null {
    const halt = this.haltOf(grant)
    if (halt !== null) return { code: 'agent_halted', because: halt.because }
    const freeze = isReading(operations) ? null : this.frozen()
    return freeze === null ? null : { code: 'frozen', because: freeze.because }
  }

  /** Null where everything may go on. */
  frozen(): Freeze | null {
    const { freezing } = this
    if (freezing?.untilMs == null || freezing.untilMs > this.parts.clock.nowMs()) return freezing
    return null
  }

  /**
   * Halts, from this moment on, and ends the grants that fall under it with the credentials that were minted for
   * them. Halting twice changes the reason. Throws `halts_full`. `cut`: what was sent already is broken off as well. Resolves when it is
   * durable and the grants are ended, with the number of requests that were broken off.
   */
  async halt(
    scope: HaltScope,
    { by, because, cut }: HaltOrder,
  ): Promise<{ readonly halt: Halt; readonly cut: number | null }> {
    const { clock, grants, log, interrupt } = this.parts
    const key = keyOf(scope)
    const before = this.halts.get(key)
    // INVARIANT: halting everything is always possible.
    if (before === undefined && scope.scope !== 'all' && this.halts.size >= MAX_HALTS)
      throw keeperFault('halts_full')
    // Who halts once more what is halted, in the same words, adds nothing to the log.
    const known = before !== undefined && before.by === by && before.because === because && !cut
    const isWritten = known && !this.unwritten.has(key) && !this.ending.has(before)
    const halt: Halt = isWritten ? before : { ...scope, by, because, sinceMs: clock.nowMs() }
    this.halts.set(key, halt)
    log.warn({ code: 'agent_halted', ...scope, by }, 'halted: nothing of it passes until an order resumes it')
    interrupt()
    const broken = cut ? this.parts.cut(of => covers(scope, of), because) : null
    const cutting = broken === null ? {} : { cut: broken }
    const data = { action: 'halted', ...scope, by, ...reason(because), ...cutting }
    if (!isWritten) await this.begin(key, halt, { type: 'halt', data })
    const ended = grants.list().filter(grant => !grant.revoked && this.haltOf(grant) !== null)
    for (const session of new Set(ended.map(grant => grant.session))) {
      const first = ended.find(grant => grant.session === session) as IssuedGrant
      await grants.revoke(first.jti)
    }
    return { halt, cut: broken }
  }

  /** Fulfils a signed order. What was revoked stays so: the agent needs a new grant. Throws `not_stopped` or what is wrong with the order. */
  async resume(envelope: Uint8Array): Promise<Halt> {
    const { order, cid, changes } = this.parts.orders.accept(envelope, 'resume')
    const scope = order.of as HaltScope
    const key = keyOf(scope)
    const halt = this.halts.get(key)
    if (halt === undefined || this.ending.has(halt)) throw keeperFault('not_stopped')
    const data = { action: 'resumed', ...scope, by: order.by, because: order.because, statement: cid }
    await this.end(key, halt, { type: 'halt', data }, changes)
    if (this.halts.get(key) === halt) this.halts.delete(key)
    return halt
  }

  /**
   * Lets nothing but reads pass, from this moment on. Throws `freeze_past`.
   * ATTACK: who may freeze ends a freeze by freezing again, for a moment. Of two ends the later one holds.
   */
  async freeze(by: string, because: string | null, orderedMs: number | null): Promise<Freeze> {
    const { clock, log, interrupt } = this.parts
    const sinceMs = clock.nowMs()
    if (orderedMs !== null && orderedMs <= sinceMs) throw keeperFault('freeze_past')
    const before = this.frozen()
    const untilMs = before === null ? orderedMs : laterEnd(before.untilMs, orderedMs)
    const freeze: Freeze = { by, because, sinceMs, untilMs }
    this.freezing = freeze
    log.warn({ code: 'frozen', by, untilMs }, 'frozen: only reads pass')
    interrupt()
    const until = untilMs === null ? {} : { until: untilMs }
    const data = { action: 'frozen', by, ...until, ...reason(because) }
    await this.begin(FREEZE, freeze, { type: 'freeze', data })
    return freeze
  }

  async thaw(envelope: Uint8Array): Promise<Freeze> {
    const { order, cid, changes } = this.parts.orders.accept(envelope, 'thaw')
    const freeze = this.frozen()
    if (freeze === null || this.ending.has(freeze)) throw keeperFault('not_stopped')
    const data = { action: 'thawed', by: order.by, because: order.because, statement: cid }
    await this.end(FREEZE, freeze, { type: 'freeze', data }, changes)
    if (this.freezing === freeze) this.freezing = null
    return freeze
  }

  /** Writes down what is in force already. It stays so where the ledger is too busy to take it. */
  private async begin(key: string, stop: Halt | Freeze, body: ControlBody): Promise<void> {
    this.unwritten.set(key, body)
    await this.write(body, { state: [{ key, value: JSON.stringify(stop) }] })
    if (this.unwritten.get(key) === body) this.unwritten.delete(key)
  }

  /** INVARIANT: in the log no stop ends that hasn't begun there, and none ends twice: verifiers hold it against that. */
  private async end(
    key: string,
    stop: Halt | Freeze,
    body: ControlBody,
    changes: readonly StateChange[],
  ): Promise<void> {
    const begun = this.unwritten.get(key)
    this.ending.add(stop)
    try {
      const state = [...changes, { key, value: null }]
      await this.write(body, { ...(begun === undefined ? {} : { before: [begun] }), state })
    } finally {
      this.ending.delete(stop)
    }
    if (this.unwritten.get(key) === begun) this.unwritten.delete(key)
  }

  private async write(body: ControlBody, companion: StopCompanion): Promise<void> {
    const { seq, t } = await this.parts.ledger.append(body, companion)
    this.parts.onStop?.(body, seq, t)
  }
}

function covers(scope: HaltScope, { agent, task }: Pick<Grant, 'agent' | 'task'>): boolean {
  switch (scope.scope) {
    case 'agent':
      return scope.agent === agent
    case 'task':
      return scope.task === task
    case 'all':
      return true
  }
}

function laterEnd(one: number | null, other: number | null): number | null {
  return one === null || other === null ? null : Math.max(one, other)
}

interface StopCompanion {
  readonly before?: readonly ControlBody[]
  readonly state: readonly StateChange[]
}

interface Classed {
  readonly classes: readonly string[]
}

function keyOf(scope: HaltScope): string {
  switch (scope.scope) {
    case 'agent':
      return `${HALT}agent/${scope.agent}`
    case 'task':
      return `${HALT}task/${scope.task}`
    case 'all':
      return `${HALT}all`
  }
}

function reason(because: string | null): { readonly because?: string } {
  return because === null ? {} : { because }
}
