import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { keepRoom } from '../../src/gate/room.js'
import { holdConnection } from './raw-http.js'

async function serverWithRoom(t: TestContext, most: number): Promise<string> {
  const server = createServer((_request, response) => void response.end('yes'))
  keepRoom(server, most)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('a door with room for few', () => {
  it('attack: who comes again and again pushes out only his own, the oldest first', async t => {
    const url = await serverWithRoom(t, 3)
    const kubelet = await holdConnection(t, url, '127.0.0.1')
    const gone: number[] = []
    const theirs = []
    for (let i = 0; i < 5; i++) {
      const socket = await holdConnection(t, url, '127.0.0.2')
      socket.once('close', () => gone.push(i))
      theirs.push(socket)
    }
    while (gone.length < 3) await new Promise(resolve => setImmediate(resolve))
    assert.deepEqual(gone, [0, 1, 2])
    kubelet.write('GET / HTTP/1.1\r\nHost: gate.test\r\n\r\n')
    assert.match(String(await once(kubelet, 'data')), /^HTTP\/1\.1 200 /)
    assert.equal(theirs[4]?.destroyed, false)
  })

  it('has room again when somebody leaves', async t => {
    const url = await serverWithRoom(t, 2)
    const first = await holdConnection(t, url, '127.0.0.1')
    for (let i = 0; i < 5; i++) {
      const next = await holdConnection(t, url, '127.0.0.2')
      next.end('GET / HTTP/1.1\r\nHost: gate.test\r\nConnection: close\r\n\r\n')
      await once(next.resume(), 'close')
    }
    first.write('GET / HTTP/1.1\r\nHost: gate.test\r\n\r\n')
    assert.match(String(await once(first, 'data')), /^HTTP\/1\.1 200 /)
  })
})
