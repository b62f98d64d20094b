import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { packageRoot } from '../../src/cli/catalogs.js'
import type { Config } from '../../src/cli/config-schema.js'
import { openLikeInit } from './init-modes.js'
import { invoicesPolicy, startInvoices } from './invoices.js'
import { prepareSidecar, type Setup, type Sidecar } from './supervised-sidecar.js'

const MAIN = fileURLToPath(new URL('../../bin/main.js', import.meta.url))
const KEEPER = 64_111
const GATE = 64_112
const GROUP = 64_110
const NO_CAPABILITY = '0'.repeat(16)

const possible = { skip: missing() }

function missing(): string | false {
  if (process.getuid?.() !== 0) return 'only root can start processes as other users'
  return spawnSync('setpriv', ['--version']).status === 0 ? false : 'setpriv is not installed'
}

/** The settings of a unit in deploy/systemd. */
function unit(name: string): ReadonlyMap<string, string> {
  const text = readFileSync(join(packageRoot(), 'deploy/systemd', name), 'utf8')
  return new Map(
    [...text.matchAll(/^(\w+)=(.*)$/gm)].map(([, key, value]) => [key as string, value as string]),
  )
}

/** `setpriv` for the capabilities that a unit leaves, and no new privileges, as systemd sets them. */
function confinedBy(settings: ReadonlyMap<string, string>): string[] {
  assert.equal(settings.get('NoNewPrivileges'), 'yes')
  const kept = (settings.get('CapabilityBoundingSet') ?? '').split(' ').filter(Boolean)
  const bounding = ['-all', ...kept.map(name => `+${name.replace('CAP_', '').toLowerCase()}`)].join(',')
  return [`--bounding-set=${bounding}`, '--inh-caps=-all', '--no-new-privs']
}

/** Starts the program so, and resolves when it says that it is ready. */
async function start(t: TestContext, setpriv: readonly string[], args: readonly string[], env = {}) {
  const child = spawn('setpriv', [...setpriv, process.execPath, MAIN, 'run', ...args], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { PATH: process.env.PATH, ...env },
  })
  t.after(() => child.kill('SIGKILL'))
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', chunk => {
      said += chunk
    })
  const ended = once(child, 'exit').then(() => Promise.reject(new Error(said)))
  const [{ ready }] = (await Promise.race([once(child, 'message'), ended])) as [{ ready: { main?: string } }]
  ended.catch(() => undefined)
  return { child, ready }
}

async function prepared(t: TestContext, configure: Setup['configure'] & {}): Promise<Sidecar> {
  const invoices = await startInvoices(t)
  return prepareSidecar(t, {
    policy: invoicesPolicy(invoices.address),
    billing: invoices.address,
    configure,
  })
}

function field(pid: number, name: string): string[] {
  const line = readFileSync(`/proc/${pid}/status`, 'utf8')
    .split('\n')
    .find(each => each.startsWith(`${name}:`))
  return (line ?? '').split(/\s+/).slice(1).filter(Boolean)
}

async function asks(sidecar: Sidecar, url: string): Promise<number[]> {
  const headers = { authorization: `Bearer ${await sidecar.grant()}` }
  const read = await fetch(`${url}/billing/invoices/1`, { headers })
  const voided = await fetch(`${url}/billing/invoices/1/void`, { method: 'POST', headers })
  return [read.status, voided.status]
}

async function stopped(child: ChildProcess): Promise<number | null> {
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  await gone
  return child.exitCode
}

test(
  'countersign.service: root with its few capabilities is enough to start, and both processes have none',
  possible,
  async t => {
    const users = { keeper: String(KEEPER), gate: String(GATE), group: String(GROUP) }
    const sidecar = await prepared(t, config => ({ ...config, users }))
    const settings = unit('countersign.service')
    const { child } = await start(t, confinedBy(settings), ['--config', sidecar.loaded.file])
    const own = BigInt(`0x${field(child.pid as number, 'CapBnd')[0]}`)
    assert.equal(bits(own), (settings.get('CapabilityBoundingSet') ?? '').split(' ').length)
    assert.deepEqual(await asks(sidecar, sidecar.url), [200, 403])
    const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8')
      .trim()
      .split(' ')
      .map(Number)
    assert.deepEqual(children.map(pid => field(pid, 'Uid')[0]).sort(), [String(KEEPER), String(GATE)])
    for (const pid of children) {
      assert.deepEqual(field(pid, 'Uid'), Array(4).fill(field(pid, 'Uid')[0]))
      assert.deepEqual(field(pid, 'Gid'), Array(4).fill(String(GROUP)))
      for (const set of ['CapPrm', 'CapEff', 'CapAmb'])
        assert.deepEqual(field(pid, set), [NO_CAPABILITY], set)
      assert.deepEqual(field(pid, 'NoNewPrivs'), ['1'])
    }
    assert.equal(await stopped(child), 0)
  },
)

test(
  'countersign-keeper.service and countersign-gate.service: neither is ever root, and the vault’s key is a credential',
  possible,
  async t => {
    const sidecar = await prepared(t, asUnits)
    const { folder, loaded } = sidecar
    const credentials = join(folder, 'credentials')
    mkdirSync(credentials)
    renameSync(join(folder, 'keeper/vault.key'), join(credentials, credentialName()))
    // As RuntimeDirectory=, StateDirectory= and countersign.tmpfiles.conf make them.
    for (const made of ['run', 'ledger', 'mark']) mkdirSync(join(folder, made), { recursive: true })
    for (const tree of ['keeper', 'credentials', 'run', 'ledger', 'mark']) {
      give(join(folder, tree))
      chmodSync(join(folder, tree), tree === 'run' ? 0o750 : 0o700)
    }
    openLikeInit(folder)

    const as = (uid: number, of: string) => [
      ...[`--reuid=${uid}`, `--regid=${GROUP}`, '--clear-groups'],
      ...confinedBy(unit(of)),
    ]
    const args = (role: string) => ['--config', loaded.file, '--role', role]
    const env = { CREDENTIALS_DIRECTORY: credentials }
    const keeper = await start(t, as(KEEPER, 'countersign-keeper.service'), args('keeper'), env)
    const gate = await start(t, as(GATE, 'countersign-gate.service'), args('gate'))
    assert.deepEqual(await asks(sidecar, gate.ready.main ?? ''), [200, 403])
    for (const [{ child }, uid] of [
      [keeper, KEEPER],
      [gate, GATE],
    ] as const) {
      assert.deepEqual(field(child.pid as number, 'Uid'), Array(4).fill(String(uid)))
      for (const set of ['CapBnd', 'CapPrm', 'CapEff', 'CapAmb'])
        assert.deepEqual(field(child.pid as number, set), [NO_CAPABILITY], set)
    }
    assert.equal(await stopped(gate.child), 0)
    assert.equal(await stopped(keeper.child), 0)
  },
)

function asUnits(config: Config): Config {
  return { ...config, vault: { ...config.vault, key: { systemd: credentialName() } } }
}

function credentialName(): string {
  return unit('countersign-keeper.service').get('LoadCredentialEncrypted') ?? ''
}

function give(folder: string): void {
  chownSync(folder, KEEPER, GROUP)
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }))
    chownSync(join(folder, name), KEEPER, GROUP)
}

function bits(set: bigint): number {
  return [...set.toString(2)].filter(bit => bit === '1').length
}
