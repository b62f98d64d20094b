import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { ROOT } from '../bundle/root.js'
import { bundleTarget } from './bundle.js'
import type { Progress, WorkerOrder, WorkerReport } from './worker.js'

/** What came of one target. */
export interface Outcome extends Progress {
  readonly target: string
  readonly seconds: number
  readonly finding: Finding | null
}

export interface Finding {
  /** First line says what broke. */
  readonly error: string
  /** File with the input, from the repository's folder. */
  readonly file: string
}

export interface CampaignOptions {
  readonly seconds: number
  readonly seed: number
  readonly onProgress: (target: string, progress: Progress) => void
}

/** Longest input that is tried. */
const MAX_INPUT_BYTES = 65_536
/** A run that takes longer hangs: whole runs are far below a millisecond, and the machine may be busy. */
const HANG_MS = 20_000
const LOOK_EVERY_MS = 500
/** Nothing that an input of 64 KiB asks for needs more. */
const MAX_HEAP_MIB = 1_024

/** Fuzzes one target for so long, or until something breaks. */
export async function campaign(target: string, options: CampaignOptions): Promise<Outcome> {
  const bundle = await bundleTarget(target)
  const began = performance.now()
  const state = new Int32Array(new SharedArrayBuffer(8))
  const input = new Uint8Array(new SharedArrayBuffer(MAX_INPUT_BYTES))
  const order: WorkerOrder = {
    bundle: bundle.file,
    branches: bundle.branches,
    words: bundle.words,
    seedFolder: seedFolder(target),
    corpusFolder: join(ROOT, '.fuzz', target),
    seconds: options.seconds,
    seed: options.seed,
    state,
    input,
  }
  const worker = new Worker(new URL('./worker.js', import.meta.url), {
    workerData: order,
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MIB },
  })
  let last: Progress = { runs: 0, accepted: 0, features: 0, corpus: 0 }
  const tried = (): Uint8Array => Uint8Array.from(input.subarray(0, state[1]))
  const ended = await new Promise<{ error: string; bytes: Uint8Array } | null>(resolve => {
    const watch = watchHang(state, () => resolve({ error: `hang: no answer within ${HANG_MS / 1_000} s`, bytes: tried() }))
    worker.on('message', (report: WorkerReport) => {
      last = report
      options.onProgress(target, report)
      if (report.kind === 'progress') return
      clearInterval(watch)
      resolve(report.kind === 'finding' ? report : null)
    })
    worker.once('error', error => {
      clearInterval(watch)
      resolve({ error: error.stack ?? error.message, bytes: tried() })
    })
  })
  await worker.terminate()
  const finding = ended === null ? null : { error: ended.error, file: reproducer(target, ended.bytes) }
  const { runs, accepted, features, corpus } = last
  return { target, seconds: (performance.now() - began) / 1_000, runs, accepted, features, corpus, finding }
}

/** Where the seeds of a target and its past findings are. */
export function seedFolder(target: string): string {
  return join(ROOT, 'test/vectors/fuzz', target)
}

function watchHang(state: Int32Array<SharedArrayBuffer>, onHang: () => void): NodeJS.Timeout {
  let run = 0
  let sinceMs = performance.now()
  const watch = setInterval(() => {
    const now = Atomics.load(state, 0)
    if (now !== run) {
      run = now
      sinceMs = performance.now()
    } else if (run > 0 && performance.now() - sinceMs > HANG_MS) {
      clearInterval(watch)
      onHang()
    }
  }, LOOK_EVERY_MS)
  return watch
}

function reproducer(target: string, bytes: Uint8Array): string {
  const name = `${target}-${createHash('sha256').update(bytes).digest('hex').slice(0, 12)}.bin`
  const folder = join('.fuzz', 'findings')
  mkdirSync(join(ROOT, folder), { recursive: true })
  writeFileSync(join(ROOT, folder, name), bytes)
  return join(folder, name)
}
