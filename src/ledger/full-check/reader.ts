import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { ReadingProgress } from './read-all.js'
import type { ReaderAnswer, ReaderOrder } from './reader-process.js'
import type { CheckFinding } from './result.js'

const PROCESS = fileURLToPath(new URL('./reader-process.js', import.meta.url))

export interface Reader {
  /** Null where all of it holds. Rejects where it could not be read to its end for a reason that is not in the ledger. */
  readonly finding: Promise<CheckFinding | null>
  stop(): void
}

/**
 * Reads a database in another process: LevelDB maps what it reads into memory, and damage that no checksum shows may end
 * the process that meets it.
 */
export function startReader(order: ReaderOrder, onProgress: (progress: ReadingProgress) => void): Reader {
  const child = fork(PROCESS, [], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'], env: {}, execArgv: [] })
  child.send(order, () => undefined)
  return { finding: findingOf(child, onProgress), stop: () => child.kill('SIGKILL') }
}

/** What a process dies of that meets damage: an assertion, or a place in a mapped file that can't be read. */
const DEATHS_BY_DAMAGE: readonly (string | null)[] = ['SIGABRT', 'SIGBUS', 'SIGSEGV', 'SIGILL']

function findingOf(
  child: ChildProcess,
  onProgress: (progress: ReadingProgress) => void,
): Promise<CheckFinding | null> {
  return new Promise((resolve, reject) => {
    child.on('message', (answer: ReaderAnswer) => {
      if (answer.kind === 'progress') onProgress(answer.progress)
      else resolve(answer.finding)
    })
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      if (DEATHS_BY_DAMAGE.includes(signal))
        resolve({ code: 'ledger_damaged', detail: `LevelDB ended over it (${signal})` })
      else reject(new Error(`the process that reads it ended with ${signal ?? code}`))
    })
  })
}
