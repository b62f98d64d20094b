import { mkdirSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { cpus } from 'node:os'
import { dirname } from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { CASES, guardedShot } from './cases.js'
import { drawCurve } from './curve.js'
import { roundedNumbers } from './figures.js'
import { latency, type Shot } from './load.js'
import { decisionMicros } from './policy.js'
import { residentMiB, start } from './processes.js'
import { startSidecar } from './sidecar.js'

/**
 * What the sidecar costs as things grow: memory and latency against connections that stay open, the time of a decision
 * against routes. Against entries: scale.ts.
 */
const { values } = parseArgs({
  options: {
    most: { type: 'string', default: '4000' },
    rounds: { type: 'string', default: '15' },
    json: { type: 'string', default: 'bench/results/growth.json' },
    svg: { type: 'string', default: 'bench/results/growth' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  process.stdout.write(
    'npm run bench:growth -- [--most 4000] [--rounds 15] [--json FILE] [--svg PREFIX]   # connections, rounds of decisions\n',
  )
  process.exit(0)
}
const most = Number(values.most)
const rounds = Number(values.rounds)
const ROUTES = [10, 100, 1_000, 3_000, 10_000]
const SAMPLES = 300
/** At once, so that none of them is refused because others are being opened. */
const OPENED_TOGETHER = 50

interface AtConnections {
  readonly connections: number
  readonly gateMiB: number
  readonly keeperMiB: number
  /** Of one more connection's requests, one at a time, all others idle. */
  readonly p50Ms: number
}

const routes = decisionMicros(ROUTES, rounds)
const connections = await againstConnections()
const machine = { cores: cpus().length, model: cpus()[0]?.model ?? 'unknown', node: process.version }
for (const file of [values.json, values.svg]) mkdirSync(dirname(file), { recursive: true })
writeFileSync(values.json, `${JSON.stringify({ machine, connections, routes }, roundedNumbers, 2)}\n`)
writeFileSync(`${values.svg}-connections.svg`, connectionsDrawn())
writeFileSync(`${values.svg}-routes.svg`, routesDrawn())
for (const { connections: count, gateMiB, keeperMiB, p50Ms } of connections)
  process.stdout.write(
    `${String(count).padStart(6)} connections: gate ${gateMiB.toFixed(0)} MiB, keeper ${keeperMiB.toFixed(0)} MiB, p50 ${p50Ms.toFixed(2)} ms\n`,
  )
for (const { routes: count, micros } of routes)
  process.stdout.write(`${String(count).padStart(6)} routes: ${micros.toFixed(2)} µs a decision\n`)

async function againstConnections(): Promise<readonly AtConnections[]> {
  const upstream = await start('./upstream.js')
  const sidecar = await startSidecar(upstream.port)
  const sockets: Socket[] = []
  try {
    const shot = guardedShot(CASES[0] as (typeof CASES)[number], sidecar.main, sidecar.grant, sidecar.keys)
    // A process that has just started has not grown into its usual size yet.
    await latency(shot, SAMPLES * 3)
    const readings: AtConnections[] = []
    for (const count of [0, ...[0.01, 0.1, 0.25, 0.5, 1].map(share => Math.round(most * share))]) {
      process.stderr.write(`${count} connections …\n`)
      while (sockets.length < count) {
        const few = Math.min(OPENED_TOGETHER, count - sockets.length)
        sockets.push(...(await Promise.all(Array.from({ length: few }, () => usedOnce(shot)))))
      }
      const { p50Ms } = await latency(shot, SAMPLES)
      const [gateMiB, keeperMiB] = [residentMiB(sidecar.pidOf('gate')), residentMiB(sidecar.pidOf('keeper'))]
      readings.push({ connections: count, gateMiB, keeperMiB, p50Ms })
    }
    return readings
  } finally {
    for (const socket of sockets) socket.destroy()
    await sidecar.stop()
    upstream.stop()
  }
}

/** A connection that has had one answer and stays open. */
function usedOnce({ url, method, headers }: Shot): Promise<Socket> {
  const { hostname, port, pathname, host } = new URL(url)
  const lines = Object.entries({ host, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`)
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () =>
      socket.write(`${method} ${pathname} HTTP/1.1\r\n${lines.join('')}\r\n`),
    )
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('the gate closed a connection')))
    socket.once('data', (part: Buffer) => {
      if (part.toString('latin1').startsWith('HTTP/1.1 200 ')) resolve(socket)
      else reject(new Error(part.toString('latin1').split('\r\n')[0]))
    })
  })
}

function connectionsDrawn(): string {
  const line = (name: string, colour: string, of: (at: AtConnections) => number) => ({
    ...{ name, colour },
    points: connections.map(at => ({ x: at.connections, y: of(at) })),
  })
  return drawCurve(
    'Connections that stay open',
    [subtitle(), 'Each has had one answer; then all are idle but one.'],
    'connections',
    [
      {
        title: 'Resident memory',
        unit: 'MiB',
        series: [line('gate', '#0969da', at => at.gateMiB), line('keeper', '#9a6700', at => at.keeperMiB)],
      },
      { title: 'One request at a time', unit: 'ms', series: [line('p50', '#8250df', at => at.p50Ms)] },
    ],
  )
}

function routesDrawn(): string {
  return drawCurve(
    'A decision by the size of its policy',
    [
      subtitle(),
      'A rule by name for each route, a few general ones, deciding about the route in the middle.',
    ],
    'routes',
    [
      {
        title: 'Processor time of a decision',
        unit: 'µs',
        series: [
          {
            ...{ name: 'median of the rounds', colour: '#1a7f37' },
            points: routes.map(({ routes: x, micros: y }) => ({ x, y })),
          },
        ],
      },
    ],
  )
}

function subtitle(): string {
  return `${machine.cores} × ${machine.model}, Node ${machine.node}.`
}
