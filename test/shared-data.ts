import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const FOLDER = process.env.COUNTERSIGN_SHARED ?? fileURLToPath(new URL('../../../shared', import.meta.url))

/**
 * Path of a published vector or data set in the folder `shared` beside the repository (or in the folder that
 * COUNTERSIGN_SHARED names), or null where it is absent. They belong to others and are not copied here.
 */
export function sharedData(relative: string): string | null {
  const path = `${FOLDER}/${relative}`
  return existsSync(path) ? path : null
}

/** Options of a test that can't run without that data: skipped where it is absent, saying what is missing. */
export function needsSharedData(relative: string): { skip: string | false } {
  return { skip: sharedData(relative) === null && `../shared/${relative} is not there` }
}
