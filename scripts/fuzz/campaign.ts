import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import process from 'node:process'
import { Worker } from 'node:worker_threads'
import { ROOT } from '../root.js'
import { bundleTarget, type FuzzBundle } from './bundle.js'
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
  /** File with the input. */
  readonly file: string
}

export interface CampaignOptions {
  readonly seconds: number
  /** Most inputs; as many as there is time for unless told. */
  readonly runs?: number
  readonly seed: number
  readonly onProgress?: (target: string, progress: Progress) => void
}

/** Where a campaign reads and writes. */
export interface Folders {
  readonly seeds: string
  readonly corpus: string
  readonly findings: string
}

/** Longest input that is tried. */
const MAX_INPUT_BYTES = 65_536
/** A run that takes longer of the processor hangs: whole runs are far below a millisecond. */
const HANG_MS = 20_000
/** By the clock it may take so many times that: it may get next to nothing of a busy machine, or wait for what never comes. */
const PATIENCE = 10
const LOOK_EVERY_MS = 500
/** Nothing that an input of 64 KiB asks for needs more. */
const MAX_HEAP_MIB = 1_024

/** Fuzzes one target of the repository for so long, or until something breaks. */
export async function campaign(target: string, options: CampaignOptions): Promise<Outcome> {
  const folders = {
    seeds: seedFolder(target),
    corpus: join(ROOT, '.fuzz', target),
    findings: join(ROOT, '.fuzz', 'findings'),
  }
  const outcome = await fuzzBundle(target, await bundleTarget(target), folders, options)
  const { finding } = outcome
  return finding === null
    ? outcome
    : { ...outcome, finding: { ...finding, file: relative(ROOT, finding.file) } }
}

/** The same of a bundle, wherever it is. */
export async function fuzzBundle(
  target: string,
  bundle: FuzzBundle,
  folders: Folders,
  options: CampaignOptions & { readonly hangMs?: number; readonly maxHeapMib?: number },
): Promise<Outcome> {
  const { hangMs = HANG_MS, maxHeapMib = MAX_HEAP_MIB, onProgress } = options
  const began = performance.now()
  const state = new Int32Array(new SharedArrayBuffer(8))
  const input = new Uint8Array(new SharedArrayBuffer(MAX_INPUT_BYTES))
  const order: WorkerOrder = {
    bundle: bundle.file,
    branches: bundle.branches,
    words: bundle.words,
    seedFolder: folders.seeds,
    corpusFolder: folders.corpus,
    seconds: options.seconds,
    runs: options.runs ?? Number.POSITIVE_INFINITY,
    seed: options.seed,
    state,
    input,
  }
  const worker = new Worker(new URL('./worker.js', import.meta.url), {
    workerData: order,
    resourceLimits: { maxOldGenerationSizeMb: maxHeapMib },
  })
  let last: Progress = { runs: 0, accepted: 0, features: 0, corpus: 0 }
  const tried = (): Uint8Array => Uint8Array.from(input.subarray(0, state[1]))
  const ended = await new Promise<{ error: string; bytes: Uint8Array } | null>(resolve => {
    const watch = watchHang(state, hangMs, () =>
      resolve({ error: `hang: no answer within ${hangMs / 1_000} s`, bytes: tried() }),
    )
    worker.on('message', (report: WorkerReport) => {
      last = report
      onProgress?.(target, report)
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
  const finding =
    ended === null ? null : { error: ended.error, file: reproducer(folders.findings, target, ended.bytes) }
  const { runs, accepted, features, corpus } = last
  return { target, seconds: (performance.now() - began) / 1_000, runs, accepted, features, corpus, finding }
}

/** Where the seeds of a target and its past findings are. */
export function seedFolder(target: string): string {
  return join(ROOT, 'test/vectors/fuzz', target)
}

function watchHang(state: Int32Array<SharedArrayBuffer>, hangMs: number, onHang: () => void): NodeJS.Timeout {
  let run = 0
  let began = { ms: performance.now(), cpu: process.cpuUsage() }
  const isHanging = (): boolean => {
    const { user, system } = process.cpuUsage(began.cpu)
    return (user + system) / 1_000 > hangMs || performance.now() - began.ms > PATIENCE * hangMs
  }
  const watch = setInterval(() => {
    const now = Atomics.load(state, 0)
    if (now !== run) {
      run = now
      began = { ms: performance.now(), cpu: process.cpuUsage() }
    } else if (run > 0 && isHanging()) {
      clearInterval(watch)
      onHang()
    }
  }, LOOK_EVERY_MS)
  return watch
}

function reproducer(folder: string, target: string, bytes: Uint8Array): string {
  const name = `${target}-${createHash('sha256').update(bytes).digest('hex').slice(0, 12)}.bin`
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, name), bytes)
  return join(folder, name)
}
