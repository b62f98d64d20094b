import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, it } from 'node:test'
import { parse, stringify } from 'yaml'
import { gateAddresses, writeRunning } from '../../src/cli/addresses.js'
import { loadConfig } from '../../src/cli/config.js'
import { UsageError } from '../../src/cli/io.js'
import { scratch } from './command-line.js'

const SIDECAR = parse(`
apiVersion: countersign.dev/v1
kind: Sidecar
origin: acme.example/countersign/build-7
audience: sandbox
gate: { listen: "0.0.0.0:7070", ports: { stripe: "[::1]:7071" } }
keeper: { socket: run/keeper.sock, admin: run/admin.sock, keys: keeper, enrolment: keeper/enrolment.json }
trust: { root: trust/root.json, pin: sha256:${'ab'.repeat(32)} }
policy: { file: policy/policy.sealed.json }
ledger: { dir: ledger, highWater: mark/high-water }
vault: { file: keeper/vault.jwe, key: { file: keeper/vault.key } }
`) as Record<string, object>

describe('the addresses of the gate', () => {
  it('are those that are configured where gate and keeper run apart', async t => {
    const { main, ports } = gateAddresses(await configured(t, {}))
    assert.deepEqual(
      { main, ports },
      { main: 'http://127.0.0.1:7070', ports: { stripe: 'http://[::1]:7071' } },
    )
  })

  it('are those that a supervised gate found out itself', async t => {
    const loaded = await configured(t, {})
    mkdirSync(dirname(loaded.path('run/keeper.sock')))
    const found = { main: 'http://127.0.0.1:9', ports: {}, tls: null, tlsPorts: {}, unix: null, missing: [] }
    writeRunning(loaded, found)
    assert.deepEqual(gateAddresses(loaded), found)
  })

  it('leave nothing beside the file where it can’t be written', async t => {
    const loaded = await configured(t, {})
    const file = loaded.path('run/gate.json')
    mkdirSync(file, { recursive: true })
    const found = { main: 'http://127.0.0.1:9', ports: {}, tls: null, tlsPorts: {}, unix: null, missing: [] }
    assert.throws(() => writeRunning(loaded, found), { code: 'EISDIR' })
    assert.deepEqual(readdirSync(dirname(file)), ['gate.json'])
  })

  it('are unknown where a port is free to choose and nobody has', async t => {
    const loaded = await configured(t, { gate: { listen: '127.0.0.1:0' } })
    assert.throws(() => gateAddresses(loaded), UsageError)
  })
})

async function configured(t: Parameters<typeof scratch>[0], changes: object) {
  const at = await scratch(t)
  const file = join(at('.'), 'countersign.yaml')
  writeFileSync(file, stringify({ ...SIDECAR, ...changes }))
  return loadConfig(file)
}
