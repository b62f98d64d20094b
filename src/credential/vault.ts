import { unwatchFile, watchFile } from 'node:fs'
import { CountersignError } from '../canon/index.js'
import { credentialFault } from './error-table.js'
import { readOwnFile } from './own-file.js'
import type { VaultContents, VaultEntry } from './vault-contents.js'
import type { VaultKey } from './vault-key.js'
import { unsealVault } from './vault-seal.js'

export interface VaultLocation {
  readonly file: string
  /** Asked at every opening, so that a replaced key is found without a restart. */
  readonly key: () => Promise<VaultKey>
}

export type VaultChange =
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'changed'; readonly names: readonly string[] }
  /** The file can't be used; what was open stays in use. */
  | { readonly kind: 'kept'; readonly code: string }

/** The secrets of one sidecar, open in the keeper's memory and nowhere else. */
export interface Vault {
  entry(name: string): VaultEntry | undefined
  entries(): readonly VaultEntry[]
  /** Takes over what the file holds now. Never throws: a bad file leaves the open vault in use. */
  reload(): Promise<VaultChange>
  /** Reloads by itself whenever the file changes; returns what ends that. */
  watch(onChange: (change: VaultChange) => void, intervalMs?: number): () => void
}

/** Opens a vault. Throws one of the `vault_…` faults. */
export async function openVault(location: VaultLocation): Promise<Vault> {
  let contents = await readVault(location)

  async function reload(): Promise<VaultChange> {
    try {
      const fresh = await readVault(location)
      const names = changedNames(contents, fresh)
      contents = fresh
      return names.length === 0 ? { kind: 'unchanged' } : { kind: 'changed', names }
    } catch (error) {
      return { kind: 'kept', code: error instanceof CountersignError ? error.code : 'vault_malformed' }
    }
  }

  return {
    entry: name => contents.get(name),
    entries: () => [...contents.values()],
    reload,
    watch: (onChange, intervalMs = 1_000) => {
      const look = () => void reload().then(onChange)
      // Polled, because a rename over the file silences an inotify watch on it.
      watchFile(location.file, { interval: intervalMs, persistent: false }, look)
      return () => unwatchFile(location.file, look)
    },
  }
}

async function readVault(location: VaultLocation): Promise<VaultContents> {
  const bytes = await readOwnFile(location.file, 'vault_missing')
  return (await unsealVault(bytes, await location.key())).contents
}

function changedNames(before: VaultContents, after: VaultContents): string[] {
  const names = new Set([...before.keys(), ...after.keys()])
  return [...names].filter(name => before.get(name)?.revision !== after.get(name)?.revision).sort()
}

/**
 * The entry for one use, or the fault that says why there is none. Asked on every use of a credential, so that a
 * removed or narrowed entry stops what was minted from it at once.
 */
export function entryFor(
  vault: Pick<Vault, 'entry'>,
  use: { readonly credential: string; readonly minter: string; readonly origins: readonly string[] },
  environment: string | null,
): VaultEntry {
  const entry = vault.entry(use.credential)
  if (entry === undefined) throw credentialFault('vault_entry_missing', use.credential)
  if (entry.kind !== use.minter)
    throw credentialFault('vault_entry_kind', `${entry.name} is for ${entry.kind}`)
  const stranger = use.origins.find(origin => !entry.origins.includes(origin))
  if (stranger !== undefined) throw credentialFault('vault_entry_origin', `${entry.name} for ${stranger}`)
  if (environment !== null && entry.environment !== environment)
    throw credentialFault('vault_entry_environment', `${entry.name} is for ${entry.environment}`)
  return entry
}
