import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFolder } from '../native/index.js'
import type { Remembered } from './memory.js'

/** Enough to prove it many times over; a log that goes on like this must not fill the disk. */
const MAX_KEPT = 64

/** Keeps pairs of signed checkpoints that can't both be true, as `<size>-<root>.seen` and `.shown`, in a folder. */
export function contradictionsIn(folder: string): (seen: Remembered, shown: string) => Promise<void> {
  return async ({ checkpoint: { size }, note }, shown) => {
    await makeFolder(folder, 0o700)
    const kept = await readdir(folder)
    if (kept.length >= 2 * MAX_KEPT) return
    const root = Buffer.from(shown.split('\n')[2] ?? '', 'base64').toString('hex')
    for (const [kind, text] of [
      ['seen', note],
      ['shown', shown],
    ] as const)
      await writeFile(join(folder, `${size}-${root}.${kind}`), text, { flag: 'wx', mode: 0o600 }).catch(
        (error: NodeJS.ErrnoException) => {
          if (error.code !== 'EEXIST') throw error
        },
      )
  }
}
