import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { seedFolder } from './campaign.js'

/** Writes the seeds of a target, a file each. Findings that lie beside them stay. */
export function writeSeeds(target: string, seeds: Readonly<Record<string, Uint8Array | string>>): void {
  mkdirSync(seedFolder(target), { recursive: true })
  for (const [name, bytes] of Object.entries(seeds))
    writeFileSync(join(seedFolder(target), `${name}.bin`), bytes)
}
