import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { type Ledger, openLedger } from '../src/ledger/index.js'
import { nativeCrypto } from '../src/native/index.js'
import { benchFolder } from './folder.js'
import { attempt, newKey, outcome } from './sample-log.js'

/**
 * How many receipts a second become signed, integrated into the tree and fsynced, with so many requests under way at
 * once: each appends an attempt, waits until it is durable, then appends its outcome, which rides along.
 * `node dist/bench/ledger.js [requests] [concurrency]`.
 */
const requests = Number(process.argv[2] ?? 50_000)
const concurrency = Number(process.argv[3] ?? 64)

async function work(ledger: Ledger, count: number): Promise<void> {
  const settled: Promise<unknown>[] = []
  for (let i = 0; i < count; i++) {
    const { seq, leaf } = await ledger.append(attempt(randomUUID()))
    settled.push(ledger.append(outcome(seq, leaf), { urgency: 'soon' }))
  }
  await Promise.all(settled)
}

const folder = benchFolder('bench')
try {
  const ledger = await openLedger({
    dir: join(folder, 'ledger'),
    highWater: join(folder, 'mark.json'),
    origin: 'bench.test/countersign/bench',
    signer: newKey(),
    checkpointKey: newKey(),
    crypto: nativeCrypto,
    clock: Date.now,
    boot: randomUUID(),
    software: 'countersign/bench',
    enrolment: null,
    side: null,
  })
  await work(ledger, 500)
  const before = { size: ledger.head().size, cpu: process.cpuUsage(), at: performance.now() }
  await Promise.all(
    Array.from({ length: concurrency }, () => work(ledger, Math.ceil(requests / concurrency))),
  )
  const seconds = (performance.now() - before.at) / 1000
  const entries = ledger.head().size - before.size
  const cpu = process.cpuUsage(before.cpu)
  process.stdout.write(
    `${JSON.stringify({
      entries,
      seconds: Number(seconds.toFixed(3)),
      entriesPerSecond: Math.round(entries / seconds),
      cpuMicrosecondsPerEntry: Number(((cpu.user + cpu.system) / entries).toFixed(1)),
      residentMiB: Math.round(process.memoryUsage().rss / 2 ** 20),
      concurrency,
      machine: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}`,
    })}\n`,
  )
  await ledger.close()
} finally {
  await rm(folder, { recursive: true, force: true })
}
