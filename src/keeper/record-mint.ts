import { randomUUID } from 'node:crypto'
import type { MintRecord } from '../credential/index.js'
import type { Ledger } from '../ledger/index.js'

/** Writes the `mint` entry of a credential and answers its id, for attempts to cite. Rejects with a ledger fault: the credential is then never used. */
export function recordMint(ledger: Pick<Ledger, 'append'>): (record: MintRecord) => Promise<string> {
  return async ({ minter, credential, api, scope, expiresMs, agent }) => {
    const id = randomUUID()
    const { id: name, environment, task, owner } = agent
    await ledger.append({
      type: 'mint',
      data: {
        action: 'minted',
        minter,
        credential,
        scope,
        expires: expiresMs,
        id,
        agent: name,
        environment,
        task,
        owner,
        api,
      },
    })
    return id
  }
}
