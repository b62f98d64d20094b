import type { Io } from './io.js'

const QUIET_MS = 1000

/** Counts on standard error once something takes longer than a second. Call the result with every count, then `done`. */
export function progress(io: Io, noun: string): { readonly count: (done: number) => void; done(): void } {
  let next = performance.now() + QUIET_MS
  let shown = false
  return {
    count: done => {
      // The clock costs more than the entry: ask it rarely.
      if (done % 256 !== 0 || performance.now() < next) return
      next += QUIET_MS
      shown = true
      io.stderr.write(`\r${done.toLocaleString('en')} ${noun}`)
    },
    done: () => {
      if (shown) io.stderr.write('\n')
    },
  }
}
