import { ApprovalHistory } from './approval-history.js'
import { contradictionIn, contradictionInOutcome } from './decision-words.js'
import type { Entry } from './entry.js'
import type { EntryAudit, ReportDeviation } from './entry-audit.js'
import { GrantHistory } from './grant-history.js'
import { MintHistory } from './mint-history.js'
import { placedAttempt, UNDER_WAY_MS } from './placed-attempt.js'
import { PolicyHistory } from './policy-history.js'
import { ProbeHistory } from './probe-history.js'
import { StopHistory } from './stop-history.js'

/** What an audit of the references counted. */
export interface ReferenceSummary {
  readonly policies: {
    readonly activated: number
    readonly refused: number
    readonly withdrawn: number
    readonly expired: number
  }
  readonly grants: {
    readonly issued: number
    readonly revoked: number
    /** Attempts whose grant was issued before this epoch of the log, where its entry stands. */
    readonly earlier: number
  }
  readonly approvals: { readonly requested: number; readonly consumed: number; readonly expired: number }
  readonly mints: { readonly minted: number; readonly ended: number }
  /** Questions to upstreams before decisions. */
  readonly probes: { readonly asked: number }
  readonly stops: {
    readonly halted: number
    readonly resumed: number
    readonly frozen: number
    readonly thawed: number
    /** Ends of halts and freezes from before this epoch of the log. */
    readonly earlier: number
  }
}

const PRUNE_EVERY = 4_096

/**
 * Holds attempts against the entries that they cite: the policy in force, the grant, the approval, the minted
 * credential, the questions to the upstream; against what was stopped when they came; and their decisions against their
 * own codes. Remembers only what can still
 * be cited and what is stopped, so memory stays bounded however long the log is: policies superseded, grants and
 * credentials ended and approvals expired more than an hour ago are forgotten.
 */
export class References implements EntryAudit {
  private readonly policies = new PolicyHistory()
  private readonly grants = new GrantHistory()
  private readonly approvals = new ApprovalHistory()
  private readonly mints = new MintHistory()
  private readonly probes = new ProbeHistory()
  private readonly stops = new StopHistory()

  audit(entry: Entry, report: ReportDeviation): void {
    if (entry.seq % PRUNE_EVERY === 0) this.forget(entry.t - UNDER_WAY_MS)
    switch (entry.type) {
      case 'attempt': {
        const attempt = placedAttempt(entry)
        const unfit = contradictionIn(entry)
        if (unfit !== null) report('decision_unfit', entry.seq, unfit)
        this.policies.cited(attempt, report)
        this.grants.cited(attempt, report)
        this.approvals.cited(attempt, report)
        this.mints.cited(attempt, report)
        this.probes.cited(attempt, report)
        this.stops.cited(attempt, report)
        break
      }
      case 'outcome': {
        const unfit = contradictionInOutcome(entry)
        if (unfit !== null) report('outcome_unfit', entry.seq, unfit)
        break
      }
      case 'policy':
        this.policies.add(entry, report)
        break
      case 'grant':
        this.grants.add(entry, report)
        break
      case 'approval':
        this.approvals.add(entry, report)
        break
      case 'mint':
        this.mints.add(entry, report)
        break
      case 'probe':
        this.probes.add(entry)
        break
      case 'halt':
        this.stops.addHalt(entry, report)
        break
      case 'freeze':
        this.stops.addFreeze(entry, report)
        break
      case 'boot':
        this.mints.restart()
        this.probes.restart()
        break
      default:
    }
  }

  finish(report: ReportDeviation): void {
    this.approvals.finish(report)
  }

  summary(): ReferenceSummary {
    return {
      policies: this.policies.counts,
      grants: this.grants.counts,
      approvals: this.approvals.counts,
      mints: this.mints.counts,
      probes: this.probes.counts,
      stops: this.stops.counts,
    }
  }

  private forget(beforeMs: number): void {
    this.policies.forget(beforeMs)
    this.grants.forget(beforeMs)
    this.approvals.forget(beforeMs)
    this.mints.forget(beforeMs)
    this.probes.forget(beforeMs)
  }
}
