import type { ControlBody, EntryPosition } from './entry.js'
import type { ReportDeviation } from './entry-audit.js'
import type { PlacedAttempt } from './placed-attempt.js'

interface Minted {
  readonly agent: string | undefined
  readonly environment: string | undefined
  readonly task: string | undefined
  readonly owner: string | undefined
  readonly api: string | undefined
  readonly minter: string
  readonly scope: string
  readonly expires: number
  /** Time of the entry that ended it; null while none has. */
  endedMs: number | null
}

/** The credentials that a log says were minted, and whether attempts used them for whom and for what they were made. */
export class MintHistory {
  readonly counts = { minted: 0, ended: 0 }
  private readonly byId = new Map<string, Minted>()

  add({ seq, t, data }: EntryPosition & ControlBody, report: ReportDeviation): void {
    const mint = data as unknown as Omit<Minted, 'endedMs'> & { action: string; id?: string }
    const { action, id, agent, environment, task, owner, api, minter, scope, expires } = mint
    if (action === 'minted') {
      this.counts.minted++
      if (id === undefined) return
      if (this.byId.has(id)) report('mint_differs', seq, 'another has its id')
      this.byId.set(id, { agent, environment, task, owner, api, minter, scope, expires, endedMs: null })
    } else if (action !== 'failed') {
      this.counts.ended++
      const known = id === undefined ? undefined : this.byId.get(id)
      if (known !== undefined) known.endedMs ??= t
    }
  }

  /** Credentials are kept in memory only: after a start of the keeper every one is minted anew. */
  restart(): void {
    this.byId.clear()
  }

  cited({ entry, startedMs }: PlacedAttempt, report: ReportDeviation): void {
    const { seq, credential, agent, req, decision } = entry
    if (credential === undefined) return
    if (decision.effect !== 'allow') report('mint_unknown', seq, 'a refused request uses none')
    if (startedMs >= credential.expires) report('mint_ended', seq, 'it had expired')
    if (credential.mint === undefined) return
    const minted = this.byId.get(credential.mint)
    if (minted === undefined) {
      report('mint_unknown', seq, credential.mint)
      return
    }
    const same =
      minted.agent === agent.id &&
      minted.environment === agent.environment &&
      minted.task === agent.task &&
      minted.owner === agent.owner &&
      minted.api === req.api &&
      minted.minter === credential.minter &&
      minted.scope === credential.scope &&
      minted.expires === credential.expires
    if (!same) report('mint_differs', seq)
    if (minted.endedMs !== null && startedMs > minted.endedMs) report('mint_ended', seq, 'it had been ended')
  }

  forget(beforeMs: number): void {
    for (const [id, { expires }] of this.byId) if (expires < beforeMs) this.byId.delete(id)
  }
}
