import type { Io } from './io.js'

const QUIET_MS = 1000
const BAR_CELLS = 24

/**
 * Counts on standard error once something takes longer than a second; a bar where `total` is known. Call the result with
 * every count, then `done`.
 */
export function progress(
  io: Io,
  noun: string,
  total: number | null = null,
): { readonly count: (done: number) => void; done(): void } {
  const startedMs = performance.now()
  let next = startedMs + QUIET_MS
  let shown = false
  return {
    count: done => {
      // The clock costs more than the entry: ask it rarely.
      if (done % 256 !== 0) return
      const nowMs = performance.now()
      if (nowMs < next) return
      next = nowMs + QUIET_MS
      shown = true
      const rate = Math.round((done * 1000) / (nowMs - startedMs))
      const of = total === null || total < done ? '' : ` of ${total.toLocaleString('en')}`
      io.stderr.write(
        `\r${bar(done, total)}${done.toLocaleString('en')}${of} ${noun}, ${rate.toLocaleString('en')}/s`,
      )
    },
    done: () => {
      if (shown) io.stderr.write('\n')
    },
  }
}

function bar(done: number, total: number | null): string {
  if (total === null || total < done) return ''
  const filled = Math.floor((BAR_CELLS * done) / total)
  return `[${'#'.repeat(filled)}${'.'.repeat(BAR_CELLS - filled)}] `
}
