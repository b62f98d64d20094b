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
  /** Time of the entry that says so; null again where it was put in force once more. */
  withdrawnMs: number | null
}

/** A version of the trust root, as a log says that it went by it. */
interface SaidTrust {
  readonly version: number
  readonly root: string | undefined
}

/** An activation is decided by when it is on disk: until then requests are decided by the policy before it. */
const ACTIVATION_MS = 10_000

/** The policies that a log says were in force, and whether attempts were decided by them. */
export class PolicyHistory {
  readonly counts = { activated: 0, refused: 0, withdrawn: 0, expired: 0 }
  private readonly byCid = new Map<string, Activated>()
  private newest: Activated | null = null
  private trust: SaidTrust | null = null

  add({ seq, t, data }: EntryPosition & ControlBody, report: ReportDeviation): void {
    const { action, cid, version } = data as { action: string; cid: string | null; version: number }
    this.follow(data, seq, report)
    switch (action) {
      case 'activated':
        this.counts.activated++
        this.activate(cid, version, { seq, t }, report)
        break
      case 'expired':
        this.counts.expired++
        this.inForce(cid, version, seq, report, policy => (policy.expiredMs ??= t))
        break
      case 'withdrawn':
        this.counts.withdrawn++
        this.inForce(cid, version, seq, report, policy => (policy.withdrawnMs ??= t))
        break
      case 'rechecked':
        this.inForce(cid, version, seq, report, () => undefined)
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
    else if (isAfterItsEnd(activated.expiredMs, decision.effect, startedMs))
      report('policy_expired', seq, `version ${policy.version}`)
    else if (isAfterItsEnd(activated.withdrawnMs, decision.effect, startedMs))
      report('policy_withdrawn', seq, `version ${policy.version}`)
  }

  /** Forgets what was superseded before; its cids can't be cited any more. */
  forget(beforeMs: number): void {
    for (const { cid, supersededMs } of this.byCid.values())
      if (supersededMs !== null && supersededMs + ACTIVATION_MS < beforeMs) this.byCid.delete(cid)
  }

  /** What is said of the policy in force. */
  private inForce(
    cid: string | null,
    version: number,
    seq: number,
    report: ReportDeviation,
    said: (policy: Activated) => void,
  ): void {
    if (this.newest?.cid === cid && this.newest.version === version) said(this.newest)
    else report('policy_order', seq, 'another is in force')
  }

  /** ATTACK: a trust root that was cut back, so that what it has withdrawn since passes once more. */
  private follow({ trust, root }: ControlBody['data'], seq: number, report: ReportDeviation): void {
    if (typeof trust !== 'number') return
    const said = { version: trust, root: typeof root === 'string' ? root : undefined }
    const before = this.trust
    if (before !== null && said.version < before.version)
      report('trust_order', seq, `version ${said.version} after ${before.version}`)
    else if (before !== null && said.version === before.version && said.root !== before.root)
      report('trust_order', seq, `two of version ${said.version}`)
    this.trust = said
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
    this.newest = { cid, version, supersededMs: null, expiredMs, withdrawnMs: null }
    this.byCid.set(cid, this.newest)
  }
}

/** A question to people was asked when the request was looked at; what is admitted has its place before the end, or never. */
function isAfterItsEnd(endedMs: number | null, effect: Effect, startedMs: number): boolean {
  if (endedMs === null || effect === 'deny') return false
  return effect === 'allow' || startedMs > endedMs
}
