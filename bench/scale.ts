import { type ChildProcess, fork } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { cpus } from 'node:os'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { connectAdmin } from '../src/cli/admin-client.js'
import { loadConfig } from '../src/cli/config.js'
import type { KeeperStatus } from '../src/cli/keeper-status.js'
import { median, quantile, rounded } from './figures.js'
import { benchFolder } from './folder.js'
import { fire } from './load.js'
import { peakMiB, residentMiB, roleOf, type Started, start } from './processes.js'
import { curveOf, type WholeSidecar } from './scale-curve.js'
import type { WriterAnswer, WriterOrder } from './scale-writer.js'
import { makeSidecar, runSidecar } from './sidecar.js'

/**
 * What a ledger costs by its size: appending to one that is empty, a tenth, three tenths and all of `--entries` long, in
 * turns; opening it; and the whole sidecar over the longest one. Every entry is written by the ledger's own writer, signed
 * and durable. With `--folder` the ledgers stay, and are gone on from; `--full-check` waits until the longest was read
 * from end to end behind its start.
 */
const { values } = parseArgs({
  options: {
    entries: { type: 'string', default: '10000000' },
    rounds: { type: 'string', default: '7' },
    'round-entries': { type: 'string', default: '20000' },
    'fill-concurrency': { type: 'string', default: '256' },
    concurrency: { type: 'string', default: '64' },
    seconds: { type: 'string', default: '20' },
    folder: { type: 'string' },
    'full-check': { type: 'boolean', default: false },
    json: { type: 'string', default: 'bench/results/scale.json' },
    svg: { type: 'string', default: 'bench/results/scale.svg' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  process.stdout.write(
    'npm run bench:scale -- [--entries 10000000] [--rounds 7] [--round-entries 20000] [--concurrency 64] [--fill-concurrency 256] [--seconds 20] [--full-check] [--folder DIR] [--json FILE] [--svg FILE]\n',
  )
  process.exit(0)
}
const entries = Number(values.entries)
const rounds = Number(values.rounds)
const roundEntries = Number(values['round-entries'])
const concurrency = Number(values.concurrency)
const seconds = Number(values.seconds)
const sizes = [0, Math.round(entries / 10), Math.round((3 * entries) / 10), entries]

const FILL_PORTION = 50_000
/** What a start and an end write themselves. */
const SLACK = 500

/** A process that has one ledger open. */
class Writer {
  private readonly child: ChildProcess = fork(fileURLToPath(new URL('./scale-writer.js', import.meta.url)))

  get pid(): number {
    return this.child.pid as number
  }

  tell(order: WriterOrder): Promise<WriterAnswer> {
    return new Promise((resolve, reject) => {
      const ended = (code: number | null) => reject(new Error(`the writer ended with ${code}`))
      this.child.once('exit', ended)
      this.child.once('message', (answer: WriterAnswer) => {
        this.child.off('exit', ended)
        resolve(answer)
      })
      this.child.send(order)
    })
  }

  async end(): Promise<void> {
    await this.tell({ kind: 'close' })
    const gone = new Promise(resolve => this.child.once('exit', resolve))
    this.child.disconnect()
    await gone
  }
}

interface Measured {
  readonly entries: number
  readonly diskBytes: number
  readonly openSeconds: number
  readonly entriesPerSecond: readonly number[]
  readonly cpuMicrosPerEntry: readonly number[]
  readonly attemptP50Ms: readonly number[]
  readonly attemptP99Ms: readonly number[]
  readonly residentMiB: number
  readonly peakMiB: number
}

const base = values.folder ?? benchFolder('scale')
try {
  mkdirSync(base, { recursive: true })
  const upstream = await startUpstream()
  try {
    for (const [place, size] of sizes.entries()) await provide(size, sizes[place - 1], upstream.port)
    report(await measureAll(), { empty: await measureSidecar(0), full: await measureSidecar(entries) })
  } finally {
    upstream.stop()
  }
} finally {
  if (values.folder === undefined) rmSync(base, { recursive: true, force: true })
}

/** On the port that is sealed into the policies in the folder, where there are some. */
async function startUpstream(): Promise<Started> {
  const file = join(base, 'port')
  if (existsSync(file)) process.env.COUNTERSIGN_BENCH_PORT = readFileSync(file, 'utf8')
  const upstream = await start('./upstream.js')
  writeFileSync(file, String(upstream.port))
  return upstream
}

function folderOf(size: number): string {
  return join(base, String(size))
}

/** A sidecar with a ledger of that size: the one before, its files linked, and filled up. */
async function provide(size: number, before: number | undefined, port: number): Promise<void> {
  const folder = folderOf(size)
  if (existsSync(folder)) return
  const filling = join(base, 'filling')
  if (!existsSync(filling)) {
    if (before === undefined) await makeSidecar(filling, port)
    else linkAll(folderOf(before), filling)
  }
  if (size > 0) {
    const writer = new Writer()
    let at = (await writer.tell({ kind: 'open', folder: filling })).size
    while (at < size - SLACK) {
      const portion = Math.min(FILL_PORTION, size - SLACK / 2 - at)
      const answer = await writer.tell({
        kind: 'append',
        entries: portion,
        concurrency: Number(values['fill-concurrency']),
      })
      at = answer.size
      process.stderr.write(`filling: ${at} of ${size}, ${Math.round(portion / answer.seconds)} a second\n`)
    }
    await writer.end()
  }
  renameSync(filling, folder)
}

/** Nothing here is changed in place; the lock belongs to a file and not to its name, so it is not shared. */
function linkAll(from: string, to: string): void {
  mkdirSync(to, { recursive: true, mode: 0o700 })
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) linkAll(source, target)
    else if (entry.name.endsWith('.ldb')) linkSync(source, target)
    else if (entry.isFile() && entry.name !== 'LOCK') copyFileSync(source, target)
  }
}

/** All of them in turns, so that what else the machine does falls on each. */
async function measureAll(): Promise<Measured[]> {
  const subjects = []
  for (const size of sizes) {
    const writer = new Writer()
    const { seconds: openSeconds, size: found } = await writer.tell({ kind: 'open', folder: folderOf(size) })
    await writer.tell({ kind: 'append', entries: Math.min(roundEntries, 5_000), concurrency })
    subjects.push({ size, found, writer, openSeconds, answers: [] as WriterAnswer[] })
  }
  for (let round = 1; round <= rounds; round++) {
    process.stderr.write(`appending: round ${round} of ${rounds}\n`)
    for (const { writer, answers } of subjects)
      answers.push(await writer.tell({ kind: 'append', entries: roundEntries, concurrency }))
  }
  const measured: Measured[] = []
  for (const { size, found, writer, openSeconds, answers } of subjects) {
    measured.push({
      entries: size === 0 ? 0 : found,
      diskBytes: bytesIn(join(folderOf(size), 'ledger')),
      openSeconds,
      entriesPerSecond: answers.map(answer => roundEntries / answer.seconds),
      cpuMicrosPerEntry: answers.map(answer => (answer.cpuSeconds * 1e6) / roundEntries),
      attemptP50Ms: answers.map(answer => quantile(answer.attemptMs, 0.5)),
      attemptP99Ms: answers.map(answer => quantile(answer.attemptMs, 0.99)),
      residentMiB: residentMiB(writer.pid),
      peakMiB: peakMiB(writer.pid),
    })
    await writer.end()
  }
  return measured
}

function bytesIn(folder: string): number {
  return (
    readdirSync(folder)
      .filter(name => name.endsWith('.ldb') || name.endsWith('.log'))
      // LevelDB may replace a table meanwhile.
      .reduce((sum, name) => sum + (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0), 0)
  )
}

/** As an operator runs it: how long until it answers, and what its keeper takes of memory while it is under load. */
async function measureSidecar(size: number): Promise<WholeSidecar> {
  process.stderr.write(`the whole sidecar over ${size} entries\n`)
  const sidecar = await runSidecar(folderOf(size))
  const started = performance.now()
  const admin = connectAdmin(join(sidecar.folder, adminSocket(sidecar.folder)))
  const statusNow = () => admin.get<KeeperStatus>('/v1/status')
  try {
    const keeper = roleOf(sidecar.supervisor, 'keeper')
    const found = (await statusNow()).head.size
    const idleMiB = residentMiB(keeper)
    const shot = {
      url: `${sidecar.main}/billing/invoices/in_1001`,
      method: 'GET' as const,
      headers: { authorization: `Bearer ${sidecar.grant}` },
    }
    const looks: number[] = []
    const looking = setInterval(() => looks.push(residentMiB(keeper)), 100)
    const { requestsPerSecond } = await fire(shot, concurrency, seconds)
    clearInterval(looking)
    let status = (await statusNow()).fullCheck
    let readerMiB = 0
    while (values['full-check'] && (status?.state === 'waiting' || status?.state === 'reading')) {
      await new Promise(resolve => setTimeout(resolve, 1_000))
      readerMiB = Math.max(readerMiB, readerPeakMiB(keeper))
      status = (await statusNow()).fullCheck
      process.stderr.write(`full check: ${status?.tables} tables, ${status?.entries} entries\n`)
    }
    return {
      entries: found,
      startSeconds: sidecar.startSeconds,
      idleMiB,
      requestsPerSecond,
      loadedMiB: rounded(median(looks)),
      peakMiB: peakMiB(keeper),
      fullCheck:
        status === null || size === 0 || !values['full-check']
          ? null
          : { state: status.state, seconds: (performance.now() - started) / 1000, peakMiB: readerMiB },
    }
  } finally {
    await admin.close()
    await sidecar.stop()
  }
}

function adminSocket(folder: string): string {
  return loadConfig(join(folder, 'countersign.yaml')).config.keeper.admin
}

/** What the keeper's own child that reads everything takes; 0 where there is none. */
function readerPeakMiB(keeper: number): number {
  const children = readFileSync(`/proc/${keeper}/task/${keeper}/children`, 'utf8').split(' ').filter(Boolean)
  return Math.max(
    0,
    ...children.map(pid => {
      try {
        return peakMiB(Number(pid))
      } catch {
        return 0
      }
    }),
  )
}

function report(measured: readonly Measured[], whole: { empty: WholeSidecar; full: WholeSidecar }): void {
  const [first, last] = [measured[0] as Measured, measured.at(-1) as Measured]
  const ratio = (figures: (each: Measured) => readonly number[]) =>
    rounded(median(figures(last).map((figure, round) => figure / (figures(first)[round] as number))))
  const document = {
    machine: { cores: cpus().length, model: cpus()[0]?.model ?? 'unknown', node: process.version },
    rounds,
    roundEntries,
    concurrency,
    bytesPerEntry: Math.round(last.diskBytes / last.entries),
    /** Of the longest to the empty one, median over the rounds. */
    ratios: {
      cpuPerEntry: ratio(each => each.cpuMicrosPerEntry),
      timePerEntry: rounded(1 / ratio(each => each.entriesPerSecond)),
      attemptP50: ratio(each => each.attemptP50Ms),
    },
    sizes: measured.map(each => ({
      entries: each.entries,
      diskMiB: Math.round(each.diskBytes / 2 ** 20),
      openSeconds: rounded(each.openSeconds),
      entriesPerSecond: spread(each.entriesPerSecond),
      cpuMicrosPerEntry: spread(each.cpuMicrosPerEntry),
      attemptP50Ms: spread(each.attemptP50Ms),
      attemptP99Ms: spread(each.attemptP99Ms),
      residentMiB: Math.round(each.residentMiB),
      peakMiB: Math.round(each.peakMiB),
    })),
    sidecar: whole,
  }
  for (const file of [values.json, values.svg]) mkdirSync(dirname(file), { recursive: true })
  writeFileSync(values.json, `${JSON.stringify(document, null, 2)}\n`)
  writeFileSync(values.svg, curveOf(document))
  process.stdout.write(`${JSON.stringify(document)}\n`)
}

function spread(figures: readonly number[]) {
  return {
    median: rounded(median(figures)),
    low: rounded(Math.min(...figures)),
    high: rounded(Math.max(...figures)),
  }
}
