import type { Logger } from 'pino'
import { CountersignError } from '../canon/index.js'
import type { KeeperPort, SettleCall } from './keeper-port.js'

export type OutcomeStatus = SettleCall['status']

/** The outcome of an attempt that never reached the upstream. */
export function notSent(attempt: number): SettleCall {
  return {
    attempt,
    status: 'not_sent',
    http: 0,
    upstreamId: null,
    bodySha256: null,
    responseSha256: null,
    responseBytes: 0,
  }
}

/** Outcomes on their way to the keeper, so that a stop can wait for them. */
export class Outcomes {
  private readonly pending = new Set<Promise<boolean>>()
  private readonly keeper: KeeperPort
  private readonly log: Logger

  constructor(keeper: KeeperPort, log: Logger) {
    this.keeper = keeper
    this.log = log
  }

  /**
   * Reports the one outcome of an attempt. Resolves to whether the keeper recorded it, never rejects: where the
   * keeper can't be told, it closes the attempt as `indeterminate` by itself.
   */
  settle(call: SettleCall): Promise<boolean> {
    const settled = this.keeper.settle(call).then(
      reply => reply.recorded,
      (error: unknown) => {
        const code = error instanceof CountersignError ? error.code : 'gate_fault'
        this.log.warn({ attempt: call.attempt, code }, 'outcome not recorded')
        return false
      },
    )
    this.pending.add(settled)
    void settled.then(() => this.pending.delete(settled))
    return settled
  }

  async drained(): Promise<void> {
    await Promise.all(this.pending)
  }
}
