import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

/**
 * Runs every benchmark in its shortest form, to see that it still runs: `npm run bench:short`. Exits with 1 where one
 * ends with another code than 0, takes too long, leaves a figure out, or has one that is no number above zero; the
 * figures themselves say nothing. Nothing that is published is written.
 */
const MOST_MS = 300_000

/** A figure by its place in a document: `results.*.name`: the name of each member of `results`. */
type Place = readonly string[]

const SIDECAR: readonly Place[] = [
  ...['requestsPerSecond', 'p50Ms', 'p99Ms', 'toBare'].map(name => ['results', '*', 'showings', '*', name]),
  ...['gate', 'keeper'].map(role => ['results', '*', 'showings', '0', 'cpuMicros', role]),
  ...['bare', 'sidecar'].map(name => ['alone', '*', name, 'p50Ms']),
  ...['idle', 'loaded'].map(name => ['memoryMiB', '*', name, '*']),
  ...['manyRoutesRatio', 'largestSampleMs', 'matrixMs'].map(name => ['policy', name]),
]

const SCALE: readonly Place[] = [
  ['bytesPerEntry'],
  ['ratios', '*'],
  ...['openSeconds', 'residentMiB', 'peakMiB'].map(name => ['sizes', '*', name]),
  ...['entriesPerSecond', 'cpuMicrosPerEntry', 'attemptP50Ms'].map(name => ['sizes', '*', name, 'median']),
  ...['startSeconds', 'requestsPerSecond', 'loadedMiB', 'peakMiB'].map(name => ['sidecar', '*', name]),
  ['sidecar', 'full', 'fullCheck', 'seconds'],
]

const GROWTH: readonly Place[] = [
  ...['gateMiB', 'keeperMiB', 'p50Ms'].map(name => ['connections', '*', name]),
  ['routes', '*', 'micros'],
]

const folder = mkdtempSync(join(tmpdir(), 'countersign-bench-short-'))
try {
  const json = join(folder, 'figures.json')
  const svg = join(folder, 'figures.svg')
  // Few connections: a machine that does other things as well is not to make the keeper late.
  const short = ['--seconds', '1', '--rounds', '1', '--samples', '50', '--connections', '8']
  await finished(
    'bench.js',
    ...short,
    '--policy-rounds',
    '1',
    '--idle-seconds',
    '0',
    '--json',
    json,
    '--svg',
    svg,
  )
  const figures: unknown = JSON.parse(readFileSync(json, 'utf8'))
  for (const place of SIDECAR) aboveZero('bench.js', figures, place)
  isDrawing('bench.js', svg)

  const growth = ['--most', '200', '--rounds', '1']
  const grown = { json: join(folder, 'growth.json'), svg: join(folder, 'growth') }
  await finished('growth.js', ...growth, '--json', grown.json, '--svg', grown.svg)
  for (const place of GROWTH) aboveZero('growth.js', JSON.parse(readFileSync(grown.json, 'utf8')), place)
  for (const name of ['connections', 'routes']) isDrawing('growth.js', `${grown.svg}-${name}.svg`)

  const ledger: unknown = JSON.parse(await finished('ledger.js', '2000', '16'))
  for (const name of ['entries', 'entriesPerSecond', 'residentMiB']) aboveZero('ledger.js', ledger, [name])

  const verified: unknown = JSON.parse(await finished('verify.js', '4000', '1'))
  for (const name of ['entriesPerSecond', 'cpuMicrosecondsPerEntry'])
    aboveZero('verify.js', verified, [name, '*'])

  const scale = ['--entries', '3000', '--rounds', '1', '--round-entries', '400', '--concurrency', '8']
  const drawn = join(folder, 'scale.svg')
  const places = ['--json', join(folder, 'scale.json'), '--svg', drawn]
  const sizes: unknown = JSON.parse(
    await finished('scale.js', ...scale, '--seconds', '1', '--full-check', ...places),
  )
  for (const place of SCALE) aboveZero('scale.js', sizes, place)
  isDrawing('scale.js', drawn)

  const policy = await finished('policy.js', '1')
  const lines = policy.trim().split('\n')
  if (lines.length !== 3 || !lines.every(line => /: [\d.]*[1-9][\d.]* (×|ms)/.test(line)))
    throw new Error(`policy.js printed no figures:\n${policy}`)
  process.stdout.write('every benchmark runs\n')
} finally {
  rmSync(folder, { recursive: true, force: true })
}

/** What a benchmark printed. Rejects unless it ended with 0 in time; it keeps its place in the terminal meanwhile. */
function finished(file: string, ...argv: readonly string[]): Promise<string> {
  const path = fileURLToPath(new URL(file, import.meta.url))
  const child = spawn(process.execPath, [path, ...argv], {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: MOST_MS,
  })
  let text = ''
  child.stdout.on('data', (part: Buffer) => {
    text += part
    process.stdout.write(part)
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      if (code === 0) resolve(text)
      else reject(new Error(`${file} ended with ${signal ?? code}`))
    })
  })
}

function aboveZero(file: string, document: unknown, place: Place): void {
  const found = figuresAt(document, place)
  if (found.length > 0 && found.every(each => Number.isFinite(each) && (each as number) > 0)) return
  throw new Error(`${file}: ${place.join('.')} is ${JSON.stringify(found)}`)
}

function isDrawing(benchmark: string, file: string): void {
  if (!/^<svg .*<\/svg>\n$/s.test(readFileSync(file, 'utf8'))) throw new Error(`${benchmark} drew nothing`)
}

function figuresAt(document: unknown, [name, ...rest]: Place): readonly unknown[] {
  if (name === undefined) return [document]
  if (typeof document !== 'object' || document === null) return []
  const members = document as Readonly<Record<string, unknown>>
  return (name === '*' ? Object.values(members) : [members[name]]).flatMap(each => figuresAt(each, rest))
}
