import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'

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
