import { randomUUID } from 'node:crypto'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { GateAddresses } from '../gate/index.js'
import type { LoadedConfig } from './config.js'
import { UsageError } from './io.js'

/** Where the gate of a running sidecar listens, and what `run` had to say about the two processes. */
export interface RunningSidecar extends GateAddresses {
  /** As in `Separation.missing`. */
  readonly missing: readonly string[]
}

function runningFile(loaded: LoadedConfig): string {
  return join(dirname(loaded.path(loaded.config.keeper.socket)), 'gate.json')
}

/**
 * Tells other commands where the gate of this sidecar listens, as it found out itself: a configured port may be 0.
 * ATTACK: the folder is the keeper's, and root writes here; a new file and a rename follow no link that lies in wait.
 */
export function writeRunning(loaded: LoadedConfig, running: RunningSidecar): void {
  const file = runningFile(loaded)
  const fresh = `${file}.${randomUUID()}`
  writeFileSync(fresh, `${JSON.stringify(running)}\n`, { flag: 'wx', mode: 0o644 })
  renameSync(fresh, file)
}

/** Throws a UsageError where the sidecar was never started. */
export function readRunning(loaded: LoadedConfig): RunningSidecar {
  try {
    return JSON.parse(readFileSync(runningFile(loaded), 'utf8')) as RunningSidecar
  } catch {
    throw new UsageError(
      'the sidecar has not been started from this configuration',
      'Start it with `countersign run --config FILE`.',
    )
  }
}
