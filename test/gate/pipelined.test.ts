import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, it } from 'node:test'
import { type AGateOptions, type ARunningGate, aGate, BEARER } from './a-gate.js'
import { dial, exchangeRaw } from './raw-http.js'

const opened: ARunningGate[] = []
const open = async (options: AGateOptions = {}): Promise<ARunningGate> => {
  const running = await aGate(options)
  opened.push(running)
  return running
}
afterEach(async () => {
  for (const running of opened.splice(0)) await running.close()
})

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))
const invoice = (id: number): string =>
  `GET /billing/invoices/${id} HTTP/1.1\r\nHost: gate.test\r\n${BEARER}\r\n\r\n`

describe('attack: what comes behind a request on its connection', () => {
  it('is told that the connection is closed, and gives its place back', { timeout: 20_000 }, async () => {
    const { call, upstream, url, keeper } = await open({ limits: { maxOpenPerGrant: 3, drainMs: 50 } })
    upstream.answer = (request, response) => {
      // The first is never answered, and the others without end: they wait for an agent that reads.
      if (request.url === '/invoices/1') return
      response.write(Buffer.alloc(262_144))
      response.on('drain', () => void response.write(Buffer.alloc(262_144)))
    }
    const socket = dial(url)
    socket.write(invoice(1) + invoice(2) + invoice(3))
    while (upstream.received.length < 3) await turn()
    socket.destroy()
    await once(socket, 'close')
    while (keeper.settled.length < 3) await turn()
    for (const { status } of keeper.settled) assert.equal(status, 'aborted')
    upstream.answer = (_request, response) => void response.end('done')
    assert.equal(await (await call('/invoices')).text(), 'done')
  })

  it('may be CONNECT: the connection is closed, and the gate goes on', async () => {
    const { call, keeper, upstream, url } = await open({ limits: { drainMs: 50 } })
    upstream.answer = () => {}
    const connectLine = 'CONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test:443\r\n\r\n'
    assert.equal((await exchangeRaw(url, invoice(1) + connectLine)).status, 0)
    while (keeper.settled.length < 1) await turn()
    upstream.answer = (_request, response) => void response.end('done')
    assert.equal(await (await call('/invoices')).text(), 'done')
    const metrics = await (await fetch(`${url}/metrics`)).text()
    assert.match(metrics, /^countersign_malformed_connections_total 1$/m)
  })

  it('may be CONNECT behind what Node answers by itself', async () => {
    const { call, upstream, url } = await open()
    upstream.answer = (_request, response) => void response.end('done')
    const nameless = 'GET /livez HTTP/1.1\r\n\r\n'
    for (const first of [
      nameless,
      `HEAD${nameless.slice(3)}`,
      nameless.replace('\r\n\r\n', '\r\nExpect: x\r\n\r\n'),
    ])
      await exchangeRaw(url, `${first}CONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test:443\r\n\r\n`)
    assert.equal(await (await call('/invoices')).text(), 'done')
  })

  it('waits behind no upload that the upstream has answered before its end', async t => {
    const early = createServer((_request, response) => void response.writeHead(403).end('no'))
    await new Promise<void>(resolve => early.listen(0, '127.0.0.1', resolve))
    t.after(() => {
      early.closeAllConnections()
      early.close()
    })
    const origin = `http://127.0.0.1:${(early.address() as AddressInfo).port}`
    // Without its end the connection is left to the time-outs.
    const { keeper, url } = await open({ origin, limits: { upstreamMs: 500, keepAliveMs: 500 } })
    const upload = `PUT /billing/blobs/1 HTTP/1.1\r\nHost: gate.test\r\n${BEARER}\r\nContent-Length: 20000000\r\n\r\n`
    const { status, head, body } = await exchangeRaw(
      url,
      Buffer.concat([Buffer.from(upload), Buffer.alloc(4_000_000)]),
    )
    assert.deepEqual([status, body], [403, 'no'])
    assert.match(head, /^Connection: close\r?$/m)
    assert.equal((await keeper.outcome()).status, 'completed')
  })

  it('is not taken behind an answer that ends its connection', async () => {
    const { keeper, upstream, url } = await open()
    const socket = dial(url)
    socket.write('POST /billing/forms HTTP/1.1\r\nHost: gate.test\r\nContent-Length: 4\r\n\r\n')
    const [answer] = (await once(socket, 'data')) as [Buffer]
    assert.match(answer.toString(), /^HTTP\/1\.1 401 [\s\S]*\r\nConnection: close\r\n/)
    socket.write(`body${invoice(1)}${invoice(2)}`)
    await once(socket, 'close')
    await turn()
    assert.equal(keeper.admitted.length, 1)
    assert.deepEqual(upstream.received, [])
  })

  it('is answered behind one that did not wait to be asked for its body', async () => {
    const { upstream, url } = await open()
    upstream.answer = (request, response) => void response.end(request.url)
    const unasked = (line: string) =>
      `${line} HTTP/1.1\r\nHost: gate.test\r\n${BEARER}\r\nExpect: 100-continue\r\n`
    const last = invoice(9).replace('Host', 'Connection: close\r\nHost')
    for (const first of [
      `${unasked('GET /billing/invoices/1')}\r\n`,
      `${unasked('POST /billing/unknown')}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ])
      assert.match((await exchangeRaw(url, first + last)).body, /\/invoices\/9/)
  })

  it('may be no request: what is said of it is not taken for the answer', async () => {
    const { upstream, url } = await open()
    upstream.answer = () => {}
    assert.equal((await exchangeRaw(url, `${invoice(1)}GET\r\n\r\n`)).status, 0)
  })
})
