import { open, readFile, rename, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/** The file's bytes; null where there is none. */
export async function readIfThere(file: string): Promise<Uint8Array | null> {
  try {
    return await readFile(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

/**
 * Replaces a file so that a crash at any moment leaves the old one or the new one: write, fsync, rename, fsync the
 * folder. The new file is made exclusively, so that of two processes one fails; `whileAlone` runs between the two and
 * may throw to leave the old one.
 */
export async function replaceFile(
  file: string,
  bytes: Uint8Array,
  whileAlone: () => Promise<void> = async () => {},
): Promise<void> {
  const fresh = freshBeside(file)
  const handle = await open(fresh, 'wx', 0o600)
  try {
    try {
      await whileAlone()
      await handle.writeFile(bytes)
      await handle.sync()
    } finally {
      await handle.close()
    }
  } catch (error) {
    await unlink(fresh)
    throw error
  }
  await rename(fresh, file)
  await syncFolder(dirname(file))
}

/** Takes away what a crash left half-written. */
export async function removeHalfWritten(file: string): Promise<void> {
  await unlink(freshBeside(file)).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
  })
}

function freshBeside(file: string): string {
  return join(dirname(file), `.${basename(file)}.new`)
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
