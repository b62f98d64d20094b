import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Makes a folder and those above it; answers the first that was made, undefined where all were there. Rejects as `mkdir`.
 *
 * Node's own `recursive` never ends where a file system that makes no folders says that there is none, as it is below /proc.
 */
export async function makeFolder(path: string, mode: number): Promise<string | undefined> {
  try {
    await mkdir(path, { mode })
    return path
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT' || dirname(path) === path) return whereThere(path, error)
    const first = await makeFolder(dirname(path), mode)
    return mkdir(path, { mode }).then(
      () => first ?? path,
      again => whereThere(path, again).then(() => first),
    )
  }
}

/** Somebody else may have made it just now. */
async function whereThere(path: string, error: unknown): Promise<undefined> {
  const found = await stat(path).catch(() => undefined)
  if (found?.isDirectory() !== true) throw error
}
