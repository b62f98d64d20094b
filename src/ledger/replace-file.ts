import { open, rename } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/** Replaces a file so that a crash at any moment leaves the old one or the new one: write, fsync, rename, fsync the folder. Mode 0600 unless told. */
export async function replaceFile(file: string, bytes: Uint8Array, mode = 0o600): Promise<void> {
  const fresh = join(dirname(file), `.${basename(file)}.new`)
  const handle = await open(fresh, 'w', mode)
  try {
    await handle.writeFile(bytes)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(fresh, file)
  await syncFolder(dirname(file))
}

/** Makes the names in a folder durable. */
export async function syncFolder(dir: string): Promise<void> {
  const folder = await open(dir, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
