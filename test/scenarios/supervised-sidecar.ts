import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import { fromBase64 } from '../../src/canon/index.js'
import { readRunning } from '../../src/cli/addresses.js'
import { type AdminClient, connectAdmin } from '../../src/cli/admin-client.js'
import { type LoadedConfig, loadConfig } from '../../src/cli/config.js'
import type { Config } from '../../src/cli/config-schema.js'
import { type IssuedGrant, orderGrant } from '../../src/cli/grant-session.js'
import { initSandbox, type SandboxAddresses } from '../../src/cli/init-sandbox.js'
import type { KeeperStatus } from '../../src/cli/keeper-status.js'
import { readSigningKey } from '../../src/cli/keyfile.js'
import type { GateAddresses } from '../../src/gate/index.js'
import type { Slot } from '../../src/protocol/index.js'
import { decodeEntry, type Entry } from '../../src/receipt/index.js'
import type { Lasting } from '../lasting.js'

const MAIN = fileURLToPath(new URL('../../bin/main.js', import.meta.url))
const START_MS = 60_000

/** What a scenario changes about an ordinary sandbox sidecar. */
export interface Setup {
  /** YAML of the policy; its upstreams must be known by now. */
  readonly policy: string
  readonly configure?: (config: Config, folder: string) => Config
  /** Addresses of the stand-in clouds; without them none are started. */
  readonly clouds?: Pick<SandboxAddresses, 'railway' | 'stripe' | 'billing' | 'aws'>
  /** Origin's host and port that the vault's `billing` entry may be used for. */
  readonly billing?: string
  /** Beside this process's own environment. */
  readonly env?: Readonly<Record<string, string>>
  /** Another Node than the one of this process. */
  readonly node?: string
}

/** A sidecar as real processes, under the real command line. */
export class Sidecar {
  readonly folder: string
  readonly loaded: LoadedConfig
  readonly admin: AdminClient
  private readonly env: Readonly<Record<string, string>>
  private readonly node: string
  private child: ChildProcess | undefined
  private printed = ''

  constructor(folder: string, { env = {}, node = process.execPath }: Pick<Setup, 'env' | 'node'>) {
    this.folder = folder
    this.env = env
    this.node = node
    this.loaded = loadConfig(join(folder, 'countersign.yaml'))
    this.admin = connectAdmin(this.loaded.path(this.loaded.config.keeper.admin))
  }

  /**
   * Runs it, or one role alone as a container does; resolves when it says that it is ready, rejects with what it
   * printed when it ends before.
   */
  async start(role?: 'keeper', ...words: readonly string[]): Promise<void> {
    const alone = role === undefined ? [] : ['--role', role]
    const child = spawn(this.node, [MAIN, 'run', '--config', this.loaded.file, ...alone, ...words], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, ...this.env },
    })
    this.child = child
    const before = this.printed.length
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', chunk => {
        this.printed += chunk
      })
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => child.kill('SIGKILL'), START_MS)
      child.once('message', () => {
        clearTimeout(timer)
        resolve()
      })
      child.once('close', () => {
        clearTimeout(timer)
        reject(new Error(this.printed.slice(before)))
      })
    })
    child.removeAllListeners('close')
  }

  /** Everything that its processes have written so far. */
  get output(): string {
    return this.printed
  }

  get addresses(): GateAddresses {
    return readRunning(this.loaded)
  }

  get url(): string {
    return this.addresses.main
  }

  /** Process of a role; throws where there is none at the moment. */
  pid(role: 'keeper' | 'gate'): number {
    const supervisor = this.child?.pid
    const children = readFileSync(`/proc/${supervisor}/task/${supervisor}/children`, 'utf8').trim().split(' ')
    const found = children.find(pid => commandOf(pid).endsWith(` --role ${role}`))
    if (found === undefined) throw new Error(`no ${role} is running`)
    return Number(found)
  }

  status(): Promise<KeeperStatus> {
    return this.admin.get<KeeperStatus>('/v1/status')
  }

  async grant(agent = 'coder'): Promise<string> {
    return (await this.order({ agent })).token
  }

  order(choices: { readonly agent?: string; readonly slot?: Slot } = {}): Promise<IssuedGrant> {
    const key = readSigningKey(this.loaded.path('trust/keys/enrol.jwk'))
    return orderGrant(this.admin, key, this.loaded, {
      agent: choices.agent ?? 'coder',
      environment: 'staging',
      task: `task-${randomUUID().slice(0, 8)}`,
      owner: 'maria',
      slot: choices.slot ?? 'bearer',
      ttlSeconds: 600,
    })
  }

  /** All entries of the running keeper's ledger. */
  async entries(): Promise<Entry[]> {
    const found: Entry[] = []
    for (;;) {
      const page = await this.admin.get<{ size: number; entries: { entry: string }[] }>(
        `/v1/receipts?from=${found.length}&limit=1000`,
      )
      found.push(...page.entries.map(({ entry }) => decodeEntry(fromBase64(entry))))
      if (found.length >= page.size || page.entries.length === 0) return found
    }
  }

  /** As an operator stops it; answers its exit code. */
  async stop(): Promise<number | null> {
    const child = this.child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null)
      return child?.exitCode ?? null
    const gone = new Promise<void>(resolve => child.once('exit', () => resolve()))
    child.kill('SIGTERM')
    await gone
    return child.exitCode
  }

  async remove(): Promise<void> {
    await this.admin.close()
    await this.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
  } catch {
    return ''
  }
}

/** Makes a sidecar's whole state in a folder of its own, without starting it; the test removes it when it ends. */
export async function prepareSidecar(t: Lasting, setup: Setup): Promise<Sidecar> {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-supervised-'))
  const clouds = setup.clouds ?? {
    railway: '127.0.0.1:1',
    stripe: '127.0.0.1:2',
    billing: setup.billing ?? '127.0.0.1:3',
    aws: '127.0.0.1:4',
  }
  await initSandbox(folder, {
    addresses: { gate: '127.0.0.1:0', stripePort: '127.0.0.1:0', ...clouds },
    policy: setup.policy,
    clouds: setup.clouds !== undefined,
  })
  const file = join(folder, 'countersign.yaml')
  const config = loadConfig(file).config
  const { stripe: _, ...ports } = config.gate.ports ?? {}
  const plain = setup.clouds === undefined ? { ...config, gate: { ...config.gate, ports } } : config
  writeFileSync(file, stringify(setup.configure?.(plain, folder) ?? plain))
  const sidecar = new Sidecar(folder, setup)
  t.after(() => sidecar.remove())
  return sidecar
}

export async function startSidecar(t: Lasting, setup: Setup): Promise<Sidecar> {
  const sidecar = await prepareSidecar(t, setup)
  await sidecar.start()
  return sidecar
}

/** Resolves when `look` answers something; rejects after a minute. */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const deadline = Date.now() + 60_000
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (Date.now() > deadline) throw new Error(`${what} did not happen`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}
