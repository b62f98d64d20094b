import { Counters, type Hold } from '../../keeper/index.js'
import type { ActivePolicy } from '../../policy/index.js'
import type { Recorded, RecordedAttempt } from './recorded-attempts.js'
import { type Redecision, redecide } from './redecide.js'

export interface ReplayBounds {
  /** Only this agent's attempts; all unless told. */
  readonly agent: string | null
  /** Earlier attempts count under limits and are not reported. */
  readonly sinceMs: number
}

/** How an attempt was, or would be, decided. */
interface Decided {
  readonly effect: Redecision['effect']
  readonly code: string
  readonly rule: string | null
}

/** A recorded attempt that would be decided otherwise: no more of it than is told, for a log may have millions. */
export interface Difference {
  readonly seq: number
  readonly agent: string
  readonly api: string
  readonly operations: readonly string[]
  readonly recorded: Decided
  readonly now: Decided
}

export interface ReplayReport {
  /** Attempts that a policy had decided, within the bounds. */
  readonly attempts: number
  readonly same: number
  readonly differences: readonly Difference[]
  readonly unknown: readonly { readonly seq: number; readonly why: string }[]
  /** Requests that no policy decided: without a grant, malformed, without a credential. */
  readonly undecided: number
  /** What became of those that passed only because their agent observed. */
  readonly observed: { readonly byRule: number; readonly stillObserved: number; readonly stopped: number }
  /** Attempts whose decision inputs were opened. */
  readonly opened: number
}

/**
 * Decides the recorded attempts again in their order, under the limits of the new policy: what it admits counts, as it
 * would have, whatever was decided then.
 */
export async function replay(
  policy: ActivePolicy,
  log: AsyncIterable<Recorded>,
  { agent, sinceMs }: ReplayBounds,
): Promise<ReplayReport> {
  const counters = new Counters()
  const holds = new Map<number, Hold>()
  const differences: Difference[] = []
  const unknown: { seq: number; why: string }[] = []
  const observed = { byRule: 0, stillObserved: 0, stopped: 0 }
  let [attempts, same, undecided, opened] = [0, 0, 0, 0]
  for await (const each of log) {
    if (each.kind === 'undecided') {
      undecided++
      continue
    }
    if (each.kind === 'not_sent') {
      const hold = holds.get(each.seq)
      if (hold !== undefined) counters.release(hold)
      continue
    }
    const { entry } = each
    if (agent !== null && entry.agent.id !== agent) continue
    const nowMs = each.known.kind === 'inputs' ? each.known.inputs.now : entry.t
    const found = redecide(policy, each, limit => counters.usage(limit, nowMs))
    if (found.kind === 'decided' && found.decision.effect === 'allow') {
      const reservations = found.decision.reservations.filter(({ amount }) => amount > 0)
      if (reservations.length > 0) holds.set(entry.seq, counters.reserve(reservations, entry.id, nowMs))
    }
    if (entry.t < sinceMs) continue
    attempts++
    if (each.known.kind === 'inputs') opened++
    if (found.kind === 'unknown') {
      unknown.push({ seq: entry.seq, why: found.why })
      continue
    }
    if (found.decision.effect === each.effect) same++
    else differences.push(differenceOf(each, found.decision))
    if (entry.decision.code !== 'observed') continue
    if (found.decision.effect !== 'allow') observed.stopped++
    else if (found.decision.code === 'observed') observed.stillObserved++
    else observed.byRule++
  }
  return { attempts, same, differences, unknown, undecided, observed, opened }
}

function differenceOf({ entry, effect }: RecordedAttempt, now: Redecision): Difference {
  const { code, rule } = entry.decision
  return {
    seq: entry.seq,
    agent: entry.agent.id,
    api: entry.req.api,
    operations: entry.ops.map(({ name }) => name),
    recorded: { effect, code, rule },
    now: { effect: now.effect, code: now.code, rule: now.rule },
  }
}
