import { randomBytes, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { loadConfig } from '../src/cli/config.js'
import { heldInstance } from '../src/cli/instance-keys.js'
import { uuid7 } from '../src/keeper/uuid.js'
import { type Ledger, openLedger, sideCipher } from '../src/ledger/index.js'
import { nativeCrypto } from '../src/native/index.js'
import { attempt, outcome } from './sample-log.js'

/** What the process that has a sidecar's ledger open is told; each is answered with a `WriterAnswer`. */
export type WriterOrder =
  | { readonly kind: 'open'; readonly folder: string }
  | { readonly kind: 'append'; readonly entries: number; readonly concurrency: number }
  | { readonly kind: 'close' }

export interface WriterAnswer {
  /** Entries in the ledger. */
  readonly size: number
  readonly seconds: number
  /** Processor time of the process meanwhile, all threads. */
  readonly cpuSeconds: number
  /** How long each attempt took to be durable, in milliseconds, sorted. Empty where nothing was appended. */
  readonly attemptMs: readonly number[]
}

/** As long as the decision inputs of a small request. */
const INPUTS = randomBytes(640)

let ledger: Ledger | undefined
let seal = (_id: string): Uint8Array => INPUTS

process.on('message', (order: WriterOrder) => {
  obey(order).then(
    answer => process.send?.(answer),
    error => {
      process.stderr.write(`${(error as Error).stack}\n`)
      process.exit(1)
    },
  )
})
process.on('disconnect', () => process.exit(0))

async function obey(order: WriterOrder): Promise<WriterAnswer> {
  const [start, before] = [performance.now(), process.cpuUsage()]
  const attemptMs: number[] = []
  if (order.kind === 'open') ledger = await open(order.folder)
  if (order.kind === 'append') await append(order.entries, order.concurrency, attemptMs)
  const size = ledger?.head().size ?? 0
  if (order.kind === 'close') await ledger?.close()
  const { user, system } = process.cpuUsage(before)
  return {
    size,
    seconds: (performance.now() - start) / 1000,
    cpuSeconds: (user + system) / 1e6,
    attemptMs: attemptMs.sort((a, b) => a - b),
  }
}

/** What is read behind a start has its own place in the bench. */
const NOT_HERE = { share: 1, afterMs: 86_400_000 }

/** As the keeper opens it, with the keys of the sidecar in that folder. */
async function open(folder: string): Promise<Ledger> {
  const loaded = loadConfig(join(folder, 'countersign.yaml'))
  const { config, path } = loaded
  const { keys, envelope } = heldInstance(loaded, { now: {}, next: {} })
  const auditor = JSON.parse(readFileSync(path(config.ledger.auditorKey ?? ''), 'utf8'))
  const side = await sideCipher(auditor)
  seal = id => side.seal(id, INPUTS)
  return openLedger({
    side,
    dir: path(config.ledger.dir),
    highWater: path(config.ledger.highWater),
    origin: config.origin,
    signer: keys.receipt.key,
    checkpointKey: keys.checkpoint.key,
    crypto: nativeCrypto,
    clock: Date.now,
    boot: randomUUID(),
    software: 'countersign/bench',
    enrolment: envelope,
    fullCheck: NOT_HERE,
  })
}

/** Attempts, each durable before its outcome is given, so many under way at once. */
async function append(entries: number, concurrency: number, attemptMs: number[]): Promise<void> {
  const log = ledger as Ledger
  let left = Math.floor(entries / 2)
  const worker = async () => {
    let last: Promise<unknown> = Promise.resolve()
    while (left-- > 0) {
      const id = uuid7(Date.now(), randomBytes(10))
      const start = performance.now()
      const { seq, leaf } = await log.append(attempt(id), { side: { id, record: seal(id) } })
      attemptMs.push(performance.now() - start)
      last = log.append(outcome(seq, leaf), { urgency: 'soon' })
    }
    await last
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
}
