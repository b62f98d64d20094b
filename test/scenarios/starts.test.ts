import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { describe, it, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { LoadedConfig } from '../../src/cli/config.js'
import type { RoleName } from '../../src/cli/role.js'
import { openEvidence } from '../../src/ledger/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import { decodeEntry } from '../../src/receipt/index.js'
import { invoicesPolicy, startInvoices } from './invoices.js'
import { eventually, prepareSidecar, type Setup, startSidecar } from './supervised-sidecar.js'

const [MAIN, ROLE] = ['main.js', 'role-main.js'].map(name =>
  fileURLToPath(new URL(`../../bin/${name}`, import.meta.url)),
) as [string, string]

async function prepared(t: TestContext, changes: Partial<Setup> = {}): Promise<LoadedConfig> {
  const invoices = await startInvoices(t)
  const setup = { policy: invoicesPolicy(invoices.address), billing: invoices.address, ...changes }
  return (await prepareSidecar(t, setup)).loaded
}

function startRole(t: TestContext, { file }: LoadedConfig, role: RoleName): ChildProcess {
  const child = spawn(process.execPath, [ROLE, '--config', file, '--role', role], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  t.after(() => void child.kill('SIGKILL'))
  return child
}

function childrenOf(pid: number | undefined): readonly string[] {
  const file = `/proc/${pid}/task/${pid}/children`
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split(' ').filter(Boolean) : []
}

describe('a sidecar that is stopped while it starts', () => {
  for (const begun of [1, 2]) {
    it(`ends in order, and leaves none of its processes: ${begun} begun`, async t => {
      const { file } = await prepared(t)
      const child = spawn(process.execPath, [MAIN, 'run', '--config', file], { stdio: 'ignore' })
      const pids = await eventually('its processes', () => {
        const found = childrenOf(child.pid)
        return found.length === begun ? found : undefined
      })
      t.after(() => {
        for (const pid of pids) if (existsSync(`/proc/${pid}`)) process.kill(Number(pid), 'SIGKILL')
      })
      child.kill('SIGTERM')
      assert.deepEqual(await once(child, 'exit'), [0, null])
      assert.deepEqual(
        pids.filter(pid => existsSync(`/proc/${pid}`)),
        [],
      )
    })
  }

  it('has no gate that waits for ever for a keeper whose supervisor is gone', async t => {
    const waiting = startRole(t, await prepared(t), 'gate')
    await once(waiting, 'spawn')
    waiting.disconnect()
    assert.deepEqual(await once(waiting, 'exit'), [0, null])
  })
})

it('a cloud that never answers about tokens of an earlier run keeps no sidecar from its start', async t => {
  let asked = 0
  let ended = 0
  const cloud = createServer(request => {
    asked++
    request.socket.once('close', () => ended++)
  })
  cloud.listen(0, '127.0.0.1')
  await once(cloud, 'listening')
  t.after(() => {
    cloud.closeAllConnections()
    cloud.close()
  })
  const railway = `127.0.0.1:${(cloud.address() as AddressInfo).port}`
  await startSidecar(t, {
    policy: tokensOf(`http://${railway}`),
    clouds: { railway, stripe: '127.0.0.1:2', billing: '127.0.0.1:3', aws: '127.0.0.1:4' },
    configure: ({ sandbox: _, ...config }) => config,
  })
  assert.equal(ended, 0, 'waited for until it was given up')
  await eventually('the question', () => (asked > 0 ? true : undefined))
})

function tokensOf(upstream: string): string {
  return `apiVersion: countersign.dev/v1
kind: RoutePolicy
metadata: { name: tokens, version: 1, expires: 2099-01-01T00:00:00Z, audience: [sandbox] }
apis:
  railway: { catalog: railway, upstream: "${upstream}", credential: railway-staging }
credentials:
  railway-staging: { minter: railway-project-token, project: p-1, environment: e-1 }
agents:
  coder: { environment: staging, session: 8h, identity: [{ grant: true }] }
rules:
  - { id: read, allow: { api: railway, class: read }, to: coder }
`
}

describe('a keeper that can’t start', () => {
  it('ends, with what reads its ledger, and leaves the ledger closed', async t => {
    const loaded = await prepared(t, {
      configure: (config, folder) => {
        writeFileSync(join(folder, 'collector'), 'x'.repeat(32), { mode: 0o600 })
        const http = { url: 'http://127.0.0.1:1/', auth: 'bearer' as const }
        const ship = [{ name: 'collector', http, credential: { file: 'collector' }, required: false }]
        return { ...config, ledger: { ...config.ledger, ship } }
      },
    })
    const admin = loaded.path(loaded.config.keeper.admin)
    mkdirSync(dirname(admin), { recursive: true })
    writeFileSync(admin, '')
    assert.deepEqual(await once(startRole(t, loaded, 'keeper'), 'exit'), [2, null])
    const evidence = await openEvidence(loaded.path(loaded.config.ledger.dir), nativeCrypto)
    t.after(() => evidence.close())
    const entries = []
    for await (const bytes of evidence.entries()) entries.push(decodeEntry(bytes))
    assert.equal(entries.at(-1)?.type, 'close')
  })
})

describe('a gate that comes back', () => {
  it('serves also where its new address can’t be written down', async t => {
    const invoices = await startInvoices(t)
    const sidecar = await startSidecar(t, {
      policy: invoicesPolicy(invoices.address),
      billing: invoices.address,
    })
    const written = join(dirname(sidecar.loaded.path(sidecar.loaded.config.keeper.socket)), 'gate.json')
    rmSync(written)
    mkdirSync(join(written, 'in-the-way'), { recursive: true })
    const before = sidecar.pid('gate')
    process.kill(before, 'SIGKILL')
    await eventually('the warning', () => /could not be written down/.test(sidecar.output) || undefined)
    assert.notEqual(sidecar.pid('gate'), before)
    assert.equal(await sidecar.stop(), 0)
  })
})
