import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { afterEach, describe, it } from 'node:test'
import { type AGateOptions, type ARunningGate, aGate, BEARER, GRANT } from './a-gate.js'
import { dial, rawRequest } from './raw-http.js'
import type { RecordingUpstream } from './recording-upstream.js'
import { ATTEMPT } from './table-keeper.js'

const opened: ARunningGate[] = []
const open = async (options: AGateOptions = {}): Promise<ARunningGate> => {
  const running = await aGate(options)
  opened.push(running)
  return running
}
afterEach(async () => {
  for (const running of opened.splice(0)) await running.close()
})

async function assertFault(response: Response, status: number, code: string): Promise<string> {
  const text = await response.text()
  assert.equal(response.status, status, text)
  assert.equal((JSON.parse(text) as { code: string }).code, code)
  assert.doesNotMatch(text, /127\.0\.0\.1|ECONN|localhost|undici/)
  return text
}

describe('an upstream that fails', () => {
  it('to be there is 502, with nothing executed and nothing told about its address', async () => {
    const closed = createServer().listen(0, '127.0.0.1')
    await once(closed, 'listening')
    const { port } = closed.address() as { port: number }
    closed.close()
    const { call, keeper } = await open({ origin: `http://127.0.0.1:${port}` })
    const text = await assertFault(await call('/invoices'), 502, 'upstream_unreachable')
    assert.match(text, /nothing was executed/)
    assert.equal((await keeper.outcome()).status, 'not_sent')
  })

  // Less than the ten seconds that undici gives a connection by itself.
  it('to finish its handshake in time is 502, with nothing executed', { timeout: 9_000 }, async () => {
    const sockets: Socket[] = []
    const silent = createServer(socket => void sockets.push(socket)).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const { port } = silent.address() as { port: number }
    try {
      const limits = { connectMs: 100, closeMs: 50 }
      const { call, keeper } = await open({ origin: `https://127.0.0.1:${port}`, limits })
      const text = await assertFault(await call('/invoices'), 502, 'upstream_unreachable')
      assert.match(text, /nothing was executed/)
      assert.equal((await keeper.outcome()).status, 'not_sent')
    } finally {
      for (const socket of sockets) socket.destroy()
      silent.close()
    }
  })

  it('to answer in time is 504, and may have executed', async () => {
    const { call, keeper, upstream } = await open({ limits: { upstreamMs: 50 } })
    upstream.answer = () => {}
    const text = await assertFault(await call('/invoices'), 504, 'upstream_timeout')
    assert.match(text, /may have been executed/)
    assert.equal((await keeper.outcome()).status, 'timeout')
  })

  it('in the middle of its answer cuts the answer, and the outcome says so', async () => {
    const { call, keeper, upstream } = await open()
    upstream.answer = (request, response) => {
      response.writeHead(200, { 'Content-Length': 100 }).write('half')
      setImmediate(() => request.socket.destroy())
    }
    const response = await call('/invoices')
    await assert.rejects(response.text())
    const outcome = await keeper.outcome()
    assert.deepEqual([outcome.status, outcome.http, outcome.responseBytes], ['upstream_error', 200, 4])
  })

  it('to speak HTTP is 502', async () => {
    const server = createServer(socket => socket.end('220 smtp.test ESMTP\r\n')).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    const { call, keeper } = await open({ origin: `http://127.0.0.1:${port}` })
    await assertFault(await call('/invoices'), 502, 'upstream_broken')
    assert.equal((await keeper.outcome()).status, 'upstream_error')
    server.close()
  })

  it('with informational answers without end is 502', async () => {
    const server = createServer(socket => {
      socket.on('error', () => undefined)
      socket.once('data', () => {
        for (let sent = 0; sent < 1_000; sent++)
          socket.write('HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n')
      })
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    const { call, keeper } = await open({
      origin: `http://127.0.0.1:${port}`,
      limits: { upstreamMs: 10_000 },
    })
    try {
      await assertFault(await call('/invoices'), 502, 'upstream_broken')
      assert.equal((await keeper.outcome()).status, 'upstream_error')
    } finally {
      server.close()
    }
  })
})

describe('where requests may go', () => {
  it('is no loopback address unless the sealed policy names a private upstream', async () => {
    const { call, keeper, upstream } = await open({
      privateUpstream: false,
      origin: 'https://localhost:9',
    })
    const text = await assertFault(await call('/invoices'), 502, 'address_refused')
    assert.match(text, /nothing was executed/)
    assert.equal((await keeper.outcome()).status, 'not_sent')
    assert.equal(upstream.received.length, 0)
  })

  it('is no plain HTTP origin unless the policy names a private upstream: such a policy is not served', async () => {
    const { call, keeper } = await open({ privateUpstream: false, origin: 'http://api.example.com' })
    assert.equal((await call('/invoices')).status, 503)
    assert.equal(keeper.admitted.length, 0)
  })
})

describe('redirects', () => {
  const redirecting = async (location: string): Promise<{ response: Response; running: ARunningGate }> => {
    const running = await open()
    running.upstream.answer = (_request, response) =>
      void response.writeHead(302, { Location: location.replace('{origin}', running.upstream.origin) }).end()
    return { response: await running.call('/invoices/in_1'), running }
  }

  it('to another origin are passed back without their Location, and not followed', async () => {
    for (const location of ['https://evil.test/x', '//evil.test/x', 'http://127.0.0.1:1/x', 'javascript:1']) {
      const { response, running } = await redirecting(location)
      assert.equal(response.status, 302)
      assert.equal(response.headers.get('location'), null, location)
      assert.equal(running.upstream.received.length, 1)
    }
  })

  for (const [location, expected] of [
    ['/v2/invoices?x=1', '/billing/v2/invoices?x=1'],
    ['{origin}/v2/invoices', '/billing/v2/invoices'],
    ['in_2', '/billing/invoices/in_2'],
  ] as const) {
    it(`within the upstream lead the agent back through the gate: ${location}`, async () => {
      const { response } = await redirecting(location)
      assert.equal(response.headers.get('location'), expected)
    })
  }

  it('attack: a path that a port of its own would hand on as another host is dropped', async () => {
    const running = await open({ ports: { billing: '127.0.0.1:0' } })
    running.upstream.answer = (_request, response) =>
      void response.writeHead(302, { Location: `${running.upstream.origin}//evil.test/x` }).end()
    const port = running.gate.addresses().ports.billing as string
    const response = await fetch(`${port}/invoices/in_1`, {
      redirect: 'manual',
      headers: { authorization: `Bearer ${GRANT}` },
    })
    assert.equal(response.status, 302)
    assert.equal(response.headers.get('location'), null)
  })

  it('in Link headers lead back through the gate as absolute URLs, or are dropped', async () => {
    const running = await open()
    const links = [
      `<${running.upstream.origin}/invoices?page=2>; rel="next"`,
      '<https://evil.test/>; rel="next"',
    ]
    running.upstream.answer = (_request, response) =>
      void response.writeHead(200, { Link: links.shift() }).end()
    assert.equal(
      (await running.call('/invoices')).headers.get('link'),
      `<${running.url}/billing/invoices?page=2>; rel="next"`,
    )
    assert.equal((await running.call('/invoices')).headers.get('link'), null)
  })
})

describe('an agent that leaves', () => {
  it('in the middle of the answer does not change the outcome', async () => {
    const { url, keeper, upstream } = await open()
    let finish = (): void => {}
    upstream.answer = (_request, response) => {
      response.writeHead(200).write('first')
      finish = () => void response.end('second')
    }
    const socket = dial(url)
    socket.write(rawRequest('GET /billing/invoices', [BEARER]))
    await once(socket, 'data')
    socket.destroy()
    await once(socket, 'close')
    finish()
    const outcome = await keeper.outcome()
    assert.deepEqual([outcome.status, outcome.responseBytes], ['completed', 11])
  })

  /** Leaves as soon as its answer has begun. */
  const leave = async (url: string): Promise<void> => {
    const socket = dial(url)
    socket.write(rawRequest('GET /billing/invoices', [BEARER]))
    await once(socket, 'data')
    socket.destroy()
  }

  it('to an upstream that floods is followed for so many bytes, and no further', async () => {
    const { url, keeper, upstream } = await open({ limits: { drainBytes: 100_000, drainMs: 600_000 } })
    flood(upstream, 256 << 20)
    await leave(url)
    const { status, responseBytes } = await keeper.outcome()
    assert.equal(status, 'aborted')
    assert.ok(responseBytes < 128 << 20, `${responseBytes} bytes`)
  })

  it('to an upstream that dribbles is followed for so long, and no longer', async () => {
    const { url, keeper, upstream } = await open({ limits: { drainBytes: 1 << 30, drainMs: 50 } })
    upstream.answer = (_request, response) => {
      let parts = 0
      const dribble = setInterval(() => {
        if (++parts < 3_000 && !response.destroyed) response.write('x')
        else {
          clearInterval(dribble)
          response.end()
        }
      }, 5)
    }
    await leave(url)
    assert.equal((await keeper.outcome()).status, 'aborted')
  })

  it('in the middle of a streamed upload aborts it', async () => {
    const { url, keeper, upstream } = await open()
    const socket = dial(url)
    socket.write(rawRequest('PUT /billing/blobs/b', [BEARER, 'Content-Length: 100'], 'half'))
    while (keeper.admitted.length === 0) await new Promise(resolve => setImmediate(resolve))
    socket.destroy()
    const outcome = await keeper.outcome()
    assert.ok(['aborted', 'not_sent'].includes(outcome.status), outcome.status)
    assert.equal(upstream.received.length, 0)
  })

  it('before the keeper answered is not sent at all', async () => {
    const { url, keeper, upstream } = await open()
    const socket = dial(url)
    keeper.onAdmit = async () => {
      socket.destroy()
      await once(socket, 'close')
      // The gate's side of the connection learns of it in a turn of its own.
      for (let turn = 0; turn < 20; turn++) await new Promise(resolve => setImmediate(resolve))
    }
    socket.write(rawRequest('DELETE /billing/invoices/in_1', [BEARER]))
    assert.equal((await keeper.outcome()).status, 'not_sent')
    assert.equal(upstream.received.length, 0)
  })
})

/** An upstream's answer of so many bytes, as fast as the gate takes it; `written` is how many have left. */
function flood(upstream: RecordingUpstream, bytes: number): { written: number } {
  const count = { written: 0 }
  upstream.answer = (_request, response) => {
    const part = Buffer.alloc(1 << 16)
    const fill = (): void => {
      while (count.written < bytes && !response.destroyed) {
        count.written += part.length
        if (!response.write(part)) return void response.once('drain', fill)
      }
      response.end()
    }
    fill()
  }
  return count
}

describe('a slow agent', () => {
  it('slows the upstream down instead of filling memory', async () => {
    const { url, upstream, keeper } = await open()
    const whole = 64 << 20
    const count = flood(upstream, whole)
    const socket = dial(url)
    socket.pause()
    socket.write(rawRequest('GET /billing/invoices', [BEARER]))
    // It stands still once every buffer on the way is full.
    for (let before = -1, still = 0; count.written === 0 || still < 500; before = count.written) {
      still = count.written === before ? still + 1 : 0
      await new Promise(resolve => setImmediate(resolve))
    }
    assert.ok(count.written < whole / 2, `${count.written >> 20} MiB left the upstream`)
    socket.resume()
    await once(socket, 'close')
    assert.equal((await keeper.outcome()).responseBytes, whole)
  })

  it('that never reads its answer loses its connection', { timeout: 20_000 }, async () => {
    const limits = { upstreamMs: 400, keepAliveMs: 100, closeMs: 50 }
    const { url, upstream, keeper } = await open({ limits })
    const whole = 64 << 20
    const count = flood(upstream, whole)
    const socket = dial(url).on('error', () => undefined)
    socket.pause()
    socket.write(rawRequest('GET /billing/invoices', [BEARER]))
    assert.equal((await keeper.outcome()).status, 'aborted')
    assert.ok(count.written < whole / 2, `${count.written >> 20} MiB left the upstream`)
    socket.destroy()
  })
})

describe('headers that the catalog adds', () => {
  it('go upstream under the id of the attempt, and replace nothing that the agent pinned', async () => {
    const { call, upstream, keeper } = await open()
    const view = keeper.policy()
    assert.ok(view)
    const [api] = view.apis
    assert.ok(api)
    const body = {
      ...(api.catalog.body as object),
      idempotency: { header: 'idempotency-key', methods: ['POST'] },
    }
    keeper.setPolicy({ ...view, cid: 'sha256:two', apis: [{ ...api, catalog: { ...api.catalog, body } }] })
    const json = { method: 'POST', body: '{}', headers: { 'Content-Type': 'application/json' } }
    await call('/invoices', json)
    assert.equal(upstream.received[0]?.headers['idempotency-key'], `cs-${ATTEMPT}`)
    await call('/invoices', { ...json, headers: { ...json.headers, 'Idempotency-Key': 'mine' } })
    assert.equal(upstream.received[1]?.headers['idempotency-key'], 'mine')
  })
})
