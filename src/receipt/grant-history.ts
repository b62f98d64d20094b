import type { AttemptBody, ControlBody, EntryPosition } from './entry.js'
import type { ReportDeviation } from './entry-audit.js'
import { isFirstEpoch } from './epoch.js'
import type { PlacedAttempt } from './placed-attempt.js'

type Effect = AttemptBody['decision']['effect']

interface Issued {
  readonly agent: string
  readonly environment: string
  readonly task: string
  readonly owner: string
  readonly expires: number
  /** Whose word it stands on where no order asked for it; undefined elsewhere. */
  readonly issuer: string | undefined
  readonly subject: string | undefined
  /** Time of the entry that revoked it; null where none has. */
  revokedMs: number | null
}

/** A grant can be renewed for a day after its end, and so is revoked within it. */
const RENEWABLE_MS = 86_400_000

/** The grants that a log says were issued, and whether attempts were made under them while they lasted. */
export class GrantHistory {
  readonly counts = { issued: 0, revoked: 0, earlier: 0 }
  private readonly byJti = new Map<string, Issued>()

  add({ chain, seq, t, data }: EntryPosition & ControlBody, report: ReportDeviation): void {
    const grant = data as unknown as Omit<Issued, 'revokedMs'> & { action: string; jti: string }
    const { jti, agent, environment, task, owner, expires, issuer, subject } = grant
    const known = this.byJti.get(jti)
    if (grant.action === 'issued') {
      this.counts.issued++
      if (known !== undefined && !isGivenAnew(known, grant)) report('grant_order', seq, 'issued twice')
      if (expires <= t - RENEWABLE_MS) report('grant_order', seq, 'issued after its end')
      this.byJti.set(jti, { agent, environment, task, owner, expires, issuer, subject, revokedMs: null })
      return
    }
    this.counts.revoked++
    if (known !== undefined) {
      if (differs(known, grant)) report('grant_differs', seq)
      known.revokedMs ??= t
      // In a later one, grants that still last were issued in the epoch before.
    } else if (isFirstEpoch(chain)) report('grant_order', seq, 'revoked, and never issued')
    else this.byJti.set(jti, { agent, environment, task, owner, expires, issuer, subject, revokedMs: t })
  }

  cited({ entry, startedMs }: PlacedAttempt, report: ReportDeviation): void {
    const { seq, agent, chain, decision } = entry
    const who = { agent: agent.id, environment: agent.environment, task: agent.task, owner: agent.owner }
    if (agent.grant === '') {
      // A stranger has no name either, and nothing but refusals.
      if (Object.values(who).some(text => text !== '') || decision.effect !== 'deny')
        report('grant_unissued', seq, 'it cites none')
      return
    }
    const issued = this.byJti.get(agent.grant)
    if (issued === undefined) {
      // ATTACK: a later epoch admits somebody under a grant that nobody was given. A recovery ends those from before it.
      if (isFirstEpoch(chain) || decision.effect !== 'deny') report('grant_unissued', seq, agent.grant)
      else this.counts.earlier++
      return
    }
    if (differs(issued, who)) report('grant_differs', seq)
    if (startedMs >= issued.expires) report('grant_ended', seq, 'it had expired')
    else if (isRefusedWhere(issued, decision.effect, startedMs))
      report('grant_ended', seq, 'it had been revoked')
  }

  forget(beforeMs: number): void {
    for (const [jti, { expires }] of this.byJti) if (expires + RENEWABLE_MS < beforeMs) this.byJti.delete(jti)
  }
}

/**
 * Whether a revocation leaves an attempt nothing but to be refused. A question to people was asked when the request was
 * looked at; what is admitted has its place before the entry that revokes, or never.
 */
function isRefusedWhere({ revokedMs }: Issued, effect: Effect, startedMs: number): boolean {
  if (revokedMs === null) return false
  switch (effect) {
    case 'allow':
      return true
    case 'hold':
      return startedMs > revokedMs
    case 'deny':
      return false
  }
}

/** Another policy gives somebody else's token, a pod's, to another agent than before. */
function isGivenAnew(known: Issued, again: Omit<Issued, 'revokedMs'>): boolean {
  return (
    known.revokedMs === null &&
    known.issuer !== undefined &&
    known.issuer === again.issuer &&
    known.subject === again.subject &&
    known.task === again.task &&
    known.owner === again.owner &&
    known.expires === again.expires &&
    (known.agent !== again.agent || known.environment !== again.environment)
  )
}

function differs(issued: Issued, who: Pick<Issued, 'agent' | 'environment' | 'task' | 'owner'>): boolean {
  return (
    issued.agent !== who.agent ||
    issued.environment !== who.environment ||
    issued.task !== who.task ||
    issued.owner !== who.owner
  )
}
