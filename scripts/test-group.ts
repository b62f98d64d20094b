import { suite } from 'node:test'
import { pathToFileURL } from 'node:url'

/** What a file may take at most; the longest takes half a minute. */
const FILE_MS = 180_000
/** What is still open so long after the last test was left open by one of them. */
const OPEN_MS = 10_000

/**
 * Runs test files one after another in this process: starting one and loading the program is most of what a short file
 * costs. Each is a suite of its own name, which keeps its hooks to itself and names whatever fails to load, or doesn't
 * end in `fileMs`. The next one begins when it has ended.
 */
export async function runGroup(files: readonly string[], fileMs = FILE_MS, openMs = OPEN_MS): Promise<void> {
  const left = new Set(files)
  // ATTACK: on the group itself. Where a test ends the process, or waits for nothing, the rest would pass unseen.
  const tellLeft = () => {
    if (left.size === 0) return
    process.stderr.write(`not run to the end: ${[...left].join(', ')}\n`)
    process.exitCode = 1
    left.clear()
  }
  process.once('beforeExit', tellLeft)
  process.once('exit', tellLeft)
  for (const file of files) {
    await suite(file, { timeout: fileMs }, async () => {
      await import(pathToFileURL(file).href)
    })
    left.delete(file)
  }
  setTimeout(() => {
    const open = process.getActiveResourcesInfo().join(', ')
    process.stderr.write(`still open after ${files.join(', ')}: ${open}\n`)
    process.exit(1)
  }, openMs).unref()
}
