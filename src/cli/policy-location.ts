import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { CACHED_POLICY, KEPT_POLICIES } from '../keeper/index.js'
import { parseDurationSeconds } from '../policy/index.js'
import type { LoadedConfig } from './config.js'
import { cliFault } from './error-table.js'

/** Where the keeper gets the sealed policy. */
export type PolicyLocation =
  | { readonly kind: 'file'; readonly file: string }
  | {
      readonly kind: 'url'
      readonly url: string
      readonly everyMs: number
      /** Folder of the last good policy. */
      readonly cache: string
      /** PEM file, absolute. */
      readonly ca: string | null
    }

const EVERY = '30s'
const SHORTEST_SECONDS = 5

/** Reads `policy:` of a configuration; throws `config_malformed` for an interval that nobody means. */
export function policyLocation({ config, path, file }: LoadedConfig): PolicyLocation {
  const { policy } = config
  if ('file' in policy) return { kind: 'file', file: path(policy.file) }
  const seconds = parseDurationSeconds(policy.every ?? EVERY)
  if (seconds === null || seconds < SHORTEST_SECONDS)
    throw cliFault('config_malformed', `${file}: policy.every: 5s or more, such as 30s or 5m`)
  return {
    kind: 'url',
    url: policy.url,
    everyMs: seconds * 1_000,
    cache: path(policy.cache ?? join(dirname(config.ledger.dir), 'policy-cache')),
    ca: policy.ca === undefined ? null : path(policy.ca),
  }
}

/** The sealed policy on this disk: the file, or the last good one that was fetched. `catalogs` stand beside either. */
export function sealedFileOf(loaded: LoadedConfig): string {
  const location = policyLocation(loaded)
  return location.kind === 'file' ? location.file : join(location.cache, CACHED_POLICY)
}

/**
 * The folders in which sealed policies of a configuration lie, as far as they are there: its own, and those that its keeper
 * has kept, in epochs that have ended too.
 */
export function policyFoldersOf(loaded: LoadedConfig): readonly string[] {
  const ledger = loaded.path(loaded.config.ledger.dir)
  const kept = [ledger, ...endedEpochs(ledger)].map(folder => join(folder, KEPT_POLICIES))
  return [dirname(sealedFileOf(loaded)), ...kept].filter(folder => existsSync(folder))
}

/** Folders of the epochs that a recovery has ended, the newest first. */
function endedEpochs(ledger: string): readonly string[] {
  try {
    return readdirSync(ledger)
      .flatMap(name => /^epoch-([1-9][0-9]{0,8})$/.exec(name)?.[1] ?? [])
      .sort((a, b) => Number(b) - Number(a))
      .map(epoch => join(ledger, `epoch-${epoch}`))
  } catch {
    // Another user's ledger, or none yet.
    return []
  }
}
