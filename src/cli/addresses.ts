import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { GateAddresses } from '../gate/index.js'
import type { LoadedConfig } from './config.js'
import { UsageError } from './io.js'

function addressFile(loaded: LoadedConfig): string {
  return join(dirname(loaded.path(loaded.config.keeper.socket)), 'gate.json')
}

/** Tells other commands where the gate of this sidecar listens, as it found out itself: a configured port may be 0. */
export function writeAddresses(loaded: LoadedConfig, addresses: GateAddresses): void {
  writeFileSync(addressFile(loaded), `${JSON.stringify(addresses)}\n`)
}

export function readAddresses(loaded: LoadedConfig): GateAddresses {
  try {
    return JSON.parse(readFileSync(addressFile(loaded), 'utf8')) as GateAddresses
  } catch {
    throw new UsageError(
      'the sidecar has not been started from this configuration',
      'Start it with `countersign run --config FILE`.',
    )
  }
}
