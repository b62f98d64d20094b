import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { dirname } from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { type Latency, latency, loadGenerator, type Shot, throughput } from './load.js'
import { measurePolicy, policyLines } from './policy.js'
import { cpuSeconds, residentMiB, roleOf, start } from './processes.js'
import { type BenchSidecar, startSidecar } from './sidecar.js'
import { signedHeaders } from './signed.js'

/**
 * Measures the whole sidecar, both receipts durable, against bare `@fastify/http-proxy`, side by side in one run.
 * Figures are only comparable within a run; what is published are ratios.
 */
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '3' },
    samples: { type: 'string', default: '2000' },
    connections: { type: 'string', default: '64' },
    json: { type: 'string', default: 'bench/results/latest.json' },
    'policy-rounds': { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  process.stdout.write(
    'npm run bench -- [--seconds 5] [--rounds 3] [--samples 2000] [--connections 64] [--policy-rounds 31] [--json FILE]\n',
  )
  process.exit(0)
}
const seconds = Number(values.seconds)
const rounds = Number(values.rounds)
const samples = Number(values.samples)
const connections = Number(values.connections)

interface Case {
  readonly name: string
  /** Path at the upstream, and with the API's prefix at the gate. */
  readonly path: string
  readonly prefix: string
  readonly method: Shot['method']
  readonly type?: string
  readonly body?: string
  /** Signed with the keys of a grant instead of carrying it: the service's signing name. */
  readonly signedFor?: string
}

const CASES: readonly Case[] = [
  { name: 'REST read', prefix: '/billing', path: '/invoices/in_1001', method: 'GET' },
  {
    name: 'Railway GraphQL',
    prefix: '/railway',
    path: '/graphql/v2',
    method: 'POST',
    type: 'application/json',
    body: JSON.stringify({
      query:
        'mutation Redeploy($e: String!, $s: String!) { serviceInstanceRedeploy(environmentId: $e, serviceId: $s) }',
      variables: { e: '7c9e6679-7425-40de-944b-e07fc1f90ae7', s: '5e0d7a9c-3b1f-4d62-8e47-b1c2d3e4f506' },
    }),
  },
  {
    name: 'Stripe form',
    prefix: '/stripe',
    path: '/v1/customers/cus_1001',
    method: 'POST',
    type: 'application/x-www-form-urlencoded',
    body: 'name=Harbour+Rentals&metadata[order]=6735&email=desk%40example.com',
  },
  {
    // Signature verified, classified, decided, signed anew with an assumed role's credential.
    name: 'AWS query',
    prefix: '/aws',
    path: '/',
    method: 'POST',
    type: 'application/x-www-form-urlencoded; charset=utf-8',
    body: 'Action=DescribeInstances&Version=2016-11-15&Filter.1.Name=instance-state-name&Filter.1.Value.1=running',
    signedFor: 'ec2',
  },
]

interface Result {
  readonly name: string
  readonly bare: { readonly requestsPerSecond: number; readonly latency: Latency }
  readonly sidecar: {
    readonly requestsPerSecond: number
    readonly latency: Latency
    /** Processor microseconds a request at 64 connections, or as many as were asked for. */
    readonly gateMicros: number
    readonly keeperMicros: number
  }
  /** Sidecar's throughput as a share of bare's, at as many connections. */
  readonly throughputRatio: number
  /** Added p50 at one connection, milliseconds. */
  readonly addedP50Ms: number
}

process.stderr.write('policy: deciding, compiling, surveying …\n')
const policy = measurePolicy(
  values['policy-rounds'] === undefined ? undefined : Number(values['policy-rounds']),
)
const upstream = await start('./upstream.js')
const bare = await start('./bare.js', `http://127.0.0.1:${upstream.port}`)
const sidecar = await startSidecar(upstream.port)
try {
  const pids = { gate: roleOf(sidecar.supervisor, 'gate'), keeper: roleOf(sidecar.supervisor, 'keeper') }
  const idleMiB = { gate: residentMiB(pids.gate), keeper: residentMiB(pids.keeper) }
  const results: Result[] = []
  for (const each of CASES) results.push(await measure(each, sidecar, pids))
  report(results, idleMiB, { gate: residentMiB(pids.gate), keeper: residentMiB(pids.keeper) })
} finally {
  await sidecar.stop()
  bare.stop()
  upstream.stop()
}

async function measure(
  each: Case,
  { main, grant, keys }: BenchSidecar,
  pids: { gate: number; keeper: number },
): Promise<Result> {
  const plain = shotOf(each, `http://127.0.0.1:${bare.port}${each.path}`, {})
  const url = `${main}${each.prefix}${each.path}`
  const guarded = shotOf(
    each,
    url,
    each.signedFor === undefined
      ? { authorization: `Bearer ${grant}` }
      : signedHeaders(each.method, url, each.signedFor, each.type ?? '', each.body ?? '', keys),
  )
  process.stderr.write(`${each.name}: warming up …\n`)
  for (const shot of [plain, guarded]) await throughput(shot, connections, Math.min(seconds, 3))
  const rates = { plain: [] as number[], guarded: [] as number[] }
  const micros = { gate: [] as number[], keeper: [] as number[] }
  for (let round = 1; round <= rounds; round++) {
    process.stderr.write(`${each.name}: round ${round} of ${rounds}\n`)
    rates.plain.push(await throughput(plain, connections, seconds))
    const before = { gate: cpuSeconds(pids.gate), keeper: cpuSeconds(pids.keeper) }
    const rate = await throughput(guarded, connections, seconds)
    rates.guarded.push(rate)
    micros.gate.push(((cpuSeconds(pids.gate) - before.gate) * 1e6) / (rate * seconds))
    micros.keeper.push(((cpuSeconds(pids.keeper) - before.keeper) * 1e6) / (rate * seconds))
  }
  const alone = { plain: await latency(plain, samples), guarded: await latency(guarded, samples) }
  return {
    name: each.name,
    bare: { requestsPerSecond: median(rates.plain), latency: alone.plain },
    sidecar: {
      requestsPerSecond: median(rates.guarded),
      latency: alone.guarded,
      gateMicros: median(micros.gate),
      keeperMicros: median(micros.keeper),
    },
    throughputRatio: median(rates.guarded) / median(rates.plain),
    addedP50Ms: alone.guarded.p50Ms - alone.plain.p50Ms,
  }
}

function shotOf({ method, type, body }: Case, url: string, headers: Readonly<Record<string, string>>): Shot {
  return {
    url,
    method,
    headers: { ...headers, ...(type === undefined ? {} : { 'content-type': type }) },
    ...(body === undefined ? {} : { body }),
  }
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] as number
}

type Memory = { readonly gate: number; readonly keeper: number }

function report(results: readonly Result[], idleMiB: Memory, loadedMiB: Memory): void {
  const say = (line: string) => process.stdout.write(`${line}\n`)
  say(
    `\nWhole sidecar against bare @fastify/http-proxy, ${connections} connections, ${loadGenerator()}, ${cpus().length} cores\n`,
  )
  say('case              throughput ratio   added p50 (1 conn.)   gate CPU   keeper CPU')
  for (const {
    name,
    throughputRatio,
    addedP50Ms,
    sidecar: { gateMicros, keeperMicros },
  } of results) {
    say(
      `${name.padEnd(18)}${`${throughputRatio.toFixed(2)} ×`.padEnd(19)}${`${addedP50Ms.toFixed(2)} ms`.padEnd(22)}${`${gateMicros.toFixed(0)} µs`.padEnd(11)}${keeperMicros.toFixed(0)} µs`,
    )
  }
  say(`\nresident memory, gate and keeper: idle ${sum(idleMiB)} MiB, after load ${sum(loadedMiB)} MiB`)
  for (const line of policyLines(policy)) say(line)
  mkdirSync(dirname(values.json), { recursive: true })
  const machine = {
    cores: cpus().length,
    model: cpus()[0]?.model ?? 'unknown',
    node: process.version,
    load: loadGenerator(),
  }
  writeFileSync(
    values.json,
    `${JSON.stringify({ machine, seconds, rounds, connections, results, idleMiB, loadedMiB, policy }, null, 2)}\n`,
  )
  say(`written to ${values.json}`)
}

function sum({ gate, keeper }: Memory): string {
  return (gate + keeper).toFixed(0)
}
