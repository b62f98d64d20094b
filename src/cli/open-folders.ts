import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { LoadedConfig } from './config.js'
import { policyLocation } from './policy-location.js'

/**
 * Folders and files of a sidecar that every user of the machine may write, as their modes say: whoever does could name
 * another trust root, another policy or another ledger.
 */
export function openFolders(loaded: LoadedConfig): readonly string[] {
  const { config, path, file } = loaded
  const policy = policyLocation(loaded)
  const places = [
    dirname(file),
    file,
    dirname(path(config.trust.root)),
    path(config.trust.root),
    ...(policy.kind === 'file' ? [dirname(policy.file)] : []),
    path(config.keeper.keys),
    dirname(path(config.keeper.socket)),
    dirname(path(config.keeper.admin)),
    dirname(path(config.vault.file)),
    path(config.ledger.dir),
    dirname(path(config.ledger.highWater)),
  ]
  return [...new Set(places)].filter(isOpen)
}

const OTHERS_WRITE = 0o002

/** What this user can't look at, such as the agent's what lies in the keeper's folders, isn't open to everybody. */
function isOpen(place: string): boolean {
  try {
    return (statSync(place).mode & OTHERS_WRITE) !== 0
  } catch {
    return false
  }
}

/** As `missing` has it. */
export function openFolderWords(place: string): string {
  return `every user of this machine may write ${place}: \`chmod o-w ${place}\``
}
