import assert from 'node:assert/strict'
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createKeyFile } from '../../src/cli/keyfile.js'
import { connectRemoteKeeper } from '../../src/cli/remote-keeper.js'
import { type Issued, TestCa } from '../certificates.js'
import { countersign } from '../cli/command-line.js'
import { invoicesPolicy, startInvoices } from './invoices.js'
import { eventually, prepareSidecar } from './supervised-sidecar.js'

/** A sidecar by whose policy jo has to agree to new invoices, from a machine that has no file of it. */
async function scene(t: TestContext) {
  const home = mkdtempSync(join(tmpdir(), 'countersign-remote-'))
  t.after(() => rmSync(home, { recursive: true, force: true }))
  const jo = createKeyFile(join(home, 'jo.jwk'))
  createKeyFile(join(home, 'stranger.jwk'))
  const ca = new TestCa(t)
  const invoices = await startInvoices(t)
  const policy = `${invoicesPolicy(invoices.address)}  - id: create-with-jo
    hold: { api: billing, operations: ["POST /invoices"] }
    to: coder
    approvers: operators
    because: New invoices are read first.
approvers:
  operators: { keys: { jo: "${jo}" }, threshold: 1, expires: 30m }
`
  const sidecar = await prepareSidecar(t, {
    policy,
    billing: invoices.address,
    configure: config => ({
      ...config,
      keeper: {
        ...config.keeper,
        remote: {
          listen: '127.0.0.1:0',
          certificate: 'tls/keeper.crt',
          key: 'tls/keeper.key',
          clientCa: 'tls/clients.crt',
        },
      },
    }),
  })
  const shown = ca.issue('keeper', { names: 'IP:127.0.0.1', usage: 'serverAuth' })
  const inFolder = (name: string) => join(sidecar.folder, 'tls', name)
  mkdirSync(inFolder(''))
  copyFileSync(shown.certFile, inFolder('keeper.crt'))
  copyFileSync(shown.keyFile, inFolder('keeper.key'))
  copyFileSync(ca.certFile, inFolder('clients.crt'))
  const laptop = ca.issue('jo’s laptop', { usage: 'clientAuth' })
  return {
    ca,
    sidecar,
    invoices,
    laptop,
    inFolder,
    key: (name: 'jo' | 'stranger') => join(home, `${name}.jwk`),
    address: () =>
      eventually('the listener', () => /"at":"(https:\/\/127\.0\.0\.1:\d+)"/.exec(sidecar.output)?.[1]),
    /** What the agent gets for a new invoice. */
    create: async (grant: string) => {
      const answer = await fetch(`${sidecar.url}/billing/invoices`, {
        method: 'POST',
        headers: { authorization: `Bearer ${grant}` },
      })
      await answer.text()
      return answer.status
    },
  }
}

function flags(admin: string, { certFile, keyFile }: Issued, ca: TestCa): string[] {
  return ['--admin', admin, '--client-cert', certFile, '--client-key', keyFile, '--ca', ca.certFile]
}

test('people approve, stop and go on from another machine, and a certificate alone approves nothing', async t => {
  const { ca, sidecar, invoices, laptop, key, address, create } = await scene(t)
  await sidecar.start()
  const at = await address()
  const run = (...argv: string[]) => countersign(...argv, ...flags(at, laptop, ca))
  const grant = await sidecar.grant()
  assert.equal(await create(grant), 403)
  const listed = await run('approvals', 'list', '--json')
  assert.equal(listed.code, 0, listed.err)
  const [{ id, digest }] = JSON.parse(listed.out).approvals
  const unsigned = await run('approve', id, '--key', key('stranger'), '--digest', digest)
  assert.notEqual(unsigned.code, 0)
  assert.equal(await create(grant), 403)

  const approved = await run('approve', id, '--key', key('jo'), '--digest', digest)
  assert.equal(approved.code, 0, approved.err)
  assert.match(approved.out, /The agent’s same call passes now, once/)
  assert.deepEqual([await create(grant), invoices.seen.length], [200, 1])

  const halted = await run('halt', '--agent', 'coder', '--by', 'jo', '--because', 'enough')
  assert.equal(halted.code, 0, halted.err)
  assert.equal(await create(grant), 403)
  const { origin } = sidecar.loaded.config
  const operate = ['--because', 'sorted out', '--key', sidecar.loaded.path('trust/keys/operate.jwk')]
  const elsewhere = await run('resume', '--agent', 'coder', '--origin', `${origin}-2`, ...operate)
  assert.match(elsewhere.err, /operate_order_elsewhere/)
  const resumed = await run('resume', '--agent', 'coder', '--origin', origin, ...operate)
  assert.equal(resumed.code, 0, resumed.err)
  assert.deepEqual((await sidecar.status()).stops.halts, [])

  const keeper = connectRemoteKeeper(at, {
    clientCert: laptop.certFile,
    clientKey: laptop.keyFile,
    ca: ca.certFile,
  })
  await assert.rejects(keeper.post('/v1/policy/reload'), /^Error: not_remote: /)
  // More than the keeper answers on one connection, as waiting for an approval comes to.
  for (let i = 0; i < 120; i++) await keeper.get('/v1/stops')
  await keeper.close()
})

test('what keeps a machine out is said with its mend', async t => {
  const { ca, sidecar, laptop, address } = await scene(t)
  await sidecar.start()
  const at = await address()
  const { port } = new URL(at)
  const other = new TestCa(t)
  const list = (...argv: string[]) => countersign('approvals', 'list', ...argv)
  const open = ca.issue('open', { usage: 'clientAuth' })
  chmodSync(open.keyFile, 0o644)
  const cases: readonly [string, readonly string[], RegExp][] = [
    ['no certificate', ['--admin', at], /asks for a client certificate.*--client-cert FILE/s],
    ['another CA’s', flags(at, other.issue('jo', { usage: 'clientAuth' }), ca), /hung up.*clientCa/s],
    ['a keeper of another CA', flags(at, laptop, other), /not to be trusted.*--ca FILE/s],
    ['another name', flags(`https://localhost:${port}`, laptop, ca), /not for localhost/],
    ['nothing', flags(at, laptop, ca), /^$/],
    ['a key that others read', flags(at, open, ca), /key_unusable|can be read by others/],
    ['a key of another', flags(at, { ...laptop, certFile: open.certFile }, ca), /is not the key of/],
    ['nobody there', flags('https://127.0.0.1:1', laptop, ca), /cannot reach.*keeper\.remote/s],
    ['no TLS', flags(`http://127.0.0.1:${port}`, laptop, ca), /neither a socket nor a keeper/],
    ['a path behind it', flags(`${at}/v1`, laptop, ca), /neither a socket nor a keeper/],
    ['certificates for a socket', flags('/run/keeper.sock', laptop, ca), /--admin https:\/\/HOST:PORT/],
  ]
  for (const [what, argv, expected] of cases)
    await t.test(what, async () => {
      const { code, err } = await list(...argv)
      assert.match(err, expected)
      assert.equal(code === 0, err === '', err)
    })
})

test('a keeper with a certificate that can’t be used doesn’t start, and says which file it is', async t => {
  const { ca, sidecar, inFolder } = await scene(t)
  const other = ca.issue('other', { names: 'IP:127.0.0.1' })
  const put = (name: string, text: string) => () => writeFileSync(inFolder(name), text)
  const cases: readonly [string, () => void, RegExp][] = [
    [
      'is open to others',
      () => chmodSync(inFolder('keeper.key'), 0o640),
      /keeper\.key can be read by others/,
    ],
    ['is another’s key', put('keeper.crt', other.cert), /keeper\.key is not the key of .*keeper\.crt/],
    ['is no certificate', put('keeper.crt', 'nothing'), /keeper\.crt has no certificate/],
    ['is no CA', put('clients.crt', other.cert), /clients\.crt has a certificate that is no CA’s/],
    ['is not there', () => rmSync(inFolder('clients.crt')), /file_unreachable|clients\.crt: ENOENT/],
  ]
  for (const [what, spoil, expected] of cases)
    await t.test(what, async () => {
      const whole = ['keeper.crt', 'keeper.key', 'clients.crt'].map(name => inFolder(name))
      for (const file of whole) copyFileSync(file, `${file}.kept`)
      spoil()
      await assert.rejects(sidecar.start('keeper'), expected)
      for (const file of whole) {
        copyFileSync(`${file}.kept`, file)
        chmodSync(file, 0o600)
      }
    })
})
