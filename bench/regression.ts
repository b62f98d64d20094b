import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type CaseResult, thriftIn } from './compare.js'
import { loadGenerator } from './load.js'

/**
 * `npm run bench:regression`: a short run, whose ratios of processor time are held to the published ones. Exits with 1 where
 * one has fallen by more than a quarter in each of three tries; absolute figures are not looked at.
 */
const { values } = parseArgs({
  options: {
    published: { type: 'string', default: 'bench/results/published.json' },
    fall: { type: 'string', default: '0.25' },
    tries: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '1' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  process.stdout.write(
    'npm run bench:regression -- [--published FILE] [--fall 0.25] [--tries 3] [--seconds 1]\n',
  )
  process.exit(0)
}
const CONNECTIONS = 64
/** Of these too few are answered in so short a time. */
const LARGE = /^1 MB /
const least = 1 - Number(values.fall)
const published = new Map(
  resultsIn(values.published).flatMap(result =>
    result.connections === CONNECTIONS && !LARGE.test(result.name)
      ? [[result.name, thriftIn(result)] as const]
      : [],
  ),
)
const { load } = (JSON.parse(readFileSync(values.published, 'utf8')) as { machine: { load: string } }).machine
if (load !== loadGenerator())
  process.stdout.write(
    `published with ${load} as the load generator, measured with ${loadGenerator()}: less alike\n`,
  )
if (published.size === 0) throw new Error(`${values.published} has nothing at ${CONNECTIONS} connections`)

let open = [...published.keys()]
for (let attempt = 1; open.length > 0 && attempt <= Number(values.tries); attempt++) {
  const measured = measure(open)
  open = open.filter(name => {
    const before = published.get(name) ?? Number.NaN
    const now = measured.get(name) ?? Number.NaN
    const holds = now >= before * least
    process.stdout.write(
      `${holds ? 'holds' : 'FELL '}  ${name}: bare takes ${now.toFixed(3)} of the processor time, published ${before.toFixed(3)}\n`,
    )
    return !holds
  })
}
if (open.length > 0)
  process.stdout.write(
    `${open.join(', ')}: bare's share of the processor time has fallen by more than ${Number(values.fall) * 100} %. Find out why with \`npm run bench\`, or publish what you mean it to cost.\n`,
  )
process.exitCode = open.length > 0 ? 1 : 0

function measure(names: readonly string[]): ReadonlyMap<string, number> {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-regression-'))
  try {
    const json = join(folder, 'figures.json')
    const { status } = spawnSync(
      process.execPath,
      [
        fileURLToPath(new URL('./bench.js', import.meta.url)),
        ...['--cases', names.join(','), '--contenders', '@fastify/http-proxy'],
        ...['--connections', String(CONNECTIONS), '--seconds', values.seconds, '--rounds', '3'],
        ...[
          '--samples',
          '100',
          '--policy-rounds',
          '1',
          '--idle-seconds',
          '0',
          '--json',
          json,
          '--svg',
          join(folder, 'figures.svg'),
        ],
      ],
      { stdio: ['ignore', 'ignore', 'inherit'] },
    )
    // An answer that was refused, say, because everything here was late: a try like any other that fails.
    if (status !== 0) return new Map()
    return new Map(resultsIn(json).map(result => [result.name, thriftIn(result)]))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function resultsIn(file: string): readonly CaseResult[] {
  return (JSON.parse(readFileSync(file, 'utf8')) as { readonly results: readonly CaseResult[] }).results
}
