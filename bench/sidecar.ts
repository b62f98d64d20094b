import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { readRunning } from '../src/cli/addresses.js'
import { loadConfig } from '../src/cli/config.js'
import { type IssuedGrant, openGrantSession } from '../src/cli/grant-session.js'
import { initSandbox } from '../src/cli/init-sandbox.js'
import { benchFolder } from './folder.js'
import { roleOf } from './processes.js'

/** The whole sidecar as `countersign run` starts it, with the benchmark's upstream behind every API. */
export interface BenchSidecar {
  readonly supervisor: ChildProcess
  pidOf(role: 'gate' | 'keeper'): number
  readonly folder: string
  /** From the command until it answers. */
  readonly startSeconds: number
  readonly main: string
  readonly grant: string
  /** A second grant, as AWS clients sign with it. */
  readonly keys: IssuedGrant
  stop(): Promise<void>
}

const PACKAGE = new URL('../../', import.meta.url)
const START_MS = 60_000
/** Lines of the sidecar's log that are shown where it did not start. */
const LAST_LINES = 10

export async function startSidecar(upstreamPort: number): Promise<BenchSidecar> {
  const folder = benchFolder('bench')
  await makeSidecar(folder, upstreamPort)
  const sidecar = await runSidecar(folder).catch(error => {
    rmSync(folder, { recursive: true, force: true })
    throw error
  })
  return {
    ...sidecar,
    stop: async () => {
      await sidecar.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Everything that a sidecar has before its first start, with the upstream sealed into its policy. */
export async function makeSidecar(
  folder: string,
  upstreamPort: number,
  policy = 'bench/policy.yaml',
): Promise<void> {
  const upstream = `127.0.0.1:${upstreamPort}`
  await initSandbox(folder, {
    addresses: {
      gate: '127.0.0.1:0',
      stripePort: '127.0.0.1:0',
      railway: upstream,
      stripe: upstream,
      billing: upstream,
      aws: upstream,
    },
    policy: readFileSync(new URL(policy, PACKAGE), 'utf8'),
    clouds: false,
  })
}

/** Starts what `makeSidecar` made; the folder stays. */
export async function runSidecar(folder: string): Promise<BenchSidecar> {
  const loaded = loadConfig(join(folder, 'countersign.yaml'))
  const running = join(folder, 'run', 'gate.json')
  rmSync(running, { force: true })
  const log = join(folder, 'sidecar.log')
  const output = openSync(log, 'w')
  const start = performance.now()
  const supervisor = spawn(
    process.execPath,
    [fileURLToPath(new URL('dist/bin/main.js', PACKAGE)), 'run', '--config', loaded.file],
    { stdio: ['ignore', output, output] },
  )
  closeSync(output)
  const stop = async () => {
    const gone = new Promise(resolve => supervisor.once('exit', resolve))
    if (supervisor.kill('SIGTERM')) await gone
  }
  try {
    await ready(() => existsSync(running), supervisor)
    const startSeconds = (performance.now() - start) / 1000
    const session = await openGrantSession(
      { config: loaded.file, agent: 'coder', task: 'bench', owner: 'bench' },
      { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr, env: {}, cwd: folder },
    )
    const { token: grant } = await session.issue('bearer')
    const keys = await session.issue('aws-sigv4')
    await session.leave()
    return {
      supervisor,
      pidOf: role => roleOf(supervisor, role),
      folder,
      startSeconds,
      main: readRunning(loaded).main,
      grant,
      keys,
      stop,
    }
  } catch (error) {
    process.stderr.write(`${readFileSync(log, 'utf8').trim().split('\n').slice(-LAST_LINES).join('\n')}\n`)
    // A sidecar that came up halfway would outlive the benchmark.
    await stop()
    throw error
  }
}

async function ready(isReady: () => boolean, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + START_MS
  while (!isReady()) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error('the sidecar did not start')
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}
