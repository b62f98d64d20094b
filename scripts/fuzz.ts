import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { campaign, type Outcome } from './fuzz/campaign.js'
import { progressLine, table } from './fuzz/table.js'
import type { Progress } from './fuzz/worker.js'
import { writeSeeds } from './fuzz/write-seeds.js'
import { ROOT } from './root.js'

const HELP = `Fuzzes what reads strangers' bytes, guided by the branches that an input reaches.

  npm run fuzz                                        all targets, a minute in all
  npm run fuzz -- --seconds 3600                      for an hour, each target as long as the others
  npm run fuzz -- --target graphql,link --seconds 600
  npm run fuzz -- --list                              what there is
  npm run fuzz -- --target link --replay FILE         one input again: what it is seen as, or what breaks
  npm run fuzz -- --write-seeds                       writes test/vectors/fuzz from the targets' seeds

  --seed N    begins with these random numbers (default: the time)
  --runs N    each target ends after so many inputs, if it was not out of time before: with --seed always the same ones

What is worth keeping stays in .fuzz/ for the next time, and findings in .fuzz/findings. docs/testing.md says what to
do with one. Exit 0 where nothing was found, 1 where something was, 2 for what can't be done.`

const TARGETS = join(ROOT, 'test/fuzz/targets')

const { values } = options()
const every = readdirSync(TARGETS)
  .map(file => basename(file, '.ts'))
  .sort()
const chosen = values.target === undefined ? every : values.target.split(',')
const unknown = chosen.filter(name => !every.includes(name))
if (values.help) console.log(HELP)
else if (unknown.length > 0) fail(`no such target: ${unknown.join(', ')}; there are ${every.join(', ')}`)
else if (values.list)
  for (const name of chosen) console.log(`${name.padEnd(18)}${(await loaded(name)).about}`)
else if (values['write-seeds'])
  for (const name of chosen) writeSeeds(name, await (await loaded(name)).seeds())
else if (values.replay !== undefined) await replay(values.replay)
else await fuzz()

async function fuzz(): Promise<void> {
  const seconds = Number(values.seconds)
  if (!(seconds > 0)) fail('--seconds takes a number above 0')
  const seed = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed)
  if (!Number.isSafeInteger(seed)) fail('--seed takes a whole number')
  const runs = values.runs === undefined ? Number.POSITIVE_INFINITY : Number(values.runs)
  if (!(runs > 0)) fail('--runs takes a number above 0')
  const each = seconds / chosen.length
  console.error(`${chosen.length} targets, ${each.toFixed(1)} s each, --seed ${seed}`)
  const outcomes: Outcome[] = []
  for (const name of chosen) {
    const outcome = await campaign(name, { seconds: each, runs, seed, onProgress: showProgress })
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
    outcomes.push(outcome)
    if (!process.stderr.isTTY) console.error(progressLine(name, outcome))
    if (outcome.finding !== null) console.error(`FOUND ${outcome.finding.file}\n${outcome.finding.error}\n`)
  }
  console.log(table(outcomes))
  for (const { target, finding } of outcomes)
    if (finding !== null) console.log(`again: npm run fuzz -- --target ${target} --replay ${finding.file}`)
  process.exitCode = outcomes.some(({ finding }) => finding !== null) ? 1 : 0
}

function showProgress(name: string, progress: Progress): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${progressLine(name, progress)}`)
}

/** By the compiled target itself, so that a stack trace names what the source names. */
async function replay(file: string): Promise<void> {
  const [name, more] = chosen
  if (name === undefined || more !== undefined) fail('--replay wants one --target')
  let bytes: Buffer
  try {
    bytes = readFileSync(file)
  } catch {
    return fail(`can't read ${file}`)
  }
  try {
    console.log(await (await loaded(name)).run(bytes))
  } catch (error) {
    console.error(error)
    process.exitCode = 1
  }
}

interface Loaded {
  readonly about: string
  run(bytes: Uint8Array): 'accepted' | 'refused' | Promise<'accepted' | 'refused'>
  seeds(): Seeds | Promise<Seeds>
}

type Seeds = Parameters<typeof writeSeeds>[1]

async function loaded(name: string): Promise<Loaded> {
  const module = pathToFileURL(join(ROOT, 'dist/test/fuzz/targets', `${name}.js`))
  return ((await import(module.href)) as { readonly target: Loaded }).target
}

function options() {
  const declared = {
    seconds: { type: 'string', default: '60' },
    target: { type: 'string' },
    list: { type: 'boolean', default: false },
    replay: { type: 'string' },
    seed: { type: 'string' },
    runs: { type: 'string' },
    'write-seeds': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  } as const
  try {
    return parseArgs({ options: declared })
  } catch (error) {
    return fail((error as Error).message)
  }
}

function fail(message: string): never {
  console.error(`${message}\n\n${HELP}`)
  process.exit(2)
}
