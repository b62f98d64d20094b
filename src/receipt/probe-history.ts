import type { AttemptProbe, ControlBody, EntryPosition } from './entry.js'
import type { ReportDeviation } from './entry-audit.js'
import type { PlacedAttempt } from './placed-attempt.js'

interface Asked {
  readonly t: number
  readonly agent: string
  readonly environment: string
  readonly task: string
  readonly owner: string
  readonly api: string
  readonly asked: readonly { readonly probe: string; readonly type: string; readonly id: string }[]
}

/** What a log says was asked of upstreams before decisions, and whether the attempts that cite it were what it was asked for. */
export class ProbeHistory {
  readonly counts = { asked: 0 }
  private readonly bySeq = new Map<number, Asked>()

  add({ seq, t, data }: EntryPosition & ControlBody): void {
    const asked = data as unknown as Omit<Asked, 't'>
    this.counts.asked += asked.asked.length
    this.bySeq.set(seq, { ...asked, t })
  }

  /** Answers are remembered in memory only. */
  restart(): void {
    this.bySeq.clear()
  }

  cited({ entry }: PlacedAttempt, report: ReportDeviation): void {
    for (const probe of entry.probes ?? []) {
      const wrong = this.wrongWith(probe, entry)
      if (wrong !== null) report('probe_unfit', entry.seq, wrong)
    }
  }

  forget(beforeMs: number): void {
    for (const [seq, { t }] of this.bySeq) if (t < beforeMs) this.bySeq.delete(seq)
  }

  private wrongWith(
    { probe, op, resource, status, asked, facts_c }: AttemptProbe,
    { agent, req, ops }: PlacedAttempt['entry'],
  ): string | null {
    const operation = ops[op]
    if (operation === undefined) return `it has no operation ${op}`
    if ((status === 'answered') !== (facts_c !== undefined))
      return 'facts, and no answer, or the other way round'
    if (asked === undefined) return status === 'answered' ? 'answered, and never asked' : null
    const known = this.bySeq.get(asked)
    if (known === undefined) return `entry ${asked} asks nothing`
    const same =
      known.agent === agent.id &&
      known.environment === agent.environment &&
      known.task === agent.task &&
      known.owner === agent.owner &&
      known.api === req.api
    if (!same) return `entry ${asked} asks for another agent, environment, task, owner or API`
    // An operation that was too long to be listed shows none of its resources.
    const about = operation.resources[resource]
    if (about === undefined && operation.more !== undefined) return null
    const isAsked = known.asked.some(
      each => each.probe === probe && each.type === about?.type && each.id === about.id,
    )
    return isAsked ? null : `entry ${asked} asks about something else`
  }
}
