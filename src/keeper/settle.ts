import type { Crypto } from '../canon/index.js'
import type { Appended, Ledger } from '../ledger/index.js'
import type { SettleReply, SettleRequest } from '../link/index.js'
import { commitment, type OutcomeBody } from '../receipt/index.js'
import type { Counters } from './counters.js'
import type { GateConnection } from './link-server.js'
import type { OpenAttempt, OpenAttempts } from './open-attempts.js'
import type { Clock, Log } from './ports.js'
import type { Probing } from './probing.js'

export interface SettlementParts {
  readonly ledger: Ledger
  readonly crypto: Pick<Crypto, 'hmacSha256'>
  readonly clock: Clock
  readonly log: Log
  readonly counters: Counters
  readonly open: OpenAttempts
  readonly probing: Pick<Probing, 'end'>
}

/** An outcome on its way to the ledger. */
interface Owed {
  readonly attempt: OpenAttempt
  readonly outcome: OutcomeBody
  /** It is certain that nothing was sent. */
  readonly release: boolean
}

/** Gives every admitted attempt exactly one outcome. */
export class Settlement {
  private readonly parts: SettlementParts
  /** What the ledger was too busy to take, by the attempt. Nobody else closes those any more. */
  private readonly owed = new Map<number, Owed>()

  constructor(parts: SettlementParts) {
    this.parts = parts
  }

  /** The gate's word on its own attempt; not recorded where the attempt was closed before. */
  async settle(request: SettleRequest, from: GateConnection): Promise<SettleReply> {
    const attempt = this.parts.open.take(request.attempt, from)
    if (attempt === undefined) return { type: 'settled', call: request.call, recorded: false }
    const { seq } = await this.append(
      attempt,
      this.outcomeOf(attempt, request),
      request.status === 'not_sent',
    )
    if (attempt.awaitMark) await this.parts.ledger.marked(seq)
    return { type: 'settled', call: request.call, recorded: true }
  }

  /** A gate is gone: what became of its open attempts is not known. */
  async gateGone(from: GateConnection): Promise<void> {
    const attempts = this.parts.open.takeAllOf(from)
    if (attempts.length > 0) this.parts.log.warn({ attempts: attempts.length }, 'a gate left attempts open')
    await this.closeAll(attempts)
  }

  /** Closes attempts whose deadline has passed, and writes what the ledger was too busy for. */
  async sweep(): Promise<void> {
    const attempts = this.parts.open.takeOverdue(this.parts.clock.nowMs())
    if (attempts.length > 0)
      this.parts.log.warn({ attempts: attempts.length }, 'attempts ran past their deadline')
    await this.closeAll(attempts)
    await this.writeOwed()
  }

  /** Closes whatever is still open, at the end of the keeper's life. */
  async abandon(): Promise<void> {
    await this.closeAll(this.parts.open.takeAll())
    await this.writeOwed()
  }

  /** An admission that was made durable and could never be handed out. */
  async neverReleased(attempt: OpenAttempt): Promise<void> {
    await this.append(attempt, this.closing(attempt, 'not_sent'), true)
  }

  private async closeAll(attempts: readonly OpenAttempt[]): Promise<void> {
    await Promise.all(
      attempts.map(attempt => this.append(attempt, this.closing(attempt, 'indeterminate'), false)),
    )
  }

  private append(attempt: OpenAttempt, outcome: OutcomeBody, release: boolean): Promise<Appended> {
    if (attempt.changing !== null) this.parts.probing.end(attempt.changing)
    return this.write({ attempt, outcome, release })
  }

  private async writeOwed(): Promise<void> {
    // Whoever takes it out writes it: two sweeps may meet.
    for (const [seq, owed] of [...this.owed]) if (this.owed.delete(seq)) await this.write(owed)
  }

  /**
   * Reservations are given back only where it is certain that nothing was sent.
   * ATTACK: gates that flood the ledger's queue while the outcome of what was done comes in: it would be lost.
   */
  private async write(owed: Owed): Promise<Appended> {
    const { attempt, outcome, release } = owed
    try {
      return await this.parts.ledger.append(outcome, {
        urgency: attempt.awaitMark ? 'now' : 'soon',
        ...(release && attempt.hold.keys.length > 0
          ? { state: this.parts.counters.release(attempt.hold) }
          : {}),
      })
    } catch (error) {
      if ((error as { code?: unknown }).code === 'ledger_busy') this.owed.set(attempt.seq, owed)
      throw error
    }
  }

  private closing(
    { seq, leaf, t }: Pick<OpenAttempt, 'seq' | 'leaf' | 't'>,
    status: OutcomeBody['status'],
  ): OutcomeBody {
    return {
      type: 'outcome',
      attempt: seq,
      attempt_leaf: leaf,
      status,
      http: 0,
      ms: Math.max(0, this.parts.clock.nowMs() - t),
    }
  }

  private outcomeOf(attempt: OpenAttempt, request: SettleRequest): OutcomeBody {
    const { crypto } = this.parts
    const { bodySha256, responseSha256, upstreamId } = request
    return {
      ...this.closing(attempt, request.status),
      http: request.http,
      ...(upstreamId === null ? {} : { upstream_id: upstreamId }),
      ...(bodySha256 === null
        ? {}
        : { body_c: commitment(crypto, attempt.secret, 'body', Buffer.from(bodySha256, 'hex')) }),
      ...(responseSha256 === null
        ? {}
        : {
            resp_c: commitment(crypto, attempt.secret, 'resp', Buffer.from(responseSha256, 'hex')),
            resp_len: request.responseBytes,
          }),
    }
  }
}
