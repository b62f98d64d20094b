import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { countersign } from '../cli/command-line.js'
import { type PolicyServer, startPolicyServer } from '../keeper/policy-server.js'
import { invoicesPolicy, startInvoices } from './invoices.js'
import { prepareSidecar, type Sidecar } from './supervised-sidecar.js'

/** Puts a sealed policy and its catalogs where an object store would have them. */
function publish(server: PolicyServer, sealed: string): void {
  const catalogs = join(dirname(sealed), 'catalogs')
  for (const name of readdirSync(catalogs))
    server.files.set(`/policies/catalogs/${name}`, readFileSync(join(catalogs, name)))
  server.files.set('/policies/policy.sealed.json', readFileSync(sealed))
}

const command = (sidecar: Sidecar, ...argv: string[]) =>
  countersign(...argv, '--config', sidecar.loaded.file, '--json')

test('a sidecar takes its policy from a static server, keeps it when that is gone, and says so', async t => {
  const server = await startPolicyServer(t)
  const invoices = await startInvoices(t)
  let file = ''
  const sidecar = await prepareSidecar(t, {
    policy: invoicesPolicy(invoices.address),
    billing: invoices.address,
    configure: (config, folder) => {
      if ('file' in config.policy) file = join(folder, config.policy.file)
      return { ...config, policy: { url: `${server.origin}/policies/policy.sealed.json`, every: '10m' } }
    },
  })
  publish(server, file)
  await sidecar.start()
  const status = await sidecar.status()
  assert.equal(status.policy?.version, 1)
  assert.equal(status.distribution?.from, `${new URL(server.origin).host}/policies/policy.sealed.json`)
  assert.equal(status.distribution?.failing, null)

  const source = join(sidecar.folder, 'next.yaml')
  const next = join(sidecar.folder, 'next.sealed.json')
  writeFileSync(source, invoicesPolicy(invoices.address, { version: 2 }))
  const key = sidecar.loaded.path('trust/keys/policy.jwk')
  assert.equal((await countersign('policy', 'seal', source, '--key', key, '-o', next)).code, 0)
  publish(server, next)
  const reloaded = await command(sidecar, 'policy', 'reload')
  assert.equal(reloaded.code, 0, reloaded.out)
  assert.equal((await sidecar.status()).policy?.version, 2)
  // The commands that ask the policy find it where the keeper keeps it.
  const guide = await countersign('guide', '--agent', 'coder', '--config', sidecar.loaded.file)
  assert.equal(guide.code, 0, guide.err)

  await server.close()
  const unreachable = await command(sidecar, 'policy', 'reload')
  assert.equal(unreachable.code, 1)
  assert.match(unreachable.out, /ECONNREFUSED/)
  assert.equal((await sidecar.status()).refusedUpdate, null)
  await sidecar.stop()

  await sidecar.start()
  const { policy, distribution } = await sidecar.status()
  assert.equal(policy?.version, 2)
  assert.match(distribution?.failing?.message ?? '', /ECONNREFUSED/)
  const well = await countersign('status', '--config', sidecar.loaded.file)
  assert.equal(well.code, 0, well.out)
  assert.match(well.out, /fetched +from .* NOT since/s)
  await command(sidecar, 'policy', 'reload')
  await command(sidecar, 'policy', 'reload')
  const ill = await countersign('status', '--config', sidecar.loaded.file)
  assert.equal(ill.code, 1)
  assert.match(ill.out, /the policy can’t be fetched since/)
})

test('a policy over plain HTTP is for test audiences alone', async t => {
  const sidecar = await prepareSidecar(t, {
    policy: invoicesPolicy('127.0.0.1:1'),
    configure: config => ({
      ...config,
      audience: 'production',
      policy: { url: 'http://policies.example/policy.sealed.json' },
    }),
  })
  await assert.rejects(sidecar.start(), /policy_plaintext|plain HTTP|one user/)
})
