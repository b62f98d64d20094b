import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, renameSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Agent, request } from 'undici'
import type { Config } from '../../src/cli/config-schema.js'
import { invoicesPolicy, startInvoices } from './invoices.js'
import { newerNode } from './newer-node.js'
import { type Sidecar, startSidecar } from './supervised-sidecar.js'

async function running(t: TestContext, node: string): Promise<Sidecar> {
  const invoices = await startInvoices(t)
  return startSidecar(t, {
    node,
    policy: invoicesPolicy(invoices.address),
    billing: invoices.address,
    configure: (config: Config, folder: string): Config => {
      makeCertificate(folder)
      return {
        ...config,
        gate: {
          ...config.gate,
          tls: { listen: '127.0.0.1:0', cert: 'gate.crt', key: 'gate.key' },
          unix: 'agents/gate.sock',
        },
      }
    },
  })
}

function makeCertificate(folder: string): void {
  const [key, cert] = [join(folder, 'gate.key'), join(folder, 'gate.crt')]
  const { status, stderr } = spawnSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
      ...['-keyout', key, '-out', cert, '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'],
    ],
    { encoding: 'utf8' },
  )
  assert.equal(status, 0, stderr)
  // As certificates are that something else renews.
  renameSync(cert, `${cert}.1`)
  symlinkSync(`${cert}.1`, cert)
}

/** What a process under these options of Node can do beside answering requests. */
function reachOf(node: string, options: readonly string[], sidecar: Sidecar): string[] {
  const { path } = sidecar.loaded
  const script = `
    const fs = require('node:fs')
    const tries = {
      'read a key': () => fs.readFileSync(${JSON.stringify(path('keeper/keys/receipt.jwk'))}),
      'read the vault': () => fs.readFileSync(${JSON.stringify(path('keeper/vault.jwe'))}),
      'list the ledger': () => fs.readdirSync(${JSON.stringify(path('ledger'))}),
      'write': () => fs.writeFileSync(${JSON.stringify(join(sidecar.folder, 'written'))}, ''),
      'spawn': () => { const { error } = require('node:child_process').spawnSync('true'); if (error) throw error },
      'start a thread': () => new (require('node:worker_threads').Worker)('process.exit()', { eval: true }),
      'load native code': () => require(process.argv[1]),
    }
    for (const [name, act] of Object.entries(tries))
      try { act(); console.log(name) } catch (error) { if (!/ERR_(ACCESS_DENIED|DLOPEN_DISABLED)/.test(error.code)) console.log(name, error) }`
  const native = fileURLToPath(import.meta.resolve('level'))
  const { stdout, stderr } = spawnSync(node, [...options, '-e', script, native], { encoding: 'utf8' })
  assert.equal(stderr.replace(/\(node:.*\n|\(Use .*\n/g, ''), '')
  return stdout.split('\n').filter(Boolean)
}

test('the gate’s process may answer requests, and read and do nothing else', async t => {
  const found = newerNode()
  if ('missing' in found) return t.skip(found.missing)
  const sidecar = await running(t, found.node)
  const headers = { authorization: `Bearer ${await sidecar.grant()}` }
  const { main, tls, unix } = sidecar.addresses
  const secure = new Agent({ connect: { ca: readFileSync(join(sidecar.folder, 'gate.crt'), 'utf8') } })
  const local = new Agent({ connect: { socketPath: (unix ?? '').slice('unix:'.length) } })
  t.after(() => Promise.all([secure.close(), local.close()]))
  for (const [base, dispatcher] of [
    [main, undefined],
    [tls, secure],
    ['http://gate', local],
  ] as const) {
    const answer = await request(`${base}/billing/invoices/1`, {
      headers,
      ...(dispatcher === undefined ? {} : { dispatcher }),
    })
    assert.equal(answer.statusCode, 200, await answer.body.text())
  }

  const [, ...words] = readFileSync(`/proc/${sidecar.pid('gate')}/cmdline`, 'utf8').split('\0')
  const options = words.slice(
    0,
    words.findIndex(word => word.endsWith('role-main.js')),
  )
  assert.ok(options.includes('--permission'), options.join(' '))
  assert.deepEqual(reachOf(found.node, options, sidecar), [])
  // The control: without these options it can do all of it.
  assert.equal(reachOf(found.node, [], sidecar).length, 7)
})
