import type { Vault } from '../credential/index.js'
import type { Ledger } from '../ledger/index.js'

/** Writes a `vault` entry for each secret that was put, replaced or removed while the keeper ran: its name, never its value. */
export function recordVaultChange(
  ledger: Pick<Ledger, 'append'>,
  vault: Pick<Vault, 'entry' | 'entries'>,
): (names: readonly string[]) => Promise<void> {
  return async names => {
    const entries = vault.entries().length
    const written = names.map(name => {
      const action = vault.entry(name) === undefined ? 'removed' : 'put'
      return ledger.append({ type: 'vault', data: { action, entries, name } })
    })
    await Promise.all(written)
  }
}
