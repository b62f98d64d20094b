import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { Corpus, featuresIn } from './corpus.js'
import { HOOK, PREFIXES } from './instrument.js'
import { type Compared, type Material, mutated } from './mutate.js'
import { Random } from './random.js'

/*
 * Runs one target over and over, in a thread that can be ended where a run doesn't come back. What it is about to try
 * stands in shared memory before it is tried.
 */

export interface WorkerOrder {
  readonly bundle: string
  readonly branches: number
  readonly words: readonly string[]
  readonly seedFolder: string
  readonly corpusFolder: string
  readonly seconds: number
  readonly runs: number
  readonly seed: number
  /** Counts runs in [0], and has the length of the input in [1]. */
  readonly state: Int32Array<SharedArrayBuffer>
  readonly input: Uint8Array<SharedArrayBuffer>
}

/** How far it is. */
export interface Progress {
  readonly runs: number
  readonly accepted: number
  readonly features: number
  readonly corpus: number
}

export type WorkerReport =
  | ({ readonly kind: 'progress' | 'done' } & Progress)
  | ({ readonly kind: 'finding'; readonly error: string; readonly bytes: Uint8Array } & Progress)

/** What a bundle exports; see `test/fuzz/target.ts`. */
interface LoadedTarget {
  readonly words: readonly string[]
  readonly maxBytes?: number
  run(bytes: Uint8Array): 'accepted' | 'refused' | Promise<'accepted' | 'refused'>
}

const REPORT_EVERY_MS = 1_000
const MAX_COMPARED = 64

class Fuzzing {
  private readonly order: WorkerOrder
  private readonly target: LoadedTarget
  private readonly hits: Uint8Array
  private readonly compared: Compared[] = []
  private readonly random: Random
  private readonly corpus = new Corpus()
  private runs = 0
  private accepted = 0

  constructor(order: WorkerOrder) {
    this.order = order
    this.random = new Random(order.seed)
    this.hits = new Uint8Array((order.branches + 4) & ~3)
    this.hook()
    const loaded = createRequire(import.meta.url)(order.bundle) as { readonly target: LoadedTarget }
    this.target = loaded.target
    featuresIn(this.hits)
  }

  async fuzz(): Promise<WorkerReport> {
    const until = performance.now() + this.order.seconds * 1_000
    let reported = performance.now()
    for (const bytes of this.beginnings()) {
      const finding = await this.try(bytes, false)
      if (finding !== null) return finding
    }
    this.tidy()
    const words = [...this.target.words, ...this.target.words, ...this.order.words].map(word =>
      Buffer.from(word),
    )
    while (this.runs < this.order.runs && performance.now() < until) {
      const input = this.corpus.choose(this.random)
      // What this very input is compared with is known after it has run once more.
      const again = this.random.oneIn(4) ? await this.try(input, false) : null
      if (again !== null) return again
      const compared = this.compared.splice(0)
      for (let round = 0; round < 16; round++) {
        const finding = await this.try(mutated(input, this.material(words, compared)), true)
        if (finding !== null) return finding
      }
      if (performance.now() - reported > REPORT_EVERY_MS) {
        reported = performance.now()
        parentPort?.postMessage({ kind: 'progress', ...this.progress() } satisfies WorkerReport)
      }
    }
    return { kind: 'done', ...this.progress() }
  }

  /** What the instrumented code calls. */
  private hook(): void {
    const { compared, hits } = this
    const note = (left: unknown, right: unknown, place: number): void => {
      const [a, b] = [textOf(left), textOf(right)]
      if (a === null || b === null || a.length > 64 || b.length > 64) return
      let prefix = 0
      while (prefix < PREFIXES - 1 && prefix < a.length && a[prefix] === b[prefix]) prefix++
      hits[place + prefix] = 1
      if (compared.length < MAX_COMPARED) compared.push([a, b])
    }
    ;(globalThis as Record<string, unknown>)[HOOK] = {
      hits,
      same: (left: unknown, right: unknown, place: number): boolean => {
        if (left === right) return true
        note(left, right, place)
        return false
      },
      differ: (left: unknown, right: unknown, place: number): boolean => {
        if (left === right) return false
        note(left, right, place)
        return true
      },
    }
  }

  private material(words: readonly Buffer[], compared: readonly Compared[]): Material {
    const { random, corpus, target } = this
    const maxBytes = Math.min(target.maxBytes ?? 4_096, this.order.input.length)
    return { random, maxBytes, words, another: () => corpus.choose(random), compared }
  }

  /** Null where all is well. */
  private async try(bytes: Buffer, write: boolean): Promise<WorkerReport | null> {
    const { state, input } = this.order
    input.set(bytes)
    state[1] = bytes.length
    Atomics.store(state, 0, ++this.runs)
    this.compared.length = 0
    try {
      const seen = this.target.run(bytes)
      if ((typeof seen === 'string' ? seen : await seen) === 'accepted') this.accepted++
    } catch (error) {
      return { kind: 'finding', error: said(error), bytes, ...this.progress() }
    }
    const features = featuresIn(this.hits)
    if (this.corpus.add(bytes, features) !== 'nothing' && write) this.keep(bytes)
    return null
  }

  /** Seeds, and what earlier runs have found worth keeping; never nothing. */
  private beginnings(): readonly Buffer[] {
    const { seedFolder, corpusFolder } = this.order
    mkdirSync(corpusFolder, { recursive: true })
    const inputs = [seedFolder, corpusFolder].flatMap(folder =>
      readdirSync(folder).map(name => readFileSync(join(folder, name))),
    )
    const sound = inputs.filter(bytes => bytes.length <= this.order.input.length)
    return [Buffer.alloc(0), ...sound.sort((a, b) => a.length - b.length)]
  }

  private keep(bytes: Buffer): void {
    writeFileSync(join(this.order.corpusFolder, nameOf(bytes)), bytes)
  }

  /** The folder has what is worth something, and not what once was. */
  private tidy(): void {
    const owned = new Set(this.corpus.owned().map(nameOf))
    for (const name of readdirSync(this.order.corpusFolder))
      if (!owned.has(name)) rmSync(join(this.order.corpusFolder, name))
  }

  private progress(): Progress {
    const { runs, accepted, corpus } = this
    return { runs, accepted, features: corpus.features, corpus: corpus.size }
  }
}

/** Nothing is an empty text: an input may say what is missing. Null for what is no text. */
function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : value === undefined ? '' : null
}

function nameOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 20)
}

function said(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

parentPort?.postMessage(await new Fuzzing(workerData as WorkerOrder).fuzz())
