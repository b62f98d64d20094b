import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { encoded } from '../gate/a-gate.js'
import { invoicesPolicy, startInvoices } from './invoices.js'
import { mostDescriptors, peakResidentMib } from './limit.js'
import { type Answered, readInvoice } from './load.js'
import { assertNothingLost } from './soundness.js'
import { eventually, type Sidecar, startSidecar } from './supervised-sidecar.js'

/** More than one listener takes. */
const MANY = 4_300
const TOGETHER = 100
const MAX_RESIDENT_MIB = 400

async function running(t: TestContext): Promise<Sidecar> {
  const invoices = await startInvoices(t)
  return startSidecar(t, {
    policy: invoicesPolicy(invoices.address, { allow: '[read, create]' }),
    billing: invoices.address,
  })
}

/** Opens that many connections and writes to each; answers those that are still open at any time. */
async function hold(t: TestContext, url: string, count: number, words: () => string): Promise<Set<Socket>> {
  const { hostname, port } = new URL(url)
  const open = new Set<Socket>()
  t.after(() => {
    for (const socket of open) socket.destroy()
  })
  for (let made = 0; made < count; made += TOGETHER)
    await Promise.all(
      Array.from({ length: Math.min(TOGETHER, count - made) }, async () => {
        const socket = connect(Number(port), hostname)
        open.add(socket)
        socket.on('error', () => undefined)
        socket.on('close', () => open.delete(socket))
        socket.resume()
        await once(socket, 'connect')
        socket.write(words())
      }),
    )
  return open
}

/** Ten reads, each on a connection of its own. */
async function readTen(sidecar: Sidecar, authorization: string): Promise<Answered[]> {
  const answers: Answered[] = []
  for (let call = 0; call < 10; call++) {
    const id = `in-${randomUUID()}`
    answers.push(await readInvoice(sidecar.url, authorization, id, { connection: 'close' }))
  }
  return answers
}

for (const [what, words] of [
  ['that have had an answer and stay open', () => 'GET /livez HTTP/1.1\r\nHost: gate\r\n\r\n'],
  ['that send half a request', () => 'GET /billing/invoices/1 HTTP/1.1\r\nHost: gate\r\nX-Slow: '],
  ['that send nothing', () => ''],
] as const)
  test(`thousands of connections ${what} keep nobody out`, async t => {
    if (mostDescriptors() < 2 * MANY) return t.skip(`only ${mostDescriptors()} descriptors`)
    const sidecar = await running(t)
    const authorization = `Bearer ${await sidecar.grant()}`
    const before = await readTen(sidecar, authorization)
    const open = await hold(t, sidecar.url, MANY, words)
    const during = await readTen(sidecar, authorization)
    assert.deepEqual(
      during.map(({ status }) => status),
      Array(10).fill(200),
    )
    assert.ok(open.size < MANY, 'none of them made room')
    const peak = peakResidentMib(sidecar.pid('gate'))
    assert.ok(peak < MAX_RESIDENT_MIB, `the gate took ${peak} MiB`)
    for (const socket of open) socket.destroy()
    await assertNothingLost(sidecar, [...before, ...during])
  })

test('headers that never end are let go of', async t => {
  const sidecar = await running(t)
  const open = await hold(t, sidecar.url, 300, () => 'GET /billing/invoices/1 HTTP/1.1\r\nX-Slow: ')
  await eventually('the end of all of them', () => open.size === 0 || undefined)
  const after = await readTen(sidecar, `Bearer ${await sidecar.grant()}`)
  await assertNothingLost(sidecar, after)
})

test('bodies that trickle behind a thousand forged grants keep no other body out', async t => {
  if (mostDescriptors() < 4_000) return t.skip(`only ${mostDescriptors()} descriptors`)
  const sidecar = await running(t)
  const grant = await sidecar.grant()
  const head = grant.split('.')[0]
  const open = await hold(t, sidecar.url, 1_100, () => {
    const forged = `${head}.${encoded({ jti: randomUUID() })}.c2ln`
    return `POST /billing/invoices HTTP/1.1\r\nHost: gate\r\nAuthorization: Bearer ${forged}\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{"a":`
  })
  for (let call = 0; call < 10; call++) {
    const answer = await fetch(`${sidecar.url}/billing/invoices`, {
      method: 'POST',
      headers: { authorization: `Bearer ${grant}`, 'content-type': 'application/json', connection: 'close' },
      body: JSON.stringify({ call }),
    })
    assert.equal(answer.status, 200, await answer.text())
  }
  for (const socket of open) socket.destroy()
  const entries = await assertNothingLost(sidecar, [])
  const slow = entries.filter(entry => entry.type === 'attempt' && entry.decision.code === 'body_slow')
  assert.ok(slow.length > 0, 'the longest gave way, and that is recorded')
  assert.ok(slow.length < 100, 'but not each one by one')
})
