import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { equalBytes } from '../canon/index.js'
import { makeFolder } from '../native/index.js'
import { catalogFile, type SealParts } from './open-sealed.js'
import type { Log } from './ports.js'

/** Folder within a ledger's own with the sealed policies that its keeper has opened. */
export const KEPT_POLICIES = 'policies'

/**
 * Keeps each sealed policy that opened in a folder, as `<64 hex digits of its content id>.json`, the catalogs that it pins as
 * `catalogs/<64 hex digits>.json` beside it: whoever derives decisions again years later needs those that were written over
 * since. What can't be kept is said, and stops nothing.
 */
export function keepingPolicies(folder: string, log: Pick<Log, 'warn'>): NonNullable<SealParts['keep']> {
  let newest: Uint8Array | null = null
  return async (cid, sealed, catalogs) => {
    if (newest !== null && equalBytes(newest, sealed)) return
    newest = sealed
    const file = join(folder, catalogFile(cid))
    try {
      await makeFolder(join(folder, 'catalogs'), 0o700)
      // The policy comes last, so that where it is its catalogs are.
      for (const [digest, bytes] of catalogs) await keep(join(folder, 'catalogs', catalogFile(digest)), bytes)
      await keep(file, sealed)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      log.warn({ file, reason: code }, 'the sealed policy can’t be kept for who verifies the log later')
    }
  }
}

async function keep(file: string, bytes: Uint8Array): Promise<void> {
  const there = await readFile(file).catch(() => null)
  if (there !== null && equalBytes(there, bytes)) return
  await writeFile(`${file}.next`, bytes, { mode: 0o600 })
  await rename(`${file}.next`, file)
}
