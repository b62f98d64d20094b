import { setPriority } from 'node:os'
import process from 'node:process'
import { nativeCrypto } from '../../native/index.js'
import { Pace } from './pace.js'
import { type Expected, type ReadingProgress, readAll } from './read-all.js'
import type { CheckFinding } from './result.js'

export interface ReaderOrder {
  readonly dir: string
  readonly expected: Expected
  /** Of the time; 1 where somebody waits. */
  readonly share: number
}

export type ReaderAnswer =
  | { readonly kind: 'progress'; readonly progress: ReadingProgress }
  | { readonly kind: 'end'; readonly finding: CheckFinding | null }

/** Between two words about how far it is. */
const PROGRESS_MS = 500
/** Of 0 to 19: about a tenth of what others get where all of them want to work. */
const POLITE = 10

/** Reads a ledger for a keeper that goes on meanwhile. It ends with the keeper, however that ends. */
process.once('message', ({ dir, expected, share }: ReaderOrder) => {
  if (share < 1) setPriority(POLITE)
  let said = 0
  const onProgress = (progress: ReadingProgress) => {
    if (performance.now() - said < PROGRESS_MS) return
    said = performance.now()
    tell({ kind: 'progress', progress })
  }
  void readAll(dir, expected, nativeCrypto, new Pace(share), onProgress).then(finding => {
    tell({ kind: 'end', finding })
    process.disconnect()
  })
})
process.once('disconnect', () => process.exit())
// Node opens its inspector at it otherwise.
process.on('SIGUSR1', () => undefined)

function tell(answer: ReaderAnswer): void {
  process.send?.(answer)
}
