import { mkdirSync, statSync } from 'node:fs'
import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Makes a folder and those above it; answers the first that was made, undefined where all were there. Rejects as `mkdir`.
 *
 * Node's own `recursive` never ends where a file system that makes no folders says that there is none, as it is below /proc.
 */
export async function makeFolder(path: string, mode = 0o777): Promise<string | undefined> {
  try {
    await mkdir(path, { mode })
    return path
  } catch (error) {
    if (!isBelowNothing(path, error)) return whereThere(await stat(path).catch(() => undefined), error)
    const first = await makeFolder(dirname(path), mode)
    return mkdir(path, { mode }).then(
      () => first ?? path,
      async again => {
        whereThere(await stat(path).catch(() => undefined), again)
        return first
      },
    )
  }
}

/** The same at once, for what happens before anything runs; throws as `mkdirSync`. */
export function makeFolderSync(path: string, mode = 0o777): void {
  try {
    mkdirSync(path, { mode })
  } catch (error) {
    if (!isBelowNothing(path, error)) {
      whereThere(statSync(path, { throwIfNoEntry: false }), error)
      return
    }
    makeFolderSync(dirname(path), mode)
    try {
      mkdirSync(path, { mode })
    } catch (again) {
      whereThere(statSync(path, { throwIfNoEntry: false }), again)
    }
  }
}

function isBelowNothing(path: string, error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT' && dirname(path) !== path
}

/** Somebody else may have made it just now. */
function whereThere(found: { isDirectory(): boolean } | undefined, error: unknown): undefined {
  if (found?.isDirectory() !== true) throw error
}
