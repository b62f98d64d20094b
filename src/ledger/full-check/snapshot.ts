import { readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFolder } from '../../native/index.js'
import { liveTables } from '../manifest.js'
import { BEFORE_START, linkFiles } from '../preserve.js'

/*
 * In the ledger's folder:
 *
 *     full-check/start-<uuid>/   what that start found, in hard links, while it is read from end to end
 *     full-check/result.json     how that went the last time
 */
const FOLDER = 'full-check'
const SNAPSHOT = 'start-'

export function fullCheckFolder(dir: string): string {
  return join(dir, FOLDER)
}

/** A folder for each start: one that is refused because another keeper runs must not touch what is read there. */
export function snapshotFolder(dir: string, boot: string): string {
  return join(dir, FOLDER, `${SNAPSHOT}${boot}`)
}

/** Keeps a ledger's files as they are, in links, for a reading that takes long. Called before LevelDB opens the ledger. */
export async function takeSnapshot(dir: string, boot: string): Promise<void> {
  await makeFolder(fullCheckFolder(dir), 0o700)
  await linkFiles(dir, snapshotFolder(dir, boot))
}

/** The same out of what this start kept before it opened the ledger, and needs no more. */
export async function takePreserved(dir: string, boot: string): Promise<void> {
  await makeFolder(fullCheckFolder(dir), 0o700)
  await rename(join(dir, BEFORE_START), snapshotFolder(dir, boot))
}

export async function dropSnapshot(dir: string, boot: string): Promise<void> {
  await rm(snapshotFolder(dir, boot), { recursive: true, force: true })
}

/** What earlier starts left: it keeps tables on the disk that the ledger needs no more. Called with the lock held. */
export async function dropOtherSnapshots(dir: string, boot: string): Promise<void> {
  const names = await readdir(fullCheckFolder(dir)).catch((): string[] => [])
  for (const name of names)
    if (name.startsWith(SNAPSHOT) && name !== `${SNAPSHOT}${boot}`)
      await rm(join(fullCheckFolder(dir), name), { recursive: true, force: true })
}

/** Tables in a snapshot; null where some are missing, because links can't be made on this disk. */
export async function tablesOf(dir: string, boot: string): Promise<number | null> {
  const folder = snapshotFolder(dir, boot)
  const live = await liveTables(folder)
  const names = new Set(await readdir(folder).catch((): string[] => []))
  const whole = live?.every(({ number }) => names.has(`${String(number).padStart(6, '0')}.ldb`))
  return live !== null && whole === true ? live.length : null
}
