import { readVaultKey, type VaultKeySource, type VaultLocation } from '../credential/index.js'
import type { LoadedConfig } from './config.js'
import type { Io } from './io.js'

/** Where the configuration keeps the vault, and how its key is read. */
export function vaultLocation(loaded: LoadedConfig, env: Io['env']): VaultLocation {
  const source = vaultKeySource(loaded)
  return { file: loaded.path(loaded.config.vault.file), key: () => readVaultKey(source, env) }
}

export function vaultKeySource({ config, path }: LoadedConfig): VaultKeySource {
  const { key } = config.vault
  return 'file' in key ? { file: path(key.file) } : key
}
