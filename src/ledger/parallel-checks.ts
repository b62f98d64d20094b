import { Worker } from 'node:worker_threads'
import type { Crypto } from '../canon/index.js'
import { checkEntry, type EntryChecker, type KeysById, type LogStep } from '../receipt/index.js'
import { type CheckedBatch, type EntryBatch, packed, stepsOf, transferable, unpacked } from './check-batch.js'
import type { CheckOrder } from './check-worker.js'

/** Batches that wait for, or are in, each thread: one to work on and one more, so that it never waits. */
const AHEAD = 2

/**
 * Checks entries on so many threads, in batches, and gives them back in order. The first batch is checked in this one:
 * a log that fits in it is not worth a thread, and the keys that a log names itself are known behind it. Throws what a
 * thread died of.
 */
export function parallelChecks(crypto: Crypto, jobs: number): EntryChecker {
  return async function* steps(entries, keys) {
    const batches = packed(entries)
    const first = await batches.next()
    if (first.done === true) return
    yield [...unpacked(first.value)].map(
      (bytes): LogStep => ({ bytes, checked: checkEntry(crypto, keys(), bytes) }),
    )
    yield* onThreads(batches, keys, jobs)
  }
}

async function* onThreads(
  batches: AsyncIterable<EntryBatch>,
  keys: () => KeysById,
  jobs: number,
): AsyncGenerator<readonly LogStep[]> {
  const threads: CheckThread[] = []
  const underWay: Promise<CheckedBatch>[] = []
  try {
    for await (const batch of batches) {
      if (threads.length < jobs) threads.push(new CheckThread())
      underWay.push(leastBusy(threads).check(batch, keys()))
      if (underWay.length >= jobs * AHEAD) yield stepsOf(await (underWay.shift() as Promise<CheckedBatch>))
    }
    for (const checked of underWay.splice(0)) yield stepsOf(await checked)
  } finally {
    // Nobody waits for what is left: a death is said by the batch that is waited for.
    for (const checked of underWay) checked.catch(() => undefined)
    await Promise.all(threads.map(thread => thread.end()))
  }
}

function leastBusy(threads: readonly CheckThread[]): CheckThread {
  return threads.reduce((least, thread) => (thread.load < least.load ? thread : least))
}

interface Waiting {
  readonly resolve: (checked: CheckedBatch) => void
  readonly reject: (fault: Error) => void
}

/** One thread that answers batches in order. */
class CheckThread {
  private readonly worker = new Worker(new URL('./check-worker.js', import.meta.url))
  private readonly waiting: Waiting[] = []
  private knownKeys: number | undefined
  private fault: Error | undefined

  constructor() {
    this.worker.on('message', (checked: CheckedBatch) => this.waiting.shift()?.resolve(checked))
    this.worker.on('error', fault => this.die(fault))
    this.worker.on('exit', code => this.die(new Error(`a checking thread ended with ${code}`)))
  }

  /** Batches that were not answered. */
  get load(): number {
    return this.waiting.length
  }

  check(batch: EntryBatch, keys: KeysById): Promise<CheckedBatch> {
    // Keys are only ever added.
    if (this.knownKeys !== (keys?.size ?? 0)) {
      this.knownKeys = keys?.size ?? 0
      this.tell({ kind: 'keys', keys: keys === null ? null : new Map(keys) })
    }
    return new Promise((resolve, reject) => {
      if (this.fault !== undefined) return reject(this.fault)
      this.waiting.push({ resolve, reject })
      this.tell({ kind: 'batch', batch }, transferable(batch))
    })
  }

  async end(): Promise<void> {
    await this.worker.terminate()
  }

  private tell(order: CheckOrder, transfer: readonly ArrayBuffer[] = []): void {
    this.worker.postMessage(order, transfer)
  }

  private die(fault: Error): void {
    this.fault ??= fault
    for (const { reject } of this.waiting.splice(0)) reject(fault)
  }
}
