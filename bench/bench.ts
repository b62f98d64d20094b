import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { dirname } from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { drawBars } from './bars.js'
import { CASES } from './cases.js'
import { type CaseResult, compare, memoryOf, ratioIn } from './compare.js'
import { type Contender, contenders, isBare, isSidecar } from './contenders.js'
import { roundedNumbers } from './figures.js'
import { fileSystem } from './folder.js'
import { type Latency, latencies, loadGenerator } from './load.js'
import { measurePolicy, policyLines } from './policy.js'
import { start } from './processes.js'

/**
 * Measures the whole sidecar, both receipts durable, side by side in one run with bare `@fastify/http-proxy` and the
 * proxies that are installed. Figures are only comparable within a run; what is published are ratios.
 */
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '3' },
    samples: { type: 'string', default: '2000' },
    connections: { type: 'string', default: '1,64,256' },
    contenders: { type: 'string' },
    cases: { type: 'string' },
    json: { type: 'string', default: 'bench/results/latest.json' },
    svg: { type: 'string', default: 'bench/results/latest.svg' },
    'idle-seconds': { type: 'string', default: '45' },
    'policy-rounds': { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  process.stdout.write(
    `npm run bench -- [--seconds 3] [--rounds 3] [--samples 2000] [--connections 1,64,256] [--policy-rounds 31] [--idle-seconds 45]
                 [--cases "REST read,Stripe form"] [--contenders "nginx,haproxy"] [--json FILE] [--svg FILE]

npm run bench -- --connections 64 --contenders @fastify/http-proxy     # what is compared with the target, in about a minute
`,
  )
  process.exit(0)
}
const list = (text: string | undefined) => text?.split(',').map(each => each.trim()) ?? null
const plan = { seconds: Number(values.seconds), rounds: Number(values.rounds), warmUpSeconds: 1 }
const samples = Number(values.samples)
const connections = list(values.connections)?.map(Number) ?? []
const names = list(values.cases)
const cases = CASES.filter(({ name }) => names === null || names.includes(name))
if (cases.length === 0) throw new Error(`no such case: ${CASES.map(({ name }) => name).join(', ')}`)
const tell = (line: string) => process.stderr.write(`${line}\n`)

/** One request at a time, timed one by one. */
interface Alone {
  readonly name: string
  readonly bare: Latency
  readonly sidecar: Latency
  readonly addedP50Ms: number
}

tell('policy: deciding, compiling, surveying …')
const policy = measurePolicy(
  values['policy-rounds'] === undefined ? undefined : Number(values['policy-rounds']),
)
const upstream = await start('./upstream.js')
const running: Contender[] = []
try {
  for (const kind of contenders(list(values.contenders), tell)) running.push(await kind.start(upstream.port))
  tell('idle …')
  // What a start leaves behind is given back after a while.
  await new Promise(resolve => setTimeout(resolve, Number(values['idle-seconds']) * 1_000))
  const idle = running.map(memoryOf)
  const results: CaseResult[] = []
  for (const each of cases)
    for (const count of connections.filter(few => few <= (each.mostConnections ?? few)))
      results.push(await compare(each, count, running, plan, tell))
  const alone: Alone[] = []
  for (const each of cases) alone.push(await measureAlone(each))
  const memoryMiB = running.map((contender, place) => ({
    contender: contender.name,
    idle: idle[place],
    loaded: memoryOf(contender),
  }))
  report({
    machine: {
      cores: cpus().length,
      model: cpus()[0]?.model ?? 'unknown',
      node: process.version,
      load: loadGenerator(),
      disk: fileSystem(tell),
    },
    ...plan,
    contenders: running.map(({ name, version }) => ({ name, version })),
    results,
    alone,
    memoryMiB,
    policy,
  })
} finally {
  for (const contender of running) await contender.stop()
  upstream.stop()
}

async function measureAlone(each: (typeof CASES)[number]): Promise<Alone> {
  tell(`${each.name}, one request at a time`)
  const [bare, sidecar] = [running.find(isBare), running.find(isSidecar)]
  if (bare === undefined || sidecar === undefined) throw new Error('nothing to compare')
  const timed = await latencies([bare.shot(each), sidecar.shot(each)], samples)
  const [plain, guarded] = timed as [Latency, Latency]
  return { name: each.name, bare: plain, sidecar: guarded, addedP50Ms: guarded.p50Ms - plain.p50Ms }
}

function report(figures: {
  readonly machine: {
    readonly cores: number
    readonly model: string
    readonly node: string
    readonly load: string
    readonly disk: string
  }
  readonly contenders: readonly { readonly name: string; readonly version: string }[]
  readonly results: readonly CaseResult[]
  readonly alone: readonly Alone[]
  readonly memoryMiB: readonly {
    readonly contender: string
    readonly idle?: Readonly<Record<string, number>> | undefined
    readonly loaded: Readonly<Record<string, number>>
  }[]
  readonly policy: ReturnType<typeof measurePolicy>
}): void {
  const say = (line: string) => process.stdout.write(`${line}\n`)
  const { machine, results, alone, memoryMiB } = figures
  for (const result of results) {
    say(`\n${result.name}, ${result.connections} connections (${machine.load}, ${machine.cores} cores)`)
    say('                          to bare   requests/s      p50       p99   processor a request')
    for (const { contender, toBare, requestsPerSecond, p50Ms, p99Ms, cpuMicros } of result.showings)
      say(
        [
          contender.padEnd(24),
          `${toBare.toFixed(2)} ×`.padStart(9),
          requestsPerSecond.toFixed(0).padStart(12),
          `${p50Ms.toFixed(2)} ms`.padStart(11),
          `${p99Ms.toFixed(1)} ms`.padStart(10),
          `   ${microsText(cpuMicros)}`,
        ].join(''),
      )
  }
  say('\none request at a time       added p50')
  for (const { name, addedP50Ms } of alone)
    say(`${name.padEnd(24)}${`${addedP50Ms.toFixed(2)} ms`.padStart(13)}`)
  say('')
  for (const { contender, idle = {}, loaded } of memoryMiB)
    say(`resident memory of ${contender}: idle ${mibText(idle)}, after load ${mibText(loaded)}`)
  for (const line of policyLines(figures.policy)) say(line)
  for (const file of [values.json, values.svg]) mkdirSync(dirname(file), { recursive: true })
  writeFileSync(values.json, `${JSON.stringify(figures, roundedNumbers, 2)}\n`)
  writeFileSync(values.svg, drawBars(figures))
  say(`written to ${values.json} and ${values.svg}`)
  for (const result of results)
    if (!(ratioIn(result) > 0)) throw new Error(`${result.name}: the sidecar was not measured`)
}

function microsText(micros: Readonly<Record<string, number>>): string {
  const parts = Object.entries(micros).filter(([, value]) => value >= 0.5)
  const whole = parts.reduce((total, [, value]) => total + value, 0).toFixed(0)
  const named = parts.map(([role, value]) => `${role} ${value.toFixed(0)}`).join(', ')
  return `${whole} µs${parts.length > 1 ? ` (${named})` : ''}`
}

/** The supervisor counts as well: it is part of what an operator pays. */
function mibText(memory: Readonly<Record<string, number>>): string {
  const parts = Object.entries(memory)
  const named = parts.map(([role, value]) => `${role} ${value.toFixed(0)}`).join(', ')
  return `${parts.reduce((total, [, value]) => total + value, 0).toFixed(0)} MiB${parts.length > 1 ? ` (${named})` : ''}`
}
