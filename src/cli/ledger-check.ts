import { type CheckOptions, checkLedger, type LedgerCheck, readCheckpointFile } from '../ledger/index.js'
import { nativeCrypto } from '../native/index.js'
import type { PinnedKeys } from '../receipt/index.js'
import type { LoadedConfig } from './config.js'
import type { Io } from './io.js'
import { type KeySource, pinnedKeys } from './pinned-keys.js'
import { pinnedRecovery } from './pinned-recovery.js'
import { progress } from './progress.js'

export interface CheckPlaces {
  /** A copy of the ledger's folder; the configured one where it is undefined. */
  readonly dir?: string | undefined
  readonly mark?: string | undefined
  /** Files with checkpoints from elsewhere that the ledger must contain as well. */
  readonly checkpoints: readonly string[]
  readonly archive?: string | undefined
  /** For a recovery: what the use cases had written down as well. */
  readonly withMemory?: boolean
}

/** Checks a configured ledger under the trust root that the configuration pins. */
export async function checkConfigured(
  loaded: LoadedConfig,
  places: CheckPlaces,
  io: Io,
): Promise<LedgerCheck> {
  const { config, path } = loaded
  const source: KeySource = {
    kind: 'trust-root',
    root: path(config.trust.root),
    pin: config.trust.pin,
    enrolments: [path(config.keeper.enrolment)],
  }
  const recovery = pinnedRecovery(source)
  const checkpoints = []
  for (const file of places.checkpoints) checkpoints.push(await readCheckpointFile(file, nativeCrypto))
  const options: CheckOptions = {
    dir: places.dir ?? path(config.ledger.dir),
    highWater: places.mark ?? path(config.ledger.highWater),
    checkpoints,
    keys: first => pinnedKeys(source, first) as PinnedKeys,
    crypto: nativeCrypto,
    withMemory: places.withMemory === true,
    ...(places.archive === undefined ? {} : { archive: places.archive }),
    ...(recovery === undefined ? {} : { recovery }),
  }
  const shown = progress(io, 'entries')
  const check = await checkLedger(options, shown.count)
  shown.done()
  return check
}
