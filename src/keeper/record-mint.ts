import type { MintRecord } from '../credential/index.js'
import type { Ledger } from '../ledger/index.js'

/** Writes the `mint` entry of a credential, whose id attempts cite. Rejects with a ledger fault: the credential is then never used. */
export function recordMint(ledger: Pick<Ledger, 'append'>): (record: MintRecord) => Promise<void> {
  return async ({ id, minter, credential, api, scope, expiresMs, agent }) => {
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
  }
}
