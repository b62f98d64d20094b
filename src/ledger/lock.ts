import { link, mkdir, open, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Crypto } from '../canon/index.js'
import { ledgerFault } from './error-table.js'
import { makeFolder } from './make-folder.js'
import { Store } from './store.js'

/**
 * Whether a process that this one can see holds the ledger's lock; nothing is opened or changed to find out. LevelDB's
 * lock is a POSIX lock on the file LOCK, which Linux lists (proc_locks(5)):
 *
 *     1: POSIX  ADVISORY  WRITE 21467 fe:00:2179128 0 EOF
 *
 * False where it can't be told: on another system, or where the holder is in another PID namespace. Whoever writes
 * takes the lock itself.
 */
export async function isLocked(dir: string): Promise<boolean> {
  try {
    const { dev, ino } = await stat(join(dir, 'LOCK'))
    const held = `${deviceOf(dev)}:${ino}`
    const locks = (await readFile('/proc/locks', 'utf8')).split('\n')
    return locks.some(line => line.split(/\s+/)[5] === held)
  } catch {
    return false
  }
}

/** `major:minor` in two hex digits or more each, as the kernel prints it. */
function deviceOf(dev: number): string {
  const major = Math.floor(dev / 256) & 0xfff
  const minor = (dev & 0xff) | (Math.floor(dev / 4096) & 0xfff00)
  return [major, minor].map(part => part.toString(16).padStart(2, '0')).join(':')
}

/** Folder in which the lock is held while no database is open in the ledger's own. */
const HOLDER = '.lock'

/**
 * Takes a ledger's lock without opening its database, and answers how to let go of it. POSIX locks belong to the file
 * and not to its name: a database of one's own, whose LOCK is a link to the ledger's, locks both. Throws
 * `ledger_locked`, or `ledger_unreadable` where the folder can't be written.
 */
export async function holdLock(dir: string, crypto: Pick<Crypto, 'sha256'>): Promise<() => Promise<void>> {
  const holder = join(dir, HOLDER)
  try {
    await makeFolder(dir, 0o700)
    await rm(holder, { recursive: true, force: true })
    await mkdir(holder, { mode: 0o700 })
    await (await open(join(dir, 'LOCK'), 'a', 0o600)).close()
    await link(join(dir, 'LOCK'), join(holder, 'LOCK'))
  } catch (error) {
    throw ledgerFault('ledger_unreadable', (error as Error).message)
  }
  try {
    const store = await Store.open(holder, crypto)
    return async () => {
      await store.close()
      await rm(holder, { recursive: true, force: true })
    }
  } catch (error) {
    await rm(holder, { recursive: true, force: true })
    throw error
  }
}
