import { constants, copyFileSync, linkSync } from 'node:fs'
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** Folder within a ledger with its files as they were before a start that has not found them sound. */
export const BEFORE_START = 'before-start'
const UNFINISHED = `${BEFORE_START}.new`

/** What LevelDB reads in a folder, without what it writes for people and for its lock; empty where there is no folder. */
export async function databaseFiles(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => [])
  const names = entries.filter(entry => entry.isFile()).map(entry => entry.name)
  return names.filter(name => !['LOCK', 'LOG', 'LOG.old'].includes(name)).sort()
}

/**
 * Keeps a ledger's files as they are before LevelDB opens it: opening replays the write-ahead log up to the first
 * damage and then deletes it, and with it what could still have been read behind the damage. Hard links, so it costs
 * no space; the log files are never written again after their deletion. What an earlier start kept stays, because it
 * is older. The answer says whether this call kept them.
 */
export async function preserve(dir: string): Promise<boolean> {
  const kept = await readdir(join(dir, BEFORE_START)).catch(() => null)
  if (kept !== null) return false
  await rm(join(dir, UNFINISHED), { recursive: true, force: true })
  await linkFiles(dir, join(dir, UNFINISHED))
  await rename(join(dir, UNFINISHED), join(dir, BEFORE_START))
  return true
}

/** The ledger was found sound, or nothing of it was touched. INVARIANT: called before anything is appended. */
export async function forgetPreserved(dir: string): Promise<void> {
  await rm(join(dir, BEFORE_START), { recursive: true, force: true })
}

/** Where the ledger's files are best read from: as they were before a start that found them damaged. */
export async function bestEvidenceIn(dir: string): Promise<string> {
  const before = join(dir, BEFORE_START)
  return readdir(before).then(
    () => before,
    () => dir,
  )
}

/** Makes a folder with what LevelDB reads in another. */
export async function linkFiles(dir: string, into: string): Promise<void> {
  await mkdir(into, { mode: 0o700 })
  // One after the other in this turn: the promise of a link costs several times what the link does.
  for (const name of await databaseFiles(dir)) keep(join(dir, name), join(into, name))
}

/** Tables are never changed in place, so where links can't be made only the small files need a copy. */
function keep(from: string, to: string): void {
  try {
    linkSync(from, to)
  } catch {
    if (!from.endsWith('.ldb')) copyFileSync(from, to, constants.COPYFILE_FICLONE)
  }
}
