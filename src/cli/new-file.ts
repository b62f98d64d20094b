import { writeFile } from 'node:fs/promises'
import { UsageError } from './io.js'

/** Writes a file for its owner alone, never over another; throws UsageError where it can't. */
export async function writeNewFile(file: string, content: Uint8Array | string): Promise<void> {
  await asNewFile(file, writeFile(file, content, { flag: 'wx', mode: 0o600 }))
}

/** Waits for a file to be written; throws UsageError where the file system doesn't let it. */
export async function asNewFile<T>(file: string, writing: Promise<T>): Promise<T> {
  try {
    return await writing
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException
    if (path?.startsWith(file) !== true) throw error
    throw new UsageError(`${file} can’t be written (${code})`, 'Choose a new file; none is overwritten.')
  }
}
