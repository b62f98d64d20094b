import { type Crypto, fromUtf8 } from '../canon/index.js'
import type { Grant } from '../credential/index.js'
import type { Ledger } from '../ledger/index.js'
import type { WatchedChange } from '../link/index.js'
import {
  type ApprovalStatement,
  type ApprovalVerdict,
  type ApproverGroup,
  type Decision,
  hasEnough,
  isWithinReach,
  openCountersignature,
} from '../policy/index.js'
import type { ControlBody } from '../receipt/index.js'
import {
  APPROVALS,
  type Approval,
  type ApprovalBounds,
  type ApprovalStanding,
  type ApprovalStep,
  afterWord,
  approvalEntry,
  comparedWith,
  matchOf,
  newApproval,
  readApproval,
} from './approval.js'
import { lackOfRoom, type NoRoom } from './approval-room.js'
import { ApprovalWatches } from './approval-watches.js'
import { type Case, resultsOf } from './attempt-entry.js'
import { keeperFault } from './error-table.js'
import type { GateConnection } from './link-server.js'
import { PasskeyCounters } from './passkey-counters.js'
import type { Clock, Log, RandomBytes } from './ports.js'
import type { StateChange } from './state-change.js'

/** Durable form: key `approval/<id>`, value the JSON of an approval. */
const PREFIX = 'approval/'
const MAX_USED_IDS = 1_000
export type ApprovalRequest =
  | { readonly kind: 'pending'; readonly approval: Approval; readonly opening: Opening }
  /** People have agreed; see `take`. */
  | { readonly kind: 'approved'; readonly approval: Approval }
  | { readonly kind: 'rejected'; readonly approval: Approval }
  | { readonly kind: 'refused'; readonly code: NoRoom | 'approval_too_large' | 'probe_unanswered' }

/** Whether the ledger has an approval that an attempt is about to cite. */
export type Opening =
  | { readonly kind: 'durable' }
  /** It is being written with the attempt that asked first; rejects where that isn't taken. */
  | { readonly kind: 'awaited'; readonly durable: Promise<void> }
  /** The attempt has to carry it, see `opened`. */
  | ({ readonly kind: 'carried' } & CarriedApproval)

interface CarriedApproval {
  /** What has to be durable with the attempt. */
  readonly before: readonly ControlBody[]
  readonly state: readonly StateChange[]
  /** Ends with it; null where nothing does. */
  readonly replaced: Approval | null
}

/** An approval that an attempt is about to use, and what has to be durable with that attempt. */
export interface TakenApproval {
  readonly id: string
  readonly before: readonly ControlBody[]
  readonly changes: readonly StateChange[]
}

export interface ApprovalParts {
  readonly ledger: Ledger
  readonly origin: string
  readonly crypto: Pick<Crypto, 'sha256' | 'hmacSha256' | 'verify' | 'verifyP256'>
  readonly clock: Clock
  readonly random: RandomBytes
  readonly log: Log
  /** Called when a step of an approval is durable. */
  readonly onStep?: (approval: Approval, body: ControlBody, t: number) => void
  /** Nothing of it passes at the moment, whatever people say. */
  readonly isStopped: (statement: ApprovalStatement) => boolean
  /** Groups of the policy in force under this content id; null where another is in force. */
  readonly groupsOf: (policyCid: string) => ReadonlyMap<string, ApproverGroup> | null
  readonly bounds?: ApprovalBounds
}

/**
 * Held requests, one approval for each call however often the agent repeats it, and what people have signed about
 * them. Only signed statements count: whoever reaches the keeper without a key of the policy's groups can read.
 */
export class Approvals {
  private readonly parts: ApprovalParts
  private readonly bounds: ApprovalBounds
  private readonly byMatch = new Map<string, Approval>()
  private readonly byId = new Map<string, Approval>()
  /** Used by an attempt that is not durable yet. */
  private readonly taken = new Set<string>()
  /** Somebody's word about it is not durable yet: nobody uses it meanwhile. */
  private readonly changing = new Set<string>()
  /** Not durable yet, with the attempt that asked first. */
  private readonly openings = new Map<string, Promise<void>>()
  /** Void, and the ledger hasn't taken that: people are asked anew. */
  private readonly unfit = new Set<string>()
  private readonly lapsed: StateChange[] = []
  /** Ids of those that were used last. */
  private readonly usedIds = new Set<string>()
  private readonly passkeys: PasskeyCounters
  private readonly watches = new ApprovalWatches()

  private constructor(parts: ApprovalParts, passkeys: PasskeyCounters) {
    this.parts = parts
    this.passkeys = passkeys
    this.bounds = parts.bounds ?? APPROVALS
  }

  /** The approvals as of the newest entry. */
  static async load(parts: ApprovalParts): Promise<Approvals> {
    const approvals = new Approvals(parts, await PasskeyCounters.load(parts.ledger.state))
    for (const [, value] of await parts.ledger.state.list(PREFIX)) approvals.keep(readApproval(value))
    return approvals
  }

  /** Asked for or given, and neither used nor expired; oldest first. */
  pending(): readonly Approval[] {
    const nowMs = this.parts.clock.nowMs()
    return [...this.byId.values()].filter(({ state, expiresMs }) => state !== 'rejected' && expiresMs > nowMs)
  }

  /** Those of `pending` that may still come to something: nothing passes on one whose policy was replaced. */
  waiting(): readonly Approval[] {
    const pending = this.pending()
    const policies = new Set(pending.map(({ statement }) => statement.policy))
    const inForce = new Set([...policies].filter(cid => this.parts.groupsOf(cid) !== null))
    return pending.filter(({ statement }) => inForce.has(statement.policy))
  }

  /** Throws `approval_unknown` for what doesn't wait any more. */
  find(id: string): Approval {
    const approval = this.byId.get(id)
    if (approval === undefined || approval.expiresMs <= this.parts.clock.nowMs())
      throw keeperFault('approval_unknown', id)
    return approval
  }

  /** Whether its call has passed, since the start and not long ago. */
  isUsed(id: string): boolean {
    return this.usedIds.has(id)
  }

  standingOf({ statement, approvers }: Approval): ApprovalStanding {
    const groups = this.parts.groupsOf(statement.policy)
    if (groups === null) return { obstacle: 'superseded', thresholds: {} }
    const named = approvers.flatMap(name => groups.get(name) ?? [])
    const isReachable = named.every(group => isWithinReach(group, statement.owner))
    return {
      obstacle: !isReachable ? 'unreachable' : this.parts.isStopped(statement) ? 'stopped' : null,
      thresholds: Object.fromEntries(named.map(({ name, threshold }) => [name, threshold])),
    }
  }

  /** Resolves when people have decided about it, or at once where they have. */
  async watch(id: string, from: GateConnection): Promise<WatchedChange> {
    const approval = this.byId.get(id)
    if (approval === undefined || approval.expiresMs <= this.parts.clock.nowMs()) return 'ended'
    if (approval.state !== 'requested' && !this.changing.has(id)) return 'changed'
    if (this.parts.isStopped(approval.statement)) return 'changed'
    return this.watches.wait(id, from)
  }

  /** The connection has ended: nobody is there to be told. */
  unwatch(from: GateConnection): void {
    this.watches.leave(from)
  }

  endWatches(): void {
    this.watches.end()
  }

  /** Something was halted or frozen: whoever waits for that is answered now, and reads of the stop. */
  interrupt(): void {
    for (const { id, statement } of this.byId.values())
      if (this.parts.isStopped(statement)) this.watches.tell(id, 'changed')
  }

  /** What became of a held request that was asked about before; otherwise people are asked. */
  request(c: Case, grant: Grant, decision: Decision): ApprovalRequest {
    const match = matchOf(this.parts.crypto, c, grant)
    const known = this.byMatch.get(match)
    if (known !== undefined && known.keptMs > c.nowMs && !this.taken.has(known.id)) {
      const pending = { kind: 'pending', approval: known, opening: this.openingOf(known) } as const
      if (this.changing.has(known.id)) return pending
      if (this.unfit.has(known.id))
        return this.askAnew(c, grant, decision, known, 'the API answers otherwise')
      // A person's no stands, whatever the upstream says by now.
      if (known.state === 'rejected') return { kind: 'rejected', approval: known }
      // ATTACK: a yes by a key that was revoked before it was used.
      if (known.state === 'approved' && !this.isStillApproved(known))
        return this.askAnew(c, grant, decision, known, 'the key of whoever approved was revoked')
      switch (comparedWith(known.probes, resultsOf(c) ?? [])) {
        case 'same':
          return known.state === 'requested' ? pending : { kind: 'approved', approval: known }
        case 'unanswered':
          return known.state === 'requested' ? pending : { kind: 'refused', code: 'probe_unanswered' }
        // ATTACK: people agree to what is mounted in staging, and then it is mounted in production too.
        case 'changed':
          return this.askAnew(c, grant, decision, known, 'the API answers otherwise')
      }
    }
    const approval = newApproval({ c, grant, decision, match }, this.parts, this.bounds)
    if (approval === 'too large') return { kind: 'refused', code: 'approval_too_large' }
    const lacking = lackOfRoom(grant.agent, approval.argumentBytes, this.waiting(), this.bounds)
    if (lacking !== null) return { kind: 'refused', code: lacking }
    const outlived = known !== undefined && known.keptMs <= c.nowMs ? [this.forget(known)] : []
    return this.carried(approval, outlived, null)
  }

  /** What people were asked on isn't so any more: their approval ends, and they are asked about what is so now. */
  private askAnew(c: Case, grant: Grant, decision: Decision, known: Approval, why: string): ApprovalRequest {
    const approval = newApproval({ c, grant, decision, match: known.match }, this.parts, this.bounds)
    if (approval === 'too large') return { kind: 'refused', code: 'approval_too_large' }
    const ended = this.forget(known)
    this.unfit.add(known.id)
    this.parts.log.info({ voided: known.id, approval: approval.id }, `an approval is void: ${why}`)
    return this.carried(approval, [ended], known)
  }

  /** Whether those who approved it may still: their policy is in force, and none of their keys was revoked. */
  isStillApproved({ statement, approvers, signed }: Approval): boolean {
    const groups = this.parts.groupsOf(statement.policy)
    return groups !== null && hasEnough([...groups.values()], approvers, signed)
  }

  /** Met by repeated calls from now on; nobody signs it before it is durable. */
  private carried(
    approval: Approval,
    ended: readonly StateChange[],
    replaced: Approval | null,
  ): Extract<ApprovalRequest, { kind: 'pending' }> {
    this.keep(approval)
    this.changing.add(approval.id)
    const before = [
      ...(replaced === null ? [] : [approvalEntry(replaced, 'voided')]),
      approvalEntry(approval, 'requested'),
    ]
    const state = [...ended, { key: `${PREFIX}${approval.id}`, value: JSON.stringify(approval) }]
    return { kind: 'pending', approval, opening: { kind: 'carried', before, state, replaced } }
  }

  /**
   * Says with which attempt a new approval becomes durable. Where the ledger doesn't take that, nobody was asked, and
   * what should have ended is back; it is good for nothing all the same. INVARIANT: called in the turn of `request`.
   */
  opened(approval: Approval, { replaced }: CarriedApproval, attempt: Promise<unknown>): void {
    const durable = attempt.then(
      () => {
        this.openings.delete(approval.id)
        this.changing.delete(approval.id)
        if (replaced !== null) this.unfit.delete(replaced.id)
        this.parts.onStep?.(approval, approvalEntry(approval, 'requested'), approval.createdMs)
      },
      error => {
        this.openings.delete(approval.id)
        this.changing.delete(approval.id)
        this.forget(approval)
        if (replaced !== null) this.keep(replaced)
        throw error
      },
    )
    durable.catch(() => undefined)
    this.openings.set(approval.id, durable)
  }

  private openingOf({ id }: Approval): Opening {
    const durable = this.openings.get(id)
    return durable === undefined ? { kind: 'durable' } : { kind: 'awaited', durable }
  }

  /**
   * Takes an approval for one attempt: nobody else finds it from now on. Its end is to be durable with the attempt;
   * `giveBack` where there is none after all. INVARIANT: no await between the look and the taking.
   */
  take(approval: Approval): TakenApproval {
    this.taken.add(approval.id)
    return {
      id: approval.id,
      before: [approvalEntry(approval, 'consumed')],
      changes: [{ key: `${PREFIX}${approval.id}`, value: null }],
    }
  }

  giveBack({ id }: TakenApproval): void {
    this.taken.delete(id)
    const approval = this.byId.get(id)
    // Who came meanwhile was asked anew; what people have agreed to goes before it.
    if (approval !== undefined) this.byMatch.set(approval.match, approval)
  }

  used({ id }: TakenApproval): void {
    const approval = this.byId.get(id)
    this.taken.delete(id)
    if (approval !== undefined) this.forget(approval)
    this.usedIds.add(id)
    const [oldest] = this.usedIds
    if (this.usedIds.size > MAX_USED_IDS && oldest !== undefined) this.usedIds.delete(oldest)
  }

  /**
   * Counts a signed statement. Throws what is wrong with it (see `openCountersignature`), `approval_unknown`,
   * `approval_changing` while another word about it is written down, `approval_superseded` where another policy is in force by now, `approval_decided` where it was rejected or used,
   * `approval_signed` where the same person has approved already, `approval_replayed` where they have signed a later word, `passkey_counted_back` where a passkey
   * was copied, and `approval_unsigned` where a withdrawal has nothing to take back. Resolves when it is durable.
   */
  async countersign(id: string, envelope: Uint8Array): Promise<Approval> {
    const { opened: first } = this.openWord(id, envelope)
    if (first.touch !== null) await this.passkeys.checkAgain(first.touch)
    // INVARIANT: no await between this look and what is kept. A library has looked at the touch meanwhile.
    const { approval, groups, opened } = this.openWord(id, envelope)
    if (this.taken.has(id) || approval.state === 'rejected') throw keeperFault('approval_decided', id)
    if (this.changing.has(id)) throw keeperFault('approval_changing', id)
    const next = afterWord(approval, opened, groups, this.parts.clock.nowMs() + this.bounds.rejectionMs)
    const counted = opened.touch === null ? [] : [this.passkeys.count(opened.touch, opened.by)]
    this.changing.add(id)
    try {
      await this.record(
        next,
        STATE_AFTER[opened.verdict],
        {
          by: opened.by,
          signed: fromUtf8(envelope),
          ...(opened.because === undefined ? {} : { because: opened.because }),
        },
        counted,
      )
      // It has expired meanwhile, and another may wait in its place.
      if (this.byId.has(id)) this.keep(next)
    } finally {
      this.changing.delete(id)
    }
    if (next.state !== 'requested') this.watches.tell(id, 'changed')
    return next
  }

  /**
   * Forgets a rejection, the arguments with it: what the ledger has to delete in the same batch. Its call is asked about
   * anew. Throws `approval_waits` for one that people decide about, or that its call may still use.
   */
  erasing(id: string): readonly StateChange[] {
    const approval = this.byId.get(id)
    if (approval === undefined) return []
    if (approval.state !== 'rejected' || this.changing.has(id)) throw keeperFault('approval_waits', id)
    return [{ key: `${PREFIX}${id}`, value: null }]
  }

  /** The deletion of a rejection is durable. */
  erased(id: string): void {
    const approval = this.byId.get(id)
    if (approval?.state === 'rejected') this.forget(approval)
  }

  /** Writes down and forgets what was not used in time. */
  async expire(): Promise<void> {
    const nowMs = this.parts.clock.nowMs()
    const expired = [...this.byId.values()].filter(
      ({ id, keptMs }) => keptMs <= nowMs && !this.taken.has(id) && !this.changing.has(id),
    )
    const changes = expired.map(approval => this.forget(approval))
    const waited = expired.filter(({ state }) => state !== 'rejected')
    await Promise.all(
      waited.map((approval, index) =>
        this.append(approval, approvalEntry(approval, 'expired'), index === 0 ? changes : []),
      ),
    )
    if (waited.length > 0) this.parts.log.info({ count: waited.length }, 'approvals expired')
    else this.lapsed.push(...changes)
  }

  private openWord(id: string, envelope: Uint8Array) {
    const approval = this.find(id)
    const groups = this.parts.groupsOf(approval.statement.policy)
    if (groups === null) throw keeperFault('approval_superseded', id)
    const opened = openCountersignature(envelope, {
      statement: approval.statement,
      groups: approval.approvers.flatMap(name => groups.get(name) ?? []),
      crypto: this.parts.crypto,
      nowMs: this.parts.clock.nowMs(),
    })
    return { approval, groups, opened }
  }

  private keep(approval: Approval): void {
    this.byMatch.set(approval.match, approval)
    this.byId.set(approval.id, approval)
  }

  private forget(approval: Approval): StateChange {
    this.byId.delete(approval.id)
    this.unfit.delete(approval.id)
    this.watches.tell(approval.id, 'ended')
    if (this.byMatch.get(approval.match)?.id === approval.id) this.byMatch.delete(approval.match)
    return { key: `${PREFIX}${approval.id}`, value: null }
  }

  private async record(
    approval: Approval,
    step: ApprovalStep,
    more: ControlBody['data'],
    changes: readonly StateChange[] = [],
  ): Promise<void> {
    const state = [
      ...this.lapsed.splice(0),
      ...changes,
      { key: `${PREFIX}${approval.id}`, value: JSON.stringify(approval) },
    ]
    await this.append(approval, approvalEntry(approval, step, more), state)
  }

  private async append(approval: Approval, body: ControlBody, state: readonly StateChange[]): Promise<void> {
    const { t } = await this.parts.ledger.append(body, { state })
    this.parts.onStep?.(approval, body, t)
  }

  /** Tells anew of everything that waits for people: what was told before the last end may not have arrived. */
  retell(): void {
    for (const approval of this.waiting())
      if (approval.state === 'requested')
        this.parts.onStep?.(approval, approvalEntry(approval, 'requested'), approval.createdMs)
  }
}

const STATE_AFTER: Readonly<Record<ApprovalVerdict, ApprovalStep>> = {
  approve: 'approved',
  withdraw: 'withdrawn',
  reject: 'rejected',
}
