import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Agent, type Dispatcher, request } from 'undici'
import type { Config } from '../../src/cli/config-schema.js'
import { invoicesPolicy, startInvoices } from './invoices.js'
import { startSidecar } from './supervised-sidecar.js'

interface Door {
  readonly name: string
  readonly base: string
  readonly dispatcher?: Dispatcher
}

/** What must be the same at every door; the receipt's number differs by nature. */
async function answerAt(
  { base, dispatcher }: Door,
  method: 'GET' | 'POST',
  path: string,
  grant: string | null,
) {
  const answer = await request(`${base}${path}`, {
    method,
    headers: grant === null ? {} : { authorization: `Bearer ${grant}` },
    ...(dispatcher === undefined ? {} : { dispatcher }),
  })
  const text = await answer.body.text()
  return {
    status: answer.statusCode,
    decision: answer.headers['countersign-decision'],
    body: text.replaceAll(/(Receipt |"receipt":)\d+/g, '$1N'),
  }
}

test('every listener of a sidecar is guarded', async t => {
  const invoices = await startInvoices(t)
  const sidecar = await startSidecar(t, {
    policy: invoicesPolicy(invoices.address),
    billing: invoices.address,
    configure: (config: Config, folder: string): Config => {
      makeCertificate(folder)
      return {
        ...config,
        gate: {
          ...config.gate,
          ports: { billing: '127.0.0.1:0' },
          tls: { listen: '127.0.0.1:0', cert: 'gate.crt', key: 'gate.key' },
          unix: 'agents/gate.sock',
        },
      }
    },
  })
  const { main, ports, tls, unix } = sidecar.addresses
  assert.ok(tls !== null && unix !== null && ports.billing !== undefined)
  const ca = readFileSync(join(sidecar.folder, 'ca.crt'), 'utf8')
  const secure = new Agent({ connect: { ca } })
  const local = new Agent({ connect: { socketPath: unix.slice('unix:'.length) } })
  t.after(() => Promise.all([secure.close(), local.close()]))
  const prefix: Door = { name: 'prefix', base: `${main}/billing` }
  const others: Door[] = [
    { name: 'port', base: ports.billing },
    { name: 'tls', base: `${tls}/billing`, dispatcher: secure },
    { name: 'unix', base: 'http://gate/billing', dispatcher: local },
  ]

  await t.test('the prefix, a port of its own, TLS and a Unix socket admit and deny the same', async () => {
    const grant = await sidecar.grant()
    const cases = [
      { method: 'GET', path: '/invoices/1', grant, status: 200, upstream: 1 },
      { method: 'POST', path: '/invoices/1/void', grant, status: 403, upstream: 0 },
      { method: 'GET', path: '/invoices/a%5Cb', grant, status: 400, upstream: 0 },
      { method: 'GET', path: '/customers', grant, status: 403, upstream: 0 },
      { method: 'GET', path: '/invoices/1', grant: null, status: 401, upstream: 0 },
    ] as const
    for (const { method, path, grant: shown, status, upstream } of cases) {
      const before = invoices.seen.length
      const expected = await answerAt(prefix, method, path, shown)
      assert.equal(expected.status, status, expected.body)
      for (const door of others)
        assert.deepEqual(
          await answerAt(door, method, path, shown),
          expected,
          `${door.name}: ${method} ${path}`,
        )
      assert.equal(invoices.seen.length - before, upstream * 4, `${method} ${path}`)
    }
  })

  await t.test('the TLS listener shows a certificate that only its own CA vouches for', async () => {
    await assert.rejects(request(`${tls}/billing/invoices/1`), /certificate/)
  })
})

/** A CA and a certificate for 127.0.0.1, by OpenSSL as an operator would make them. */
function makeCertificate(folder: string): void {
  const openssl = (...args: string[]) => {
    const { status, stderr } = spawnSync('openssl', args, { cwd: folder, encoding: 'utf8' })
    assert.equal(status, 0, stderr)
  }
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
  openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.crt', '-subj', '/CN=local CA')
  openssl(
    ...['req', '-x509', ...key, '-keyout', 'gate.key', '-out', 'gate.crt', '-subj', '/CN=gate'],
    ...['-CA', 'ca.crt', '-CAkey', 'ca.key', '-addext', 'subjectAltName=IP:127.0.0.1'],
    ...['-addext', 'basicConstraints=critical,CA:FALSE'],
  )
}
