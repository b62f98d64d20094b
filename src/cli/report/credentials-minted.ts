import type { AttemptBody, ControlBody, Entry } from '../../receipt/index.js'
import { textOr } from './authority.js'
import type { CredentialMinted, Listed } from './incident.js'
import { listed } from './shelf.js'

interface Minted extends CredentialMinted {
  attempts: number
}

/**
 * Credentials that outlast the report's time. A start of the keeper ends none of them: it forgets what it had minted, and the
 * upstream doesn't.
 */
export class CredentialsMinted {
  private readonly at: number
  private readonly alive = new Map<string, Minted>()

  constructor(at: number) {
    this.at = at
  }

  add({ seq, t, data }: Entry & ControlBody): void {
    const id = textOr(data.id) ?? `entry ${seq}`
    if (data.action !== 'minted') {
      if (data.action !== 'failed') this.alive.delete(id)
      return
    }
    const expires = data.expires as number
    if (expires <= this.at) return
    this.alive.set(id, {
      id,
      minter: data.minter as string,
      credential: data.credential as string,
      scope: data.scope as string,
      api: textOr(data.api),
      agent: textOr(data.agent),
      task: textOr(data.task),
      seq,
      t,
      expires,
      attempts: 0,
    })
  }

  cite({ credential }: Entry & AttemptBody): void {
    const minted = this.alive.get(credential?.mint ?? '')
    if (minted !== undefined) minted.attempts++
  }

  list(at: number, limit: number, concerns: (minted: CredentialMinted) => boolean): Listed<CredentialMinted> {
    const alive = [...this.alive.values()].filter(
      minted => minted.expires > at && (minted.attempts > 0 || concerns(minted)),
    )
    return listed(alive, limit)
  }
}
