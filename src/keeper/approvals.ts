import { type Crypto, canonicalBytes, hex, type JsonObject } from '../canon/index.js'
import type { Grant } from '../credential/index.js'
import type { Ledger } from '../ledger/index.js'
import type { Decision } from '../policy/index.js'
import type { Case } from './attempt-entry.js'
import type { Clock, Log, RandomBytes } from './ports.js'
import { uuid7 } from './uuid.js'

/** Durable form: key `approval/<id>`, value the JSON of this. */
const PREFIX = 'approval/'

/** A held request that waits for people. */
export interface PendingApproval {
  readonly id: string
  /** SHA-256 of the statement's JCS, hex. */
  readonly digest: string
  /** What an approver would sign: everything that the approval is bound to. */
  readonly statement: JsonObject
  readonly rule: string | null
  readonly because: string | null
  /** Groups of the policy that must all sign. */
  readonly approvers: readonly string[]
  readonly agent: string
  readonly environment: string
  readonly task: string
  /** The person the agent acts for, who can't be the approver. */
  readonly owner: string
  /** Content id of the policy that held the request. */
  readonly policy: string
  readonly createdMs: number
  readonly expiresMs: number
}

export interface ApprovalBounds {
  readonly maxPending: number
  readonly maxPendingPerAgent: number
  readonly maxStatementBytes: number
  /** Where no approver group says otherwise. */
  readonly expiresMs: number
}

export const APPROVALS: ApprovalBounds = {
  maxPending: 1_000,
  maxPendingPerAgent: 100,
  maxStatementBytes: 262_144,
  expiresMs: 1_800_000,
}

export type ApprovalRequest =
  /** `recorded` resolves when a new approval is durable; at once where the same was asked for before. */
  | { readonly kind: 'pending'; readonly approval: PendingApproval; readonly recorded: Promise<unknown> }
  | { readonly kind: 'refused'; readonly code: 'approvals_full' | 'approval_too_large' }

/** Held requests, one approval for each statement however often the agent repeats the call. */
export class Approvals {
  private readonly ledger: Ledger
  private readonly crypto: Pick<Crypto, 'sha256'>
  private readonly clock: Clock
  private readonly random: RandomBytes
  private readonly log: Log
  private readonly bounds: ApprovalBounds
  private readonly byDigest = new Map<string, PendingApproval>()

  private constructor(parts: ApprovalParts) {
    this.ledger = parts.ledger
    this.crypto = parts.crypto
    this.clock = parts.clock
    this.random = parts.random
    this.log = parts.log
    this.bounds = parts.bounds ?? APPROVALS
  }

  /** The approvals pending as of the newest entry. */
  static async load(parts: ApprovalParts): Promise<Approvals> {
    const approvals = new Approvals(parts)
    for (const [, value] of await parts.ledger.state.list(PREFIX)) {
      const approval: PendingApproval = JSON.parse(value)
      approvals.byDigest.set(approval.digest, approval)
    }
    return approvals
  }

  /** Not yet expired, oldest first. */
  pending(): readonly PendingApproval[] {
    const nowMs = this.clock.nowMs()
    return [...this.byDigest.values()].filter(approval => approval.expiresMs > nowMs)
  }

  /** Finds or creates the approval of a held request. */
  request(c: Case, grant: Grant, decision: Decision): ApprovalRequest {
    const statement = statementOf(c, grant)
    const bytes = canonicalBytes(statement)
    if (bytes.length > this.bounds.maxStatementBytes) return { kind: 'refused', code: 'approval_too_large' }
    const digest = hex(this.crypto.sha256(bytes))
    const known = this.byDigest.get(digest)
    if (known !== undefined && known.expiresMs > c.nowMs)
      return { kind: 'pending', approval: known, recorded: Promise.resolve() }
    if (this.isFull(grant.agent)) return { kind: 'refused', code: 'approvals_full' }
    const approval: PendingApproval = {
      id: uuid7(c.nowMs, this.random(10)),
      digest,
      statement,
      rule: decision.rule,
      because: decision.because,
      approvers: decision.approvers,
      agent: grant.agent,
      environment: grant.environment,
      task: grant.task,
      owner: grant.owner,
      policy: c.policy.cid,
      createdMs: c.nowMs,
      expiresMs: c.nowMs + this.lifetimeMs(c, decision),
    }
    const recorded = this.record(approval, 'requested', known)
    this.byDigest.set(digest, approval)
    return { kind: 'pending', approval, recorded }
  }

  /** Writes down and forgets what nobody approved in time. */
  async expire(): Promise<void> {
    const nowMs = this.clock.nowMs()
    const expired = [...this.byDigest.values()].filter(approval => approval.expiresMs <= nowMs)
    for (const approval of expired) this.byDigest.delete(approval.digest)
    await Promise.all(expired.map(approval => this.record(approval, 'expired')))
    if (expired.length > 0) this.log.info({ count: expired.length }, 'approvals expired')
  }

  private isFull(agent: string): boolean {
    if (this.byDigest.size >= this.bounds.maxPending) return true
    const own = this.pending().filter(approval => approval.agent === agent)
    return own.length >= this.bounds.maxPendingPerAgent
  }

  private lifetimeMs(c: Case, decision: Decision): number {
    const groups = decision.approvers.map(name => c.policy.approvers.get(name)?.expiresSeconds)
    const shortest = Math.min(...groups.filter(seconds => seconds !== undefined))
    return Number.isFinite(shortest) ? shortest * 1_000 : this.bounds.expiresMs
  }

  private async record(
    approval: PendingApproval,
    state: 'requested' | 'expired',
    replaced?: PendingApproval,
  ): Promise<void> {
    const { id, agent, environment, task, owner, policy, digest, rule } = approval
    await this.ledger.append(
      {
        type: 'approval',
        data: {
          id,
          state,
          agent,
          environment,
          task,
          owner,
          policy,
          digest,
          expires: approval.expiresMs,
          approvers: [...approval.approvers],
          ...(rule === null ? {} : { rule }),
        },
      },
      {
        state: [
          ...(replaced === undefined ? [] : [{ key: `${PREFIX}${replaced.id}`, value: null }]),
          { key: `${PREFIX}${id}`, value: state === 'requested' ? JSON.stringify(approval) : null },
        ],
      },
    )
  }
}

export interface ApprovalParts {
  readonly ledger: Ledger
  readonly crypto: Pick<Crypto, 'sha256'>
  readonly clock: Clock
  readonly random: RandomBytes
  readonly log: Log
  readonly bounds?: ApprovalBounds
}

/**
 * Everything that an approval is bound to: another argument, agent, task, owner or policy is another statement. What
 * an SDK renews on every call (the catalog names it) is left out, so that the same call repeated finds its approval.
 *
 * ATTACK: two people's grants for one task. Were the owner left out, the second could approve their own request as
 * the first one's.
 */
function statementOf(c: Case, grant: Grant): JsonObject {
  const catalog = c.policy.apis.get(c.request.api)?.catalog
  return {
    v: 1,
    agent: grant.agent,
    environment: grant.environment,
    task: grant.task,
    owner: grant.owner,
    policy: c.policy.cid,
    api: c.request.api,
    operations: c.operations.map(operation => ({
      api: operation.api,
      name: operation.name,
      classes: [...operation.classes],
      scope: { ...operation.scope },
      resources: operation.resources.map(({ type, id }) => ({ type, id })),
      args: catalog?.lastingArgs(operation) ?? operation.args,
      ...(operation.account === undefined ? {} : { account: operation.account }),
    })),
  }
}
