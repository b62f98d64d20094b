import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { type TestContext, test } from 'node:test'
import { vaultLocation } from '../../src/cli/vault-location.js'
import { putEntry } from '../../src/credential/index.js'
import { countersign } from '../cli/command-line.js'
import { Collector, hmacOf, ObjectStore, refuse } from '../ledger/ship-fixture.js'
import { type Invoices, invoicesPolicy, startInvoices } from './invoices.js'
import { eventually, prepareSidecar, type Sidecar } from './supervised-sidecar.js'

const SECRET = 'secret-of-the-collector-4711'
const STORE_SECRET = 'secret-of-the-store-0815'

interface Scene {
  readonly invoices: Invoices
  readonly collector: Collector
  readonly store: ObjectStore
  readonly sidecar: Sidecar
  read(id: number): Promise<{ status: number; text: string }>
}

/** A sidecar that ships to a collector, which its policy waits for, and to a bucket, which it doesn't. */
async function scene(t: TestContext, entries: number): Promise<Scene> {
  const [invoices, collector, store] = [
    await startInvoices(t),
    await Collector.listen(t),
    await ObjectStore.listen(t),
  ]
  const sidecar = await prepareSidecar(t, {
    policy: `${invoicesPolicy(invoices.address)}evidence:\n  maxUnshipped: { entries: ${entries} }\n`,
    billing: invoices.address,
    configure: (config, folder) => {
      const key = { accessKeyId: 'AKIATEST', secretAccessKey: STORE_SECRET }
      writeFileSync(join(folder, 'store.json'), JSON.stringify(key), { mode: 0o600 })
      const ship = [
        {
          name: 'collector',
          everySeconds: 3600,
          http: { url: collector.url, auth: 'hmac' as const },
          credential: { vault: 'collector' },
        },
        {
          name: 'archive',
          everySeconds: 1,
          required: false,
          s3: {
            endpoint: store.url,
            region: 'eu-west-1',
            bucket: 'evidence',
            prefix: 'team',
            objectLock: { mode: 'COMPLIANCE' as const, days: 30 },
          },
          credential: { file: 'store.json' },
        },
      ]
      return { ...config, ledger: { ...config.ledger, ship } }
    },
  })
  const entry = {
    name: 'collector',
    kind: 'ship-http' as const,
    material: { secret: SECRET },
    origins: [new URL(collector.url).origin],
    environment: 'evidence',
  }
  await putEntry(vaultLocation(sidecar.loaded, {}), entry, Date.now())
  await sidecar.start()
  const authorization = `Bearer ${await sidecar.grant()}`
  return {
    invoices,
    collector,
    store,
    sidecar,
    read: async id => {
      const answer = await fetch(`${sidecar.url}/billing/invoices/${id}`, { headers: { authorization } })
      return { status: answer.status, text: await answer.text() }
    },
  }
}

test('while receipts can’t leave the host nothing is admitted, and when they can again it is', async t => {
  const at = await scene(t, 12)
  const { collector, invoices, sidecar } = at
  assert.equal((await at.read(1)).status, 200)
  await eventually('the receipts of a request at the collector', async () => {
    const { head, chain } = await sidecar.status()
    // Nobody waits an hour for company: the policy lets twelve be behind.
    return (collector.chains.get(chain)?.length ?? 0) >= head.size - 4 || undefined
  })

  collector.intercept = (_request, response) => {
    response.statusCode = 503
    response.end(`${SECRET} is what you sent`)
    return true
  }
  const refused = await eventually('a refusal', async () => {
    const answer = await at.read(2)
    return answer.status === 200 ? undefined : answer
  })
  assert.equal(refused.status, 503)
  assert.match(refused.text, /evidence_unshipped/)
  assert.match(refused.text, /nothing was executed|not about this request/)
  const before = invoices.seen.length
  for (let i = 0; i < 5; i++) assert.equal((await at.read(3)).status, 503)
  assert.equal(invoices.seen.length, before, 'nothing went upstream')
  const failing = await eventually('the status', async () => {
    const { shipping } = await sidecar.status()
    return shipping.find(({ name, failing }) => name === 'collector' && (failing?.tries ?? 0) >= 3)
  })
  assert.equal(failing.failing?.code, 'ship_answer')
  const said = await countersign('status', '--config', sidecar.loaded.file)
  assert.equal(said.code, 1)
  assert.match(said.out, /! receipts can’t be shipped to collector since .*status 503/)
  assert.match(said.out, /shipping +collector: \d+ shipped to .*, \d+ behind, the oldest \d+ s old/)
  const metrics = await eventually('the metric', async () => {
    const text = await (await fetch(`${sidecar.url}/metrics`)).text()
    return text.includes('countersign_shipping_failing{sink="collector"} 1') ? text : undefined
  })
  assert.match(metrics, /countersign_shipping_lag_entries\{sink="collector"\} [1-9]/)
  assert.match(metrics, /countersign_shipped_entries\{sink="archive"\} \d+/)

  collector.intercept = () => false
  await eventually('an admission', async () => ((await at.read(4)).status === 200 ? true : undefined))
  const denials = (await sidecar.entries()).filter(
    entry => entry.type === 'attempt' && entry.decision.code === 'evidence_unshipped',
  )
  assert.ok(denials.length >= 6, 'each refusal has its receipt')
  assert.equal(await sidecar.stop(), 0)
  for (const secret of [SECRET, STORE_SECRET]) assert.equal(sidecar.output.includes(secret), false)
})

test('a keeper that is killed goes on shipping where it was, and what is shipped is what the ledger holds', async t => {
  const at = await scene(t, 1_000)
  const { collector, store, sidecar } = at
  let requests = 0
  let signed = 0
  collector.intercept = (request, response, body) => {
    requests++
    if (request.headers['countersign-signature'] === hmacOf(SECRET, request.headers, body)) signed++
    const digest = createHash('sha256').update(body).digest('base64')
    assert.equal(request.headers['content-digest'], `sha-256=:${digest}:`)
    // Cut in the middle of a batch, or not answered, now and then.
    if (requests % 3 === 1) response.destroy()
    else if (requests % 5 === 0) refuse(response, 500, 'InternalError')
    else return false
    return true
  }
  for (let i = 0; i < 20; i++) assert.equal((await at.read(i)).status, 200)
  process.kill(sidecar.pid('keeper'), 'SIGKILL')
  await eventually('an answer after the restart', async () =>
    (await at.read(99)).status === 200 ? true : undefined,
  )
  for (let i = 0; i < 20; i++) await at.read(i)
  await eventually('a shipped bucket', async () => {
    const { shipping } = await sidecar.status()
    return shipping.find(({ name }) => name === 'archive')?.lag.entries === 0 || undefined
  })
  collector.intercept = () => false
  assert.equal(await sidecar.stop(), 0)
  assert.equal(signed, requests, 'every batch proves who sends it')

  const { path, config, file } = sidecar.loaded
  const ledger = path(config.ledger.dir)
  const copy = await store.synchronise(t)
  const keys = ['--trust', path(config.trust.root), '--pin', config.trust.pin]
  const verified = await countersign('receipts', 'verify', ledger, ...keys, '--against', copy)
  assert.equal(verified.code, 0, verified.out + verified.err)
  assert.match(verified.out, /^AS SHIPPED/m)
  const [kept] = collector.chains.values()
  const dump = join(sidecar.folder, 'collected.jsonl')
  writeFileSync(dump, `${kept?.join('\n')}\n`)
  const collected = await countersign('receipts', 'verify', dump, ...keys, '--against', copy)
  assert.equal(collected.code, 0, collected.out + collected.err)
  for (const { headers } of store.objects.values())
    assert.equal(headers['x-amz-object-lock-mode'], 'COMPLIANCE')
  assert.equal(readFileSync(file, 'utf8').includes(SECRET), false)
})
