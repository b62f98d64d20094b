import type { Crypto } from '../canon/index.js'
import type {
  AwsGrantKeys,
  CredentialBroker,
  Grant,
  GrantVerdict,
  GrantVerifier,
  RecordedCredential,
} from '../credential/index.js'
import type { Appended, Companion, Ledger } from '../ledger/index.js'
import type { AdmitReply, AdmitRequest, BudgetReading, ReceiptAnchor, Verdict } from '../link/index.js'
import type { ActivePolicy, LimitWindow } from '../policy/index.js'
import type { Operation, Resource } from '../protocol/index.js'
import { UpstreamAccess } from './access.js'
import { agreedOf } from './approval.js'
import type { Approvals } from './approvals.js'
import {
  type AttemptResult,
  type Case,
  newAttempt,
  type WrittenAttempt,
  writeAttempt,
} from './attempt-entry.js'
import { toldBudgets } from './budgets.js'
import { type Claim, takeClaim } from './claim.js'
import type { Counters } from './counters.js'
import { keeperFault } from './error-table.js'
import type { GateConnection } from './link-server.js'
import type { OpenAttempt, OpenAttempts } from './open-attempts.js'
import type { Clock, EvidenceFollowers, KeeperPorts, Log, RandomBytes } from './ports.js'
import type { Probing } from './probing.js'
import type { RefusalRate } from './refusal-rate.js'
import { type Denial, FLOOD, type Route, type Ruling, rule, UNDECIDED } from './ruling.js'
import type { Settlement } from './settle.js'
import { chunkKeyOf } from './signature.js'
import type { SpentSignatures } from './spent-signatures.js'
import type { Stops } from './stops.js'
import type { Suppression } from './suppressed.js'

export interface AdmissionParts {
  readonly ledger: Ledger
  readonly verifier: GrantVerifier
  readonly revocations: ReadonlySet<string>
  readonly broker: CredentialBroker
  readonly crypto: Crypto
  readonly clock: Clock
  readonly random: RandomBytes
  readonly side: KeeperPorts['side']
  readonly log: Log
  readonly policies: { inForce(): ActivePolicy | null }
  readonly counters: Counters
  readonly spent: SpentSignatures
  readonly awsKeys: AwsGrantKeys
  readonly followers: EvidenceFollowers
  readonly approvals: Approvals
  readonly stops: Stops
  readonly probing: Pick<Probing, 'ask' | 'begin' | 'end' | 'changesOf'>
  readonly suppression: Suppression
  readonly refusals: RefusalRate
  readonly open: OpenAttempts
  readonly settlement: Pick<Settlement, 'neverReleased'>
  /** How long a gate may take to settle an attempt. */
  readonly attemptDeadlineMs: number
}

/** The first use case: one request in, one durable receipt, one verdict out. */
export class Admission {
  private readonly parts: AdmissionParts
  private readonly access: UpstreamAccess

  constructor(parts: AdmissionParts) {
    this.parts = parts
    this.access = new UpstreamAccess(parts)
  }

  /**
   * Decides one request. The verdict is returned only after its receipt is on disk; nothing is minted for a
   * request that isn't allowed. Throws `policy_missing` while no policy is in force, and whatever the ledger throws.
   */
  async admit(request: AdmitRequest, from: GateConnection): Promise<AdmitReply> {
    const policy = this.parts.policies.inForce()
    if (policy === null) throw keeperFault('policy_missing')
    if (isStale(request, policy)) return reply(request, { kind: 'stale' }, null)
    const { c, presented } = await this.open(request, policy)
    return this.act(rule(c, presented, this.parts), from)
  }

  /** INVARIANT: called in the same turn as the ruling: from the look at an approval or a limit to its taking nothing is awaited. */
  private act(ruling: Ruling, from: GateConnection): Promise<AdmitReply> {
    switch (ruling.kind) {
      case 'ask':
        return this.askFirst(ruling, from, false)
      case 'deny':
        return this.deny(ruling.c, ruling.denial)
      case 'hold':
        return this.hold(ruling)
      case 'allow':
        return this.allow(ruling, from)
    }
  }

  /**
   * Asks the upstream what the policy wants to know, and rules with the answers: on grant, halts, signatures and
   * approvals as they are by then. People's word is used on an answer of now (`again`), never on one that is remembered.
   */
  private async askFirst(
    asking: Extract<Ruling, { kind: 'ask' }>,
    from: GateConnection,
    again: boolean,
  ): Promise<AdmitReply> {
    const { c, route, questions } = asking
    const changes = this.parts.probing.changesOf(route.api.name)
    const { probes, remembered } = await this.parts.probing.ask(c, route, questions, again)
    const { presented, grant } = await this.present(c.request)
    if (this.parts.policies.inForce()?.cid !== c.policy.cid) return reply(c.request, { kind: 'stale' }, null)
    const outdated = !again && this.parts.probing.changesOf(route.api.name) !== changes
    if (outdated) return this.askFirst(asking, from, true)
    const answersAsOf = this.parts.probing.changesOf(route.api.name)
    // ATTACK: what was asked before midnight is answered behind it, when the day's counters are others.
    const ruling = rule({ ...c, ...this.moment(), grant, probes, answersAsOf }, presented, this.parts)
    const usesApproval = ruling.kind === 'allow' && ruling.approval !== null
    return usesApproval && remembered ? this.askFirst(asking, from, true) : this.act(ruling, from)
  }

  /** Verifies what the request presented as its grant, and opens its case. */
  private async open(request: AdmitRequest, policy: ActivePolicy): Promise<OpenedCase> {
    const moment = this.moment()
    const { presented, grant } = await this.present(request)
    const nothingYet = { classifier: 'none', operations: [], counters: {}, probes: null, answersAsOf: null }
    const identity = newAttempt(this.parts.random, moment.nowMs)
    return { c: { ...identity, ...nothingYet, ...moment, request, policy, grant }, presented }
  }

  /** Read together: an entry that is written between the two would seem to be ahead of the clock. */
  private moment(): Pick<Case, 'nowMs' | 'lastEntryMs'> {
    return { nowMs: this.parts.clock.nowMs(), lastEntryMs: this.parts.ledger.head().t }
  }

  private async present(request: AdmitRequest): Promise<Presented> {
    const { clock, verifier } = this.parts
    const { token, slot } = request.presented ?? {}
    if (token === undefined || slot === undefined) return { presented: 'missing', grant: null }
    const presented = await verifier.verify(token, slot, clock.nowMs())
    return { presented, grant: namedBy(presented) }
  }

  private async deny(c: Case, denial: Denial): Promise<AdmitReply> {
    const verdict = this.refusal(c, denial, 'deny', null)
    const suppressible = c.grant === null || denial.code === FLOOD
    if (suppressible && !this.parts.suppression.mayRecord(denial.code)) return reply(c.request, verdict, null)
    // An agent has found a key somewhere: an operator wants to know where it sat, and never what it was.
    if (denial.code === 'foreign_credential')
      this.parts.log.warn(
        { agent: c.grant?.agent ?? '', places: c.request.foreign },
        'a request carried a credential that is no grant',
      )
    return this.refuse(c, verdict, { decision: { effect: 'deny', code: denial.code, rule: denial.rule } })
  }

  private async hold({ c, decision, asked }: Extract<Ruling, { kind: 'hold' }>): Promise<AdmitReply> {
    const { approval, opening } = asked
    const verdict = this.refusal(c, decision, 'hold', approval.id)
    const result = {
      decision: { effect: 'hold', code: decision.code, rule: decision.rule },
      approval: approval.id,
    } as const
    switch (opening.kind) {
      case 'durable':
        return this.refuse(c, verdict, result)
      case 'awaited':
        await opening.durable
        return this.refuse(c, verdict, result)
      // All ride in one batch; the approval is in the ledger before the attempt that cites it, or neither is.
      case 'carried': {
        const refused = this.refuse(c, verdict, result, opening)
        this.parts.approvals.opened(approval, opening, refused)
        return refused
      }
    }
  }

  private async refuse(
    c: Case,
    verdict: Verdict,
    result: AttemptResult,
    carried: Partial<Pick<Companion, 'before' | 'state'>> = {},
  ): Promise<AdmitReply> {
    const written = this.write(c, result)
    if (c.grant !== null) this.parts.refusals.refused(c.grant.jti, c.nowMs, lengthOf(written))
    const { before, state } = carried
    const { seq, leaf } = await this.append(written, {
      ...(before === undefined ? {} : { before }),
      ...(state === undefined ? {} : { state }),
    })
    return reply(c.request, verdict, { seq, leaf })
  }

  private write(c: Case, result: AttemptResult): WrittenAttempt {
    return writeAttempt(c, result, this.parts.crypto, this.parts.side)
  }

  /** The attempt, durable. Rejects where the ledger doesn't take it. */
  private append(
    { body, side }: WrittenAttempt,
    along: Partial<Pick<Companion, 'before' | 'state'>>,
  ): Promise<Appended> {
    return this.parts.ledger.append(body, { ...(side === undefined ? {} : { side }), ...along })
  }

  private async allow(ruling: Extract<Ruling, { kind: 'allow' }>, from: GateConnection): Promise<AdmitReply> {
    const { c, decision, route } = ruling
    const claim = takeClaim(ruling, this.parts)
    const access = await this.access.obtain(c, route)
    // INVARIANT: no await from these looks to the append, so that in the ledger nothing is admitted behind its halt.
    if (!this.stillHolds(ruling) || this.isOutdated(c, claim, route)) {
      claim.giveBack()
      return this.admit(c.request, from)
    }
    const stop = this.parts.stops.stopOf(route.grant, c.operations)
    if (access === 'failed' || stop !== null) {
      claim.giveBack()
      if (stop !== null) this.access.end(route)
      const why = stop ?? { code: 'credential_unavailable', because: null }
      return this.deny(c, { ...UNDECIDED, ...why, decisive: decision.decisive })
    }
    const { credential, headers } = access
    const { approval, reserved } = claim
    const code = approval === null ? decision.code : 'approved'
    const result = {
      decision: { effect: 'allow', code, rule: decision.rule },
      ...(approval === null ? {} : { approval }),
      ...(credential === null ? {} : { credential: writtenCredential(credential) }),
      ...(reserved.length === 0 ? {} : { reserved }),
    } as const
    const agreed = ruling.approval === null ? c : { ...c, agreed: agreedOf(ruling.approval) }
    const { seq, leaf, t } = await this.admitted(agreed, result, claim)
    claim.used()
    const { awaitMark } = route.api
    const { hold, changing } = claim
    const { halted } = await this.release({ seq, leaf, t }, c, route.grant, {
      hold,
      awaitMark,
      changing,
      from,
    })
    if (halted !== null)
      return reply(c.request, this.refusal(c, { ...UNDECIDED, ...halted }, 'deny', null), { seq, leaf })
    if (decision.code === 'observed') this.sayObserved(c, seq)
    return reply(
      c.request,
      {
        kind: 'forward',
        code: approval !== null ? 'approved' : decision.code === 'observed' ? 'observed' : 'allowed',
        attempt: c.id,
        headers,
        budgets: this.told(c, decision.counted),
        awaitMark,
        chunkKey: chunkKeyOf(route.signature),
      },
      { seq, leaf },
    )
  }

  /** Gives back what the request has taken where its attempt can't be written, or the ledger doesn't take it. */
  private async admitted(c: Case, result: AttemptResult, claim: Claim): Promise<Appended> {
    try {
      return await this.append(this.write(c, result), claim.durable)
    } catch (error) {
      claim.giveBack()
      throw error
    }
  }

  /**
   * Whether what was decided on is still so.
   * ATTACK: a grant that is revoked, or a policy that is replaced or ends, while something is minted for it; or the
   * time that people have agreed for, or the key that one of them has signed with.
   */
  private stillHolds({ c, route: { grant }, approval }: Extract<Ruling, { kind: 'allow' }>): boolean {
    const nowMs = this.parts.clock.nowMs()
    if (approval !== null && nowMs >= approval.expiresMs) return false
    if (approval !== null && !this.parts.approvals.isStillApproved(approval)) return false
    const isRevoked = this.parts.revocations.has(grant.jti)
    const isInForce = this.parts.policies.inForce()?.cid === c.policy.cid
    return isInForce && !isRevoked && nowMs < grant.expiresMs && nowMs < c.policy.expiresMs
  }

  /** ATTACK: while something is minted for what was answered, the agent has the answer changed by another call. */
  private isOutdated({ answersAsOf }: Case, { changing }: Claim, { api }: Route): boolean {
    const own = changing === null ? 0 : 1
    return answersAsOf !== null && this.parts.probing.changesOf(api.name) !== answersAsOf + own
  }

  private told(c: Case, counted: readonly LimitWindow[]): readonly BudgetReading[] {
    return counted.length === 0
      ? []
      : toldBudgets(c.policy.budgets, counted, this.parts.counters, this.parts.clock.nowMs())
  }

  private refusal(c: Case, denial: Denial, effect: 'hold' | 'deny', approval: string | null): Verdict {
    const operation: Operation | undefined = c.operations[denial.decisive]
    // ATTACK: of two instances in one call the harmless one is named, and the one that a rule protects isn't.
    const { resources = [] } = operation ?? {}
    const resource: Resource | undefined = resources[denial.resource]
    return {
      kind: 'refuse',
      code: denial.code,
      effect,
      rule: denial.rule,
      because: denial.because,
      operation: bounded(operation?.name ?? ''),
      resource: resource === undefined ? '' : bounded(`${resource.type} ${resource.id}`),
      others: Math.max(0, resources.length - 1),
      agent: c.grant?.agent ?? '',
      approval,
      retryAfterMs: denial.retryAfterMs,
      budgets: this.told(c, denial.counted ?? []),
    }
  }

  /** Nobody wrote this one down: it passes loudly. */
  private sayObserved({ request, grant, operations }: Case, receipt: number): void {
    this.parts.log.warn(
      {
        code: 'observed',
        agent: grant?.agent ?? '',
        api: request.api,
        operations: operations.map(({ name }) => bounded(name)),
        receipt,
      },
      'passed only because its agent observes',
    )
  }

  /** From here on the gate may send, and owes an outcome. */
  private async release(
    receipt: { readonly seq: number; readonly leaf: string; readonly t: number },
    c: Case,
    { agent, task }: Grant,
    terms: Pick<OpenAttempt, 'hold' | 'awaitMark' | 'changing' | 'from'>,
  ): Promise<{ readonly halted: { readonly code: string; readonly because: string | null } | null }> {
    const attempt = {
      ...receipt,
      ...terms,
      agent,
      task,
      secret: c.secret,
      deadlineMs: this.parts.clock.nowMs() + this.parts.attemptDeadlineMs,
    }
    // Halted while it was written down: it was admitted before, and is sent nowhere.
    const halt = this.parts.stops.haltOf(attempt)
    if (halt !== null || !this.parts.open.add(attempt)) await this.parts.settlement.neverReleased(attempt)
    return { halted: halt === null ? null : { code: 'agent_halted', because: halt.because } }
  }
}

const MAX_SAID = 256

/** About what it takes on disk. */
function lengthOf({ body, side }: WrittenAttempt): number {
  return JSON.stringify(body).length + (side?.record.length ?? 0)
}

interface Presented {
  readonly presented: GrantVerdict | 'missing'
  readonly grant: Grant | null
}

interface OpenedCase {
  readonly c: Case
  readonly presented: GrantVerdict | 'missing'
}

/** A request that was classified with another policy is asked again; what the gate refused by itself stands under any policy. */
/**
 * Whom a receipt names. ATTACK: an agent that was halted floods with harmless requests, so that what it tries next is counted
 * among those of strangers and not written down.
 */
function namedBy(presented: GrantVerdict): Grant | null {
  switch (presented.kind) {
    case 'grant':
      return presented.grant
    case 'ended':
      return presented.noted ? presented.grant : null
    case 'refused':
      return null
  }
}

function isStale({ policyCid, finding }: AdmitRequest, policy: ActivePolicy): boolean {
  return finding.kind === 'operations' && policyCid !== policy.cid
}

/** Names and ids may be the agent's own text; what is said about them is short. */
function bounded(text: string): string {
  return text.length <= MAX_SAID ? text : `${text.slice(0, MAX_SAID).toWellFormed()}…`
}

function writtenCredential(credential: RecordedCredential): NonNullable<AttemptResult['credential']> {
  const { minter, scope, expiresMs, mint } = credential
  return { minter, scope, expires: expiresMs, mint }
}

function reply(request: AdmitRequest, verdict: Verdict, receipt: ReceiptAnchor | null): AdmitReply {
  return { type: 'admitted', call: request.call, verdict, receipt }
}
