import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { invoicesPolicy, startInvoices } from './invoices.js'
import { descriptorsOf, limit } from './limit.js'
import { readInvoice, startLoad } from './load.js'
import { assertNothingLost } from './soundness.js'
import { eventually, type Sidecar, startSidecar } from './supervised-sidecar.js'

async function running(t: TestContext): Promise<Sidecar> {
  const invoices = await startInvoices(t)
  return startSidecar(t, { policy: invoicesPolicy(invoices.address), billing: invoices.address })
}

test('a gate without a descriptor left refuses or closes, and serves again when there are some', async t => {
  const sidecar = await running(t)
  const load = await startLoad(sidecar, 4)
  const count = () => load.answers.filter(({ status }) => status === 200).length
  await eventually('traffic', () => count() >= 20 || undefined)
  const gate = sidecar.pid('gate')
  const unable = limit(gate, 'nofile', descriptorsOf(gate) + 10)
  if (unable !== undefined) {
    await load.stop()
    return t.skip(unable)
  }
  const { hostname, port } = new URL(sidecar.url)
  const sockets: Socket[] = []
  for (let made = 0; made < 60; made++) {
    const socket = connect(Number(port), hostname).on('error', () => undefined)
    sockets.push(socket)
    socket.resume()
    await once(socket, 'connect').catch(() => undefined)
    socket.write('GET /livez HTTP/1.1\r\nHost: gate\r\n\r\n')
  }
  const authorization = `Bearer ${await sidecar.grant()}`
  const fresh = []
  for (let call = 0; call < 10; call++)
    fresh.push(await readInvoice(sidecar.url, authorization, `in-fresh-${call}`, { connection: 'close' }))
  for (const socket of sockets) socket.destroy()
  const before = count()
  await eventually('service again', () => count() >= before + 20 || undefined)
  const after = await eventually('service of new connections', async () => {
    const answer = await readInvoice(sidecar.url, authorization, `in-after-${Date.now()}`, {
      connection: 'close',
    })
    return answer.status === 200 ? answer : undefined
  })
  await load.stop()
  assert.equal(sidecar.pid('gate'), gate, 'it didn’t have to be started again')
  for (const { status } of fresh) assert.ok(status === null || [200, 502, 503].includes(status), `${status}`)
  await assertNothingLost(sidecar, [...load.answers, ...fresh, after])
})

test('a keeper without a descriptor left loses nothing, and the sidecar goes on by itself', async t => {
  const sidecar = await running(t)
  const load = await startLoad(sidecar, 4)
  const count = () => load.answers.filter(({ status }) => status === 200).length
  await eventually('traffic', () => count() >= 20 || undefined)
  const keeper = sidecar.pid('keeper')
  const unable = limit(keeper, 'nofile', 3)
  if (unable !== undefined) {
    await load.stop()
    return t.skip(unable)
  }
  // It writes its mark to a new file each time, and so has to notice.
  await eventually('refusals', () => load.answers.some(({ status }) => status === 503) || undefined)
  const before = count()
  await eventually('service again', () => count() >= before + 20 || undefined)
  await load.stop()
  await assertNothingLost(sidecar, load.answers, true)
})
