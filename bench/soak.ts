import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { setTimeout as elapsed } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { connectAdmin } from '../src/cli/admin-client.js'
import { loadConfig } from '../src/cli/config.js'
import type { KeeperStatus } from '../src/cli/keeper-status.js'
import { benchFolder } from './folder.js'
import { start } from './processes.js'
import { type BenchSidecar, makeSidecar, runSidecar } from './sidecar.js'
import { type Mix, startMix } from './soak/mix.js'
import { type Growth, growthOf, ledgerMiB, type Reading, readProcess } from './soak/readings.js'

/**
 * A mixed load against the whole sidecar for as long as is asked for: `npm run soak`. Exits with 1 where memory or
 * descriptors grow, an answer isn't the one that has to come, or the ledger doesn't verify.
 */
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  process.stdout.write('npm run soak -- [--minutes 30] [--json FILE]\n')
  process.exit(0)
}
const minutes = Number(values.minutes)
if (!(minutes > 0 && minutes <= 55))
  throw new Error('--minutes: more than 0, and at most 55, as long as a grant lasts')
const MINUTE_MS = 60_000
/** Of the time; what grows until then is code that is compiled and buffers that are made. */
const WARM_UP = 0.25
const SAMPLES = 240
/** Then the upstream lets go of the gate's connections. */
const UPSTREAM_IDLE_MS = 3_000
const SETTLED_MS = 90_000
const ROLES = ['gate', 'keeper'] as const
type Role = (typeof ROLES)[number]
const POLICY = 'bench/soak/policy.yaml'

const folder = benchFolder('soak')
process.env.COUNTERSIGN_BENCH_IDLE_MS = String(UPSTREAM_IDLE_MS)
const upstream = await start('./upstream.js')
const faults: string[] = []
let running: BenchSidecar | null = null
try {
  await makeSidecar(folder, upstream.port, POLICY)
  const loaded = loadConfig(join(folder, 'countersign.yaml'))
  const ledger = loaded.path(loaded.config.ledger.dir)
  const sidecar = await runSidecar(folder)
  running = sidecar
  const look = (role: Role): Reading => readProcess(sidecar.pidOf(role), ledger)
  const pids = ROLES.map(role => sidecar.pidOf(role))
  const mix = () => startMix(sidecar.main, { bearer: sidecar.grant, keys: sidecar.keys })

  const warming = mix()
  await elapsed(minutes * WARM_UP * MINUTE_MS)
  await finish(warming)
  const idle = await settledDescriptors(look, null)
  const [beganMs, beganMiB] = [Date.now(), ledgerMiB(ledger)]
  const samples = { gate: [] as Reading[], keeper: [] as Reading[] }
  const mixed = mix()
  const phaseMs = minutes * (1 - WARM_UP) * MINUTE_MS
  for (let sample = 0; sample < SAMPLES; sample++) {
    await elapsed(phaseMs / SAMPLES)
    for (const role of ROLES) samples[role].push(look(role))
  }
  const hours = (Date.now() - beganMs) / 3_600_000
  await finish(mixed)
  const after = await settledDescriptors(look, idle)
  const grownMiB = ledgerMiB(ledger) - beganMiB
  if (!ROLES.every((role, place) => sidecar.pidOf(role) === pids[place]))
    faults.push('a process was started again')
  const admin = connectAdmin(loaded.path(loaded.config.keeper.admin))
  const { openAttempts } = await admin.get<KeeperStatus>('/v1/status')
  await admin.close()
  if (openAttempts > 0) faults.push(`${openAttempts} attempts are open`)
  await sidecar.stop()
  const verified = verify(loaded.file, ledger)

  const growth = { gate: growthIn(samples.gate, hours), keeper: growthIn(samples.keeper, hours) }
  for (const role of ROLES) {
    if (growth[role].grows) faults.push(`the ${role}’s memory grows`)
    if (after[role] > idle[role])
      faults.push(`the ${role} keeps descriptors: ${idle[role]}, then ${after[role]}`)
  }
  const requests = Object.fromEntries(mixed.tally.expected)
  report(growth, { idle, after }, requests, grownMiB)
  if (values.json !== undefined) {
    mkdirSync(dirname(values.json), { recursive: true })
    const document = {
      node: process.version,
      minutes,
      growth,
      descriptors: { idle, after },
      requests,
      grownMiB,
      verified,
      faults,
      samples,
    }
    writeFileSync(values.json, `${JSON.stringify(document, rounded, 2)}\n`)
  }
} finally {
  await running?.stop()
  upstream.stop()
  rmSync(folder, { recursive: true, force: true })
}
for (const fault of faults) process.stdout.write(`FAULT ${fault}\n`)
process.exitCode = faults.length === 0 ? 0 : 1

async function finish(mix: Mix): Promise<void> {
  await mix.stop()
  for (const [what, count] of mix.tally.unexpected) faults.push(`${count} × ${what}`)
}

/** Descriptors without load: once they are as few as before, or when they have been given the time. */
async function settledDescriptors(
  look: (role: Role) => Reading,
  before: Readonly<Record<Role, number>> | null,
): Promise<Record<Role, number>> {
  const deadline = Date.now() + SETTLED_MS
  let fewest = { gate: Number.POSITIVE_INFINITY, keeper: Number.POSITIVE_INFINITY }
  for (let quiet = 0; quiet < 12 && Date.now() < deadline; quiet++) {
    await elapsed(1_000)
    const now = { gate: look('gate').descriptors, keeper: look('keeper').descriptors }
    if (now.gate < fewest.gate || now.keeper < fewest.keeper) quiet = 0
    fewest = { gate: Math.min(now.gate, fewest.gate), keeper: Math.min(now.keeper, fewest.keeper) }
    if (before !== null && fewest.gate <= before.gate && fewest.keeper <= before.keeper) break
  }
  return fewest
}

function growthIn(readings: readonly Reading[], hours: number): Growth {
  return growthOf(
    readings.map(({ ownMiB }) => ownMiB),
    hours,
  )
}

function verify(config: string, ledger: string): unknown {
  const main = fileURLToPath(new URL('../bin/main.js', import.meta.url))
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [main, 'ledger', 'check', ledger, '--config', config, '--json'],
    { encoding: 'utf8' },
  )
  if (status !== 0) faults.push(`the ledger does not verify: ${stdout}${stderr}`)
  return status === 0 ? JSON.parse(stdout) : null
}

function report(
  growth: Readonly<Record<Role, Growth>>,
  descriptors: { readonly idle: Record<Role, number>; readonly after: Record<Role, number> },
  requests: Readonly<Record<string, number>>,
  grownMiB: number,
): void {
  const lines = [`${'request'.padEnd(18)}${'answered'.padStart(10)}`]
  for (const [name, count] of Object.entries(requests))
    lines.push(name.padEnd(18) + String(count).padStart(10))
  const total = Object.values(requests).reduce((sum, count) => sum + count, 0)
  lines.push(`${'all'.padEnd(18)}${String(total).padStart(10)}`, '')
  lines.push(`${'process'.padEnd(9)}middle third  last third  MiB an hour  descriptors before, after`)
  for (const role of ROLES) {
    const { middleMiB, lastMiB, mibPerHour } = growth[role]
    const cells = [
      `${middleMiB.toFixed(1)} MiB`.padStart(12),
      `${lastMiB.toFixed(1)} MiB`.padStart(11),
      mibPerHour.toFixed(1).padStart(12),
    ]
    lines.push(`${role.padEnd(9)}${cells.join(' ')}  ${descriptors.idle[role]}, ${descriptors.after[role]}`)
  }
  lines.push(
    '',
    `The ledger grew by ${grownMiB.toFixed(1)} MiB, ${((grownMiB * 1024) / total).toFixed(2)} KiB a request.`,
  )
  process.stdout.write(`${lines.join('\n')}\n`)
}

function rounded(_name: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value
}
