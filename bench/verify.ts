import { rm } from 'node:fs/promises'
import { availableParallelism, cpus } from 'node:os'
import { join } from 'node:path'
import { parsePublicKey } from '../src/canon/index.js'
import { openEvidence, parallelChecks } from '../src/ledger/index.js'
import { nativeCrypto } from '../src/native/index.js'
import { References, type VerifyOptions } from '../src/receipt/index.js'
import { median } from './figures.js'
import { benchFolder } from './folder.js'
import { type SampleLog, writeSampleLog } from './sample-log.js'

/**
 * How many entries a second are verified: with every signature and reference, and the tree alone; on one thread and on all.
 * `node dist/bench/verify.js [entries] [rounds]`. The log is made first, as a dump, and what is printed is the median of
 * the rounds, in turns.
 */
const entries = Number(process.argv[2] ?? 200_000)
const rounds = Number(process.argv[3] ?? 3)
const jobs = availableParallelism()

const WAYS = {
  'all signatures': { signatures: true, jobs },
  'all signatures, one thread': { signatures: true, jobs: 1 },
  'tree only': { signatures: false, jobs },
  'tree only, one thread': { signatures: false, jobs: 1 },
} as const

const folder = benchFolder('bench')
try {
  const log = await writeSampleLog(join(folder, 'evidence.jsonl'), entries)
  const rates = new Map<string, number[]>()
  const costs = new Map<string, number[]>()
  let largestRss = 0
  for (let round = 0; round < rounds; round++)
    for (const [name, way] of Object.entries(WAYS)) {
      const { perSecond, cpuMicros } = await verified(log, way)
      rates.set(name, [...(rates.get(name) ?? []), perSecond])
      costs.set(name, [...(costs.get(name) ?? []), cpuMicros])
      largestRss = Math.max(largestRss, process.memoryUsage().rss)
    }
  const mediansOf = (figures: ReadonlyMap<string, number[]>) =>
    Object.fromEntries([...figures].map(([name, each]) => [name, Math.round(median(each))]))
  const medians = mediansOf(rates)
  const ratio = (a: string, b: string) => Number(((medians[a] ?? 0) / (medians[b] ?? 1)).toFixed(2))
  process.stdout.write(
    `${JSON.stringify(
      {
        entries: log.entries,
        bytesPerEntry: Math.round(log.bytes / log.entries),
        entriesPerSecond: medians,
        cpuMicrosecondsPerEntry: mediansOf(costs),
        ratios: {
          'tree only to all signatures': ratio('tree only', 'all signatures'),
          'all threads to one, all signatures': ratio('all signatures', 'all signatures, one thread'),
          'all threads to one, tree only': ratio('tree only', 'tree only, one thread'),
        },
        residentMiB: Math.round(largestRss / 2 ** 20),
        rounds,
        machine: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}`,
      },
      null,
      2,
    )}\n`,
  )
} finally {
  await rm(folder, { recursive: true, force: true })
}

/** `cpuMicros`: processor time an entry, all threads together, so that a busy machine can be told from slow code. */
async function verified(
  log: SampleLog,
  way: { readonly signatures: boolean; readonly jobs: number },
): Promise<{ readonly perSecond: number; readonly cpuMicros: number }> {
  const evidence = await openEvidence(log.file, nativeCrypto)
  const options: VerifyOptions = {
    crypto: nativeCrypto,
    keys: {
      origin: null,
      receipt: [parsePublicKey(log.receiptKey)],
      checkpoint: [parsePublicKey(log.checkpointKey)],
    },
    checkpoints: evidence.checkpoint === null ? [] : [evidence.checkpoint],
    signatures: way.signatures,
    audits: way.signatures ? [new References()] : [],
    ...(way.jobs > 1 ? { checker: parallelChecks(nativeCrypto, way.jobs) } : {}),
  }
  const start = performance.now()
  const cpuBefore = process.cpuUsage()
  const found = await evidence.verify(options)
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(cpuBefore)
  await evidence.close()
  if (!found.sound || found.size !== log.entries)
    throw new Error(`the benchmark's log is not sound: ${found.findings[0]?.message}`)
  return { perSecond: found.size / seconds, cpuMicros: (user + system) / found.size }
}
