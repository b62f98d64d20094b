import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { type TestContext, test } from 'node:test'
import type { Config } from '../../src/cli/config-schema.js'
import { vaultLocation } from '../../src/cli/vault-location.js'
import { putEntry } from '../../src/credential/index.js'
import { invoicesPolicy, startInvoices } from './invoices.js'
import { eventually, prepareSidecar, type Setup, type Sidecar, startSidecar } from './supervised-sidecar.js'

const KEEPER = 64_101
const GATE = 64_102
const GROUP = 64_100
const AGENT = 64_103
const users = { keeper: String(KEEPER), gate: String(GATE), group: String(GROUP) }
const asRoot = process.getuid?.() === 0 ? {} : { skip: 'only root can start processes as other users' }

async function twoUsers(t: TestContext, setup: Partial<Setup> = {}): Promise<Sidecar> {
  const invoices = await startInvoices(t)
  const policy = invoicesPolicy(invoices.address)
  const configure = (config: Config): Config => ({ ...config, users })
  return startSidecar(t, { policy, billing: invoices.address, configure, ...setup })
}

async function asks(sidecar: Sidecar): Promise<number> {
  const authorization = `Bearer ${await sidecar.grant()}`
  return (await fetch(`${sidecar.url}/billing/invoices/1`, { headers: { authorization } })).status
}

function statusLine(pid: number, name: string): string[] {
  const line = readFileSync(`/proc/${pid}/status`, 'utf8')
    .split('\n')
    .find(each => each.startsWith(`${name}:`))
  return (line ?? '').split(/\s+/).slice(1).filter(Boolean)
}

/** Which of the files this user can read, and which of the sockets it can connect to. */
function reachOf(uid: number, gid: number, files: readonly string[], sockets: readonly string[]): string[] {
  const script = `
    const { openSync, readSync } = require('node:fs'); const { connect } = require('node:net')
    const { files, sockets } = JSON.parse(process.argv[1])
    for (const file of files) try { readSync(openSync(file), Buffer.alloc(1)); console.log(file) } catch {}
    for (const path of sockets) { const s = connect(path, () => { console.log(path); s.destroy() }); s.on('error', () => {}) }`
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['-e', script, JSON.stringify({ files, sockets })],
    { uid, gid, cwd: '/', encoding: 'utf8' },
  )
  assert.equal(status, 0, stderr)
  return stdout.split('\n').filter(Boolean)
}

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
}

test(
  'started as root, keeper and gate each run as their own user in one group and no other',
  asRoot,
  async t => {
    const sidecar = await twoUsers(t)
    assert.equal(await asks(sidecar), 200)
    for (const [role, uid] of [
      ['keeper', KEEPER],
      ['gate', GATE],
    ] as const) {
      const pid = sidecar.pid(role)
      assert.deepEqual(statusLine(pid, 'Uid'), Array(4).fill(String(uid)))
      assert.deepEqual(statusLine(pid, 'Gid'), Array(4).fill(String(GROUP)))
      assert.deepEqual(statusLine(pid, 'Groups'), [])
      assert.deepEqual(statusLine(pid, 'CapEff'), ['0000000000000000'])
    }
  },
)

test(
  'the gate’s user reaches the keeper’s link and nothing else of it; an agent’s user reaches neither',
  asRoot,
  async t => {
    const sidecar = await twoUsers(t)
    assert.equal(await asks(sidecar), 200)
    const { path } = sidecar.loaded
    const secrets = ['keeper', 'ledger', 'mark', 'trust/keys', 'auditor'].flatMap(folder =>
      filesUnder(path(folder)),
    )
    assert.ok(secrets.length > 12, `${secrets.length} files`)
    const sockets = [path('run/keeper.sock'), path('run/admin.sock')]
    const memory = [`/proc/${sidecar.pid('keeper')}/mem`, `/proc/${sidecar.pid('keeper')}/environ`]
    const hidden = secrets.filter(
      file => file !== path('auditor/public.jwk') && file !== path('keeper/enrolment.json'),
    )

    assert.deepEqual(reachOf(GATE, GROUP, [...hidden, ...memory], sockets), [path('run/keeper.sock')])
    assert.deepEqual(reachOf(AGENT, AGENT, [...secrets, ...memory, sidecar.loaded.file], sockets), [])
    // The control: the keeper's own user gets at what it needs, by the same probe.
    const own = reachOf(KEEPER, GROUP, hidden, sockets)
    for (const needed of [
      'keeper/vault.jwe',
      'keeper/vault.key',
      'keeper/keys/receipt.jwk',
      'run/admin.sock',
    ])
      assert.ok(own.includes(path(needed)), needed)
    assert.ok(
      !own.some(file => file.includes('/trust/keys/')),
      'the keeper can’t sign as a role of the trust root',
    )

    const mode = (name: string) => (statSync(path(name)).mode & 0o777).toString(8)
    assert.deepEqual(['run', 'run/keeper.sock', 'run/admin.sock', 'ledger', 'mark'].map(mode), [
      '750',
      '660',
      '600',
      '700',
      '700',
    ])
  },
)

test('no core dump, no more privileges, no inherited variable, no inspector', asRoot, async t => {
  const planted = {
    NODE_OPTIONS: '--max-http-header-size=20001',
    HTTPS_PROXY: 'http://planted.invalid:1',
    AWS_SECRET_ACCESS_KEY: 'planted-secret',
    SSL_CERT_FILE: '/planted',
    STRIPE_API_KEY: 'planted-key',
  }
  const sidecar = await twoUsers(t, { env: planted })
  for (const role of ['keeper', 'gate'] as const) {
    const pid = sidecar.pid(role)
    assert.deepEqual(statusLine(pid, 'NoNewPrivs'), ['1'])
    assert.match(readFileSync(`/proc/${pid}/limits`, 'utf8'), /^Max core file size\s+0\s+0\s/m)
    const names = readFileSync(`/proc/${pid}/environ`, 'utf8')
      .split('\0')
      .map(pair => pair.split('=')[0] ?? '')
      .filter(name => name !== '' && !/^(NODE_CHANNEL_|PWD$)/.test(name))
    assert.deepEqual(names.sort(), ['LANG', 'PATH'])
    process.kill(pid, 'SIGUSR1')
  }
  for (let call = 0; call < 5; call++) assert.equal(await asks(sidecar), 200)
  assert.doesNotMatch(sidecar.output, /Debugger/)
  for (const role of ['keeper', 'gate'] as const) assert.ok(!listensOnDebugPort(sidecar.pid(role)))
})

test('a process that doesn’t guard against it does open an inspector at SIGUSR1', async t => {
  const plain = spawn(process.execPath, [
    '--inspect-port=0',
    '-e',
    'console.log("up"); setInterval(() => {}, 1000)',
  ])
  t.after(() => plain.kill('SIGKILL'))
  let said = ''
  plain.stderr.on('data', chunk => {
    said += chunk
  })
  await once(plain.stdout, 'data')
  plain.kill('SIGUSR1')
  await eventually('the inspector', () => (/Debugger listening/.test(said) ? true : undefined))
})

/** True where one of the process's own sockets listens on 9229 (0x240D). */
function listensOnDebugPort(pid: number): boolean {
  return ['tcp', 'tcp6'].some(table =>
    readFileSync(`/proc/${pid}/net/${table}`, 'utf8')
      .split('\n')
      .filter(line => /:240D \S+ 0A /.test(line))
      .some(line => ownsSocket(pid, line.trim().split(/\s+/)[9] ?? '')),
  )
}

function ownsSocket(pid: number, inode: string): boolean {
  const { stdout } = spawnSync('ls', ['-l', `/proc/${pid}/fd`], { encoding: 'utf8' })
  return stdout.includes(`socket:[${inode}]`)
}

test('a production audience doesn’t start as one user', async t => {
  const configure = (config: Config): Config => ({ ...config, audience: 'production' })
  const sidecar = await prepareSidecar(t, { policy: invoicesPolicy('127.0.0.1:9'), configure })
  await assert.rejects(sidecar.start(), /error users_shared: .*production/)
  assert.ok(!readdirSync(sidecar.folder).includes('ledger'), 'nothing was begun')
})

test('gate and keeper as one user, or as root, are no two users', asRoot, async t => {
  for (const wrong of [
    { ...users, gate: users.keeper },
    { ...users, keeper: '0' },
    { ...users, group: '0' },
  ]) {
    const configure = (config: Config): Config => ({ ...config, users: wrong })
    const sidecar = await prepareSidecar(t, { policy: invoicesPolicy('127.0.0.1:9'), configure })
    await assert.rejects(sidecar.start(), /error users_invalid: /)
  }
})

test('a file that a process can’t reach is named with its user before anything starts', asRoot, async t => {
  const configure = (config: Config, folder: string): Config => {
    for (const name of ['gate.crt', 'gate.key']) writeFileSync(join(folder, name), '', { mode: 0o600 })
    return {
      ...config,
      users,
      gate: { ...config.gate, tls: { listen: '127.0.0.1:0', cert: 'gate.crt', key: 'gate.key' } },
    }
  }
  const sidecar = await prepareSidecar(t, { policy: invoicesPolicy('127.0.0.1:9'), configure })
  await assert.rejects(
    sidecar.start(),
    /error file_unreachable: .*gate \(user 64102, group 64100\).*gate\.crt/,
  )
})

test('a secret that root puts into the vault stays readable for the keeper alone', asRoot, async t => {
  const sidecar = await twoUsers(t)
  await putEntry(
    vaultLocation(sidecar.loaded, {}),
    {
      name: 'another',
      kind: 'static',
      material: { secret: 'a-secret-of-some-length' },
      origins: ['https://api.example.com'],
      environment: 'staging',
    },
    Date.now(),
  )
  const { uid, gid, mode } = statSync(sidecar.loaded.path('keeper/vault.jwe'))
  assert.deepEqual([uid, gid, mode & 0o777], [KEEPER, GROUP, 0o600])
  await eventually('the keeper’s reload', () => /the vault was changed/.test(sidecar.output) || undefined)
})
