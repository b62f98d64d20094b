import type { RevokedKeys } from './countersignatures.js'
import type { Entry } from './entry.js'
import type { EntryAudit, ReportDeviation } from './entry-audit.js'

/** Keys that sealed a policy and were revoked since, as `ed25519:…`; null where the policy is not at hand, or not sealed as it should be. */
export type SealersOf = (policyCid: string) => readonly string[] | null

/** Whether the policies that a log put in force were sealed by keys that stood then. */
export interface SealsChecked {
  /** Policies by a key that was revoked and of which nobody said since when: whoever stole it may have sealed them. */
  readonly doubted: number
  /** Policies that are not at hand, or not sealed as they should be. */
  readonly unproven: number
}

/**
 * Holds the first entry that puts a policy in force against the revocations of its sealers. A key in force opens what it
 * sealed under the version of the trust root of then, whenever that was.
 *
 * ATTACK: whoever stole a key of the `policy` role seals on after it was revoked, and a keeper of his puts that in force.
 */
export class PolicySealAudit implements EntryAudit {
  private readonly sealersOf: SealersOf
  private readonly revoked: RevokedKeys
  private readonly seen = new Set<string>()
  private readonly counted = { doubted: 0, unproven: 0 }

  /** `revoked`: by the newest version of the trust root that the verifier has. */
  constructor(sealersOf: SealersOf, revoked: RevokedKeys) {
    this.sealersOf = sealersOf
    this.revoked = revoked
  }

  audit(entry: Entry, report: ReportDeviation): void {
    if (entry.type !== 'policy' || entry.data.action !== 'activated') return
    const cid = entry.data.cid as string | null
    if (cid === null || this.seen.has(cid)) return
    this.seen.add(cid)
    const sealers = this.sealersOf(cid)
    // ATTACK: a policy of the keeper's own making, which nobody has sealed.
    if (sealers === null) this.counted.unproven++
    const times = (sealers ?? []).flatMap(key => this.revoked.get(key) ?? [])
    const since = times.find(time => Number.isFinite(time) && entry.t >= time)
    if (since !== undefined) report('policy_revoked', entry.seq, `since ${new Date(since).toISOString()}`)
    else if (times.includes(Number.NEGATIVE_INFINITY)) this.counted.doubted++
  }

  summary(): SealsChecked {
    return { ...this.counted }
  }
}
