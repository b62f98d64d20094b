import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFile, rm, stat, writeFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { askWitnesses, exchange } from '../../src/ledger/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import { formatVerifierKey, logKey, parseVerifierKey } from '../../src/receipt/index.js'
import { ALog } from '../witness/a-log.js'
import { startWitness } from '../witness/witness-process.js'
import { countersign, scratch } from './command-line.js'

const NAME = 'witness.test/w1'
async function add(url: string, body: string): Promise<{ status: number; text: string }> {
  const response = await fetch(`${url}/add-checkpoint`, { method: 'POST', body })
  return { status: response.status, text: await response.text() }
}

/** A CA and a certificate for 127.0.0.1, by OpenSSL as an operator would make them. */
function makeCertificate(folder: string): void {
  const openssl = (...args: readonly string[]) => {
    const { status, stderr } = spawnSync('openssl', args, { cwd: folder, encoding: 'utf8' })
    assert.equal(status, 0, stderr)
  }
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
  openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.crt', '-subj', '/CN=local CA')
  openssl(
    ...['req', '-x509', ...key, '-keyout', 'w.key', '-out', 'w.crt', '-subj', '/CN=witness'],
    ...['-CA', 'ca.crt', '-CAkey', 'ca.key', '-addext', 'subjectAltName=IP:127.0.0.1'],
    ...['-addext', 'basicConstraints=critical,CA:FALSE'],
  )
}

describe('countersign witness', () => {
  it('makes a witness, says its key, cosigns, stops when told, and remembers', async t => {
    const path = await scratch(t)
    const made = await countersign('witness', 'init', path('w'), '--name', NAME)
    assert.equal(made.code, 0, made.err)
    assert.equal((await stat(path('w', 'key.jwk'))).mode & 0o777, 0o600)
    const told = await countersign('witness', 'key', path('w'), '--url', 'https://w.test', '--json')
    const { name, verifierKey, line } = JSON.parse(told.out) as Record<string, string>
    assert.equal(name, NAME)
    assert.equal(line, `witness ${NAME} ${verifierKey} https://w.test`)
    const appended = await countersign('witness', 'key', path('w'), '--url', 'https://w.test')
    assert.equal(appended.out, `${line}\n`)
    assert.ok(made.out.includes(verifierKey as string))
    assert.equal(parseVerifierKey(nativeCrypto, verifierKey as string).use, 'witness')

    const log = new ALog().grow(4)
    const listed = formatVerifierKey(nativeCrypto, logKey(log.origin, log.key.publicKey))
    await writeFile(path('w', 'logs'), `${await readFile(path('w', 'logs'), 'utf8')}log ${listed}\n`)
    const first = await startWitness(t, ['serve', path('w')])
    assert.equal((await add(first.url, await log.request(0))).status, 200)
    assert.equal(await first.stop(), 0, first.errors())

    const second = await startWitness(t, [path('w')])
    assert.deepEqual(await add(second.url, await log.grow(1).request(0)), { status: 409, text: '4\n' })
  })

  it('opens a key under a passphrase, from a file', async t => {
    const path = await scratch(t)
    await writeFile(path('words'), 'correct horse battery staple\n', { mode: 0o600 })
    const lock = ['--passphrase-file', path('words')]
    assert.equal((await countersign('witness', 'init', path('w'), '--name', NAME, ...lock)).code, 0)
    assert.doesNotMatch(await readFile(path('w', 'key.jwk'), 'utf8'), /"d"/)
    const { url } = await startWitness(t, ['serve', path('w'), ...lock])
    assert.equal((await fetch(`${url}/healthz`)).status, 200)
    const refused = await countersign('witness', 'serve', path('w'))
    assert.equal(refused.code, 2)
    assert.match(refused.err, /--passphrase-file/)
  })

  it('serves https, which is asked with its CA alone, and says when a certificate can’t be used', async t => {
    const path = await scratch(t)
    assert.equal((await countersign('witness', 'init', path('w'), '--name', NAME)).code, 0)
    const log = new ALog().grow(2)
    const listed = formatVerifierKey(nativeCrypto, logKey(log.origin, log.key.publicKey))
    await writeFile(path('w', 'logs'), `log ${listed}\n`)
    makeCertificate(path())
    const tls = ['--tls-cert', path('w.crt'), '--tls-key', path('w.key')]
    const { url } = await startWitness(t, ['serve', path('w'), ...tls])
    assert.match(url, /^https:/)
    const body = await log.request(0)
    const withCa = exchange({ ca: await readFile(path('ca.crt'), 'utf8') })
    const without = exchange()
    t.after(() => Promise.all([withCa.close(), without.close()]))
    const signal = AbortSignal.timeout(20_000)
    const stranger = await askWitnesses(without)(url, body, signal)
    assert.equal(stranger.kind === 'failed' && stranger.fault.code, 'witness_unreachable')
    assert.equal((await askWitnesses(withCa)(`${url}/`, body, signal)).kind, 'cosigned')
    await writeFile(path('bad.key'), 'no key\n')
    const listen = ['--listen', '127.0.0.1:0']
    const bad = await countersign(
      'witness',
      'serve',
      path('w'),
      ...listen,
      ...tls.slice(0, 3),
      path('bad.key'),
    )
    assert.deepEqual([bad.code, /can’t listen/.test(bad.err)], [2, true], bad.err)
  })

  it('keeps its mark elsewhere, and refuses to start without it, with another key, or with its memory gone', async t => {
    const path = await scratch(t)
    const mark = ['--mark', path('elsewhere', 'mark.json')]
    assert.equal((await countersign('witness', 'init', path('w'), '--name', NAME, ...mark)).code, 0)
    const serve = (...more: readonly string[]) =>
      countersign('witness', 'serve', path('w'), '--listen', '127.0.0.1:0', ...more)
    assert.match((await serve()).err, /witness_mark_missing|mark of the witness/)
    await countersign('trust', 'key', path('other.jwk'))
    assert.match((await serve(...mark, '--key', path('other.jwk'))).err, /not that of this witness/)
    await rm(path('w', 'memory', 'memory.json'))
    const { code, err } = await serve(...mark)
    assert.equal(code, 2)
    assert.match(err, /no state[\s\S]*must not go on under its name/)
  })

  it('refuses names, addresses, prefixes and halves of a certificate that can’t work', async t => {
    const path = await scratch(t)
    const refused = async (...argv: readonly string[]) => {
      const { code, err } = await countersign('witness', ...argv)
      assert.equal(code, 2, argv.join(' '))
      return err
    }
    await refused('init', path('x'), '--name', 'two words')
    await refused('init', path('x'))
    assert.equal((await countersign('witness', 'init', path('w'), '--name', NAME)).code, 0)
    assert.match(await refused('init', path('w'), '--name', NAME), /holds a witness already/)
    await refused('serve', path('w'), '--listen', 'nowhere')
    await refused('serve', path('w'), '--prefix', 'w1/')
    await refused('serve', path('w'), '--tls-cert', path('w', 'logs'))
    await writeFile(path('w', 'logs'), 'log nonsense\n')
    assert.match(await refused('serve', path('w'), '--listen', '127.0.0.1:0'), /line 1/)
    await refused('key', path('nowhere'))
  })
})
