import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { Agent, type Dispatcher } from 'undici'
import { guardedConnector } from '../../src/native/index.js'

const BODY = 'a'.repeat(16_384)
const FRAMINGS: Readonly<Record<string, string>> = {
  'to the end of the connection': `\r\n${BODY}`,
  'by its length': `Content-Length: ${BODY.length}\r\n\r\n${BODY}`,
  'in chunks': `Transfer-Encoding: chunked\r\n\r\n4000\r\n${BODY}\r\n0\r\n\r\n`,
}

interface Half {
  /** At the upstream. */
  readonly socket: Socket
  /** Goes on reading what was paused at its first part. */
  resume(): void
  /** The whole body, or the code of what became of it. */
  readonly read: Promise<string>
  /** Resolves when whatever the upstream had sent by now has reached this side. */
  settled(): Promise<void>
}

/** An answer to a request of undici's whose reader pauses at the first part of its body. */
async function pausedAnswer(t: TestContext, answer: string): Promise<Half> {
  const server = createServer(socket => socket.on('error', () => undefined))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const agent = new Agent({ connect: guardedConnector({ allowPrivate: true, connectTimeoutMs: 2_000 }) })
  t.after(async () => {
    await agent.destroy()
    server.close()
  })
  const parts: Buffer[] = []
  let controller: Dispatcher.DispatchController | null = null
  let paused = (): void => {}
  const pausing = new Promise<void>(resolve => {
    paused = resolve
  })
  const read = new Promise<string>(resolve => {
    agent.dispatch(
      { origin: `http://127.0.0.1:${port}`, path: '/', method: 'GET' },
      {
        onRequestStart: own => {
          controller = own
        },
        onResponseData: (own, part) => {
          parts.push(part)
          if (parts.length > 1) return
          own.pause()
          paused()
        },
        onResponseEnd: () => resolve(Buffer.concat(parts).toString()),
        onResponseError: (_own, error) => resolve(String((error as NodeJS.ErrnoException).code)),
      },
    )
  })
  const [socket] = (await once(server, 'connection')) as [Socket]
  await once(socket, 'data')
  socket.write(`HTTP/1.1 200 OK\r\nConnection: close\r\n${answer}`)
  await pausing
  return {
    socket,
    resume: () => controller?.resume(),
    read,
    settled: async () => {
      for (let turn = 0; turn < 4; turn++) {
        const other = connect(port, '127.0.0.1')
        const [there] = (await once(server, 'connection')) as [Socket]
        there.end('x')
        await once(other, 'data')
        other.destroy()
      }
    },
  }
}

for (const [name, answer] of Object.entries(FRAMINGS)) {
  test(`a connection that ends while nobody reads ends where its answer does, ${name}`, async t => {
    const half = await pausedAnswer(t, answer)
    half.socket.end()
    await half.settled()
    half.resume()
    assert.equal(await half.read, BODY)
  })

  test(`a connection that is reset while nobody reads is an answer that was broken off, ${name}`, async t => {
    const half = await pausedAnswer(t, answer)
    half.socket.resetAndDestroy()
    await half.settled()
    half.resume()
    assert.equal(await half.read, 'ECONNABORTED')
  })
}

test('a body that falls short of its length is none, where its connection ended while nobody read', async t => {
  const half = await pausedAnswer(t, `Content-Length: ${BODY.length + 1}\r\n\r\n${BODY}`)
  half.socket.end()
  await half.settled()
  half.resume()
  assert.equal(await half.read, 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH')
})

test('a connection that fails is told as what failed', async t => {
  const closed = createServer().listen(0, '127.0.0.1')
  await once(closed, 'listening')
  const { port } = closed.address() as AddressInfo
  closed.close()
  const agent = new Agent({ connect: guardedConnector({ allowPrivate: true, connectTimeoutMs: 2_000 }) })
  t.after(() => agent.destroy())
  await assert.rejects(agent.request({ origin: `http://127.0.0.1:${port}`, path: '/', method: 'GET' }), {
    code: 'ECONNREFUSED',
  })
})
