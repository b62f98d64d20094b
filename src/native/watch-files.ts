import { type FSWatcher, watch } from 'node:fs'
import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/** A change is looked at when the files have been quiet for so long. */
const QUIET_MS = 50

/**
 * Calls back after a change of any of the files; the answer ends it. Watches the folders (a rename replaces the
 * file), and polls where no event comes, as on network volumes.
 */
export function watchFiles(files: readonly string[], pollMs: number, onChange: () => void): () => void {
  let seen = ''
  let quiet: NodeJS.Timeout | undefined
  const look = async () => {
    const now = await fingerprint(files)
    if (now === seen) return
    seen = now
    onChange()
  }
  const soon = () => {
    clearTimeout(quiet)
    quiet = setTimeout(look, QUIET_MS)
    quiet.unref()
  }
  const watchers = [...new Set(files.map(dirname))].flatMap(folder => watchFolder(folder, soon))
  const poll = setInterval(look, pollMs)
  poll.unref()
  fingerprint(files).then(first => {
    seen = first
  })
  return () => {
    clearTimeout(quiet)
    clearInterval(poll)
    for (const watcher of watchers) watcher.close()
  }
}

function watchFolder(folder: string, onEvent: () => void): FSWatcher[] {
  try {
    // Without events, for want of inotify watches, say, the poll still sees the change.
    return [watch(folder, { persistent: false }, onEvent).on('error', () => undefined)]
  } catch {
    return []
  }
}

async function fingerprint(files: readonly string[]): Promise<string> {
  const marks = files.map(async file => {
    const found = await stat(file).catch(() => null)
    return found === null ? 'absent' : `${found.ino}:${found.size}:${found.mtimeMs}`
  })
  return (await Promise.all(marks)).join()
}
