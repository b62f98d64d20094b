import type { AttemptBody, ControlBody, EntryPosition } from './entry.js'
import type { ReportDeviation } from './entry-audit.js'
import type { PlacedAttempt } from './placed-attempt.js'

type Effect = AttemptBody['decision']['effect']

interface Activated {
  readonly cid: string
  readonly version: number
  /** Time of the entry that activated the next; null while it is the newest. */
  supersededMs: number | null
  /** Time of the entry that says so. */
  expiredMs: number | null
}

/** An activation is decided by when it is on disk: until then requests are decided by the policy before it. */
const ACTIVATION_MS = 10_000

/** The policies that a log says were in force, and whether attempts were decided by them. */
export class PolicyHistory {
  readonly counts = { activated: 0, refused: 0, expired: 0 }
  private readonly byCid = new Map<string, Activated>()
  private newest: Activated | null = null

  add({ seq, t, data }: EntryPosition & ControlBody, report: ReportDeviation): void {
    const { action, cid, version } = data as { action: string; cid: string | null; version: number }
    switch (action) {
      case 'activated':
        this.counts.activated++
        this.activate(cid, version, { seq, t }, report)
        break
      case 'expired':
        this.counts.expired++
        if (this.newest === null || this.newest.cid !== cid || this.newest.version !== version)
          report('policy_order', seq, 'another is in force')
        else this.newest.expiredMs ??= t
        break
      default:
        this.counts.refused++
    }
  }

  cited({ entry, startedMs }: PlacedAttempt, report: ReportDeviation): void {
    const { seq, policy, decision } = entry
    const activated = this.byCid.get(policy.cid)
    if (activated === undefined) report('policy_unactivated', seq, policy.cid)
    else if (activated.version !== policy.version)
      report(
        'policy_unactivated',
        seq,
        `version ${policy.version} of what was activated as ${activated.version}`,
      )
    else if (activated.supersededMs !== null && startedMs > activated.supersededMs + ACTIVATION_MS)
      report('policy_superseded', seq, `version ${policy.version}`)
    else if (isAfterItsEnd(activated, decision.effect, startedMs))
      report('policy_expired', seq, `version ${policy.version}`)
  }

  /** Forgets what was superseded before; its cids can't be cited any more. */
  forget(beforeMs: number): void {
    for (const { cid, supersededMs } of this.byCid.values())
      if (supersededMs !== null && supersededMs + ACTIVATION_MS < beforeMs) this.byCid.delete(cid)
  }

  private activate(
    cid: string | null,
    version: number,
    { seq, t }: Pick<EntryPosition, 'seq' | 't'>,
    report: ReportDeviation,
  ): void {
    if (cid === null) {
      report('policy_order', seq, 'it names none')
      return
    }
    const before = this.newest
    // ATTACK: an older version, or another policy under the same number, is validly sealed as well.
    const grows = before === null || version > before.version || cid === before.cid
    if (!grows) report('policy_order', seq, `version ${version} after ${before.version}`)
    if (before !== null && before.cid !== cid) before.supersededMs = t
    // ATTACK: what has expired is put in force once more, and admits as before. The end of a policy is sealed with it.
    const expiredMs = before?.cid === cid ? before.expiredMs : null
    if (expiredMs !== null) report('policy_order', seq, 'it had expired')
    this.newest = { cid, version, supersededMs: null, expiredMs }
    this.byCid.set(cid, this.newest)
  }
}

/** A question to people was asked when the request was looked at; what is admitted has its place before the end, or never. */
function isAfterItsEnd({ expiredMs }: Activated, effect: Effect, startedMs: number): boolean {
  if (expiredMs === null || effect === 'deny') return false
  return effect === 'allow' || startedMs > expiredMs
}
