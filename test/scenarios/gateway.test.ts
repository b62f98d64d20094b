import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs'
import { request as httpsRequest } from 'node:https'
import { join } from 'node:path'
import process from 'node:process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Config } from '../../src/cli/config-schema.js'
import { TestCa } from '../certificates.js'
import { Cluster, ISSUER, SUBJECT } from '../credential/pod-tokens.js'
import { makeVolumes, settingsOf } from '../deploy/gateway-pod.js'
import { objectsOf, read } from '../deploy/manifests.js'
import { invoicesPolicy, startInvoices } from './invoices.js'
import { startSidecar } from './supervised-sidecar.js'

const MAIN = fileURLToPath(new URL('../../bin/main.js', import.meta.url))
const RENDERED = 'deploy/kustomize/gateway/rendered.yaml'
const POD = `identity: [{ issuer: "${ISSUER}", subject: "${SUBJECT}" }]`

test('a gateway as the chart sets it up: one keeper, two gates, TLS, and pods that present themselves', async t => {
  const cluster = await Cluster.start()
  const invoices = await startInvoices(t)
  const authority = new TestCa(t)
  const sidecar = await startSidecar(t, {
    policy: invoicesPolicy(invoices.address).replace('session: 8h', POD),
    billing: invoices.address,
    configure: (config, folder) => {
      const pod = join(folder, 'pod')
      const made = settingsOf(objectsOf(read(RENDERED)), 'countersign.yaml', pod)
      makeVolumes(pod)
      // As `inject unpack` leaves them.
      const secrets = join(pod, 'run/countersign-keeper/secrets')
      mkdirSync(secrets, { recursive: true, mode: 0o700 })
      for (const file of [
        'keys/receipt.jwk',
        'keys/checkpoint.jwk',
        'keys/grant.jwk',
        'enrolment.json',
        'vault.jwe',
        'vault.key',
      ]) {
        const to = join(secrets, file.replace('keys/', ''))
        copyFileSync(join(folder, 'keeper', file), to)
        chmodSync(to, 0o600)
      }
      // A ConfigMap's keys, catalogs among them.
      const mounted = join(pod, 'etc/countersign')
      copyFileSync(join(folder, 'trust/root.json'), join(mounted, 'root.json'))
      copyFileSync(join(folder, 'auditor/public.jwk'), join(mounted, 'auditor.jwk'))
      copyFileSync(join(folder, 'policy/policy.sealed.json'), join(mounted, 'policy.sealed.json'))
      for (const name of readdirSync(join(folder, 'policy/catalogs')))
        copyFileSync(join(folder, 'policy/catalogs', name), join(mounted, name))
      writeFileSync(join(folder, 'jwks.json'), JSON.stringify(cluster.jwks))
      install(pod, authority.issue('gateway', { names: 'IP:127.0.0.1', usage: 'serverAuth' }))
      return {
        ...made,
        origin: config.origin,
        audience: config.audience,
        trust: { ...made.trust, pin: config.trust.pin },
        gate: {
          ...made.gate,
          tls: {
            ...(made.gate.tls as NonNullable<Config['gate']['tls']>),
            ports: { billing: '127.0.0.1:0' },
          },
        },
        // No API server is here to ask for keys.
        keeper: { ...made.keeper, identities: [{ issuer: ISSUER, keys: { file: 'jwks.json' } }] },
      }
    },
  })
  const pod = join(sidecar.folder, 'pod')
  const token = () => cluster.token(sidecar.loaded.config.origin, Date.now())
  const first = sidecar.addresses.tls as string
  const second = await secondGate(sidecar.folder, sidecar.loaded.file, t)

  await t.test('both gates ask the one keeper, and each admits the same pod', async () => {
    assert.equal((await sidecar.status()).gates, 2)
    for (const base of [`${first}/billing`, `${second}/billing`, sidecar.addresses.tlsPorts.billing])
      assert.equal(await ask(`${base}/invoices/1`, authority.cert, await token()), 200)
    assert.equal(invoices.seen.length, 3)
  })

  await t.test('attack: the word of a sidecar is no identity here, and neither is no token', async () => {
    for (const shown of ['countersign-pod', ''])
      assert.equal(await ask(`${second}/billing/invoices/1`, authority.cert, shown), 401)
  })

  await t.test('a certificate that was renewed in its files is shown without a restart', async () => {
    const next = new TestCa(t)
    install(pod, next.issue('gateway', { names: 'IP:127.0.0.1', usage: 'serverAuth' }))
    for (const base of [first, second]) {
      let status = 0
      while (status !== 200) status = await ask(`${base}/billing/invoices/1`, next.cert, await token())
    }
  })

  await t.test('the ledger has one history of both', () => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [MAIN, 'receipts', 'verify', '--config', sidecar.loaded.file],
      { encoding: 'utf8' },
    )
    assert.equal(status, 0, stdout + stderr)
  })
})

/** Both files by a rename of their folder's link, as a kubelet does it; here one after the other. */
function install(pod: string, { cert, key }: { readonly cert: string; readonly key: string }): void {
  for (const [name, text] of [
    ['tls.crt', cert],
    ['tls.key', key],
  ] as const) {
    const file = join(pod, 'etc/countersign-tls', name)
    writeFileSync(`${file}.new`, text)
    renameSync(`${file}.new`, file)
  }
}

/** Another gate's process on another configuration, as the chart's second container; resolves with its TLS address. */
async function secondGate(
  folder: string,
  like: string,
  t: { after(end: () => unknown): void },
): Promise<string> {
  const file = join(folder, 'gate-2.yaml')
  writeFileSync(file, readFileSync(like))
  const child: ChildProcess = spawn(process.execPath, [MAIN, 'run', '--role', 'gate', '--config', file], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise<void>(resolve => child.once('exit', () => resolve()))
    child.kill('SIGTERM')
    await gone
  })
  let printed = ''
  child.stderr?.on('data', chunk => {
    printed += chunk
  })
  const report = await new Promise<{ tls: string }>((resolve, reject) => {
    child.once('message', message => resolve((message as { ready: { tls: string } }).ready))
    child.once('close', () => reject(new Error(printed)))
  })
  return report.tls
}

/** The answer's status; 0 where TLS isn't believed. */
function ask(url: string, ca: string, token: string): Promise<number> {
  return new Promise(resolve => {
    const asked = httpsRequest(url, {
      ca,
      agent: false,
      headers: token === '' ? {} : { authorization: `Bearer ${token}` },
    })
    asked.once('response', response => resolve(response.resume().statusCode ?? 0))
    asked.once('error', () => resolve(0))
    asked.end()
  })
}
