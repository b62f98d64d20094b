import type { GateContext } from './context.js'
import type { Exchange } from './exchange.js'
import { preferredWaitSeconds } from './prefer.js'

/** Longest that a request waits for people, whatever its agent would like. */
const MAX_WAIT_SECONDS = 60
/** How often a request is asked for again while it waits: each time writes a receipt. */
const MAX_TURNS = 8

/**
 * What ended the waiting. `ask again`: people have decided, or something else has; `ended`: the approval is gone;
 * `over`: the time is up, or nothing can be waited for; `agent left`: nobody is there to be answered.
 */
export type WaitEnd = 'ask again' | 'ended' | 'over' | 'agent left'

/** How long one request may wait for people, and its place among those that do: `Prefer: wait=30` (RFC 7240 §4.3). */
export class Patience {
  private readonly context: GateContext
  private readonly exchange: Exchange
  /** Null where the agent wants its answer at once. */
  private readonly seconds: number | null
  private endsMs: number | null = null
  private turns = 0

  constructor(context: GateContext, exchange: Exchange) {
    const asked = preferredWaitSeconds(exchange.headers)
    this.context = context
    this.exchange = exchange
    this.seconds = asked === null ? null : Math.min(asked, MAX_WAIT_SECONDS)
  }

  /**
   * Waits for what becomes of an approval, at most until the time that began with the first call is up. Not with a body
   * that is still to come: while nobody reads it, nobody notices either that the agent has gone.
   */
  async wait(approval: string | null, agent: string): Promise<WaitEnd> {
    const { seconds } = this
    if (seconds === null || approval === null || !this.exchange.request.complete) return 'over'
    if (++this.turns > MAX_TURNS) return 'over'
    const nowMs = performance.now()
    this.endsMs ??= nowMs + seconds * 1_000
    if (this.endsMs <= nowMs) return 'over'
    return this.waitUntil(this.endsMs - nowMs, approval, agent, seconds)
  }

  private waitUntil(ms: number, approval: string, agent: string, seconds: number): Promise<WaitEnd> {
    const { exchange, context } = this
    return new Promise(resolve => {
      const end = (why: WaitEnd): void => {
        clearTimeout(timer)
        exchange.response.off('close', left)
        place?.leave()
        unfollow()
        resolve(why)
      }
      const left = (): void => end('agent left')
      const timer = setTimeout(() => end('over'), ms)
      // Under another policy it is decided, and asked about, anew. While there is none, nothing can be decided.
      const unfollow = context.keeper.onPolicy(view => end(view === null ? 'over' : 'ask again'))
      const place = context.waiting.enter(agent, () => end('over'))
      if (place === null) {
        end('over')
        return
      }
      exchange.preferenceApplied = `wait=${seconds}`
      if (exchange.agentLeft) left()
      else exchange.response.once('close', left)
      context.keeper.watch(approval).then(
        change => end(change === 'changed' ? 'ask again' : change === 'ended' ? 'ended' : 'over'),
        () => end('over'),
      )
    })
  }
}
