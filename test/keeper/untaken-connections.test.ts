import assert from 'node:assert/strict'
import { Server } from 'node:net'
import { test } from 'node:test'
import { House, operation } from './keeper-fixture.js'

/** What Node makes of an `accept` that fails, for want of a descriptor or of memory. */
const UNTAKEN = Object.assign(new Error('accept EMFILE'), { code: 'EMFILE', syscall: 'accept' })

test('a keeper goes on where its sockets can’t take a connection', async t => {
  const servers: Server[] = []
  const { listen } = Server.prototype
  t.mock.method(Server.prototype, 'listen', function (this: Server, ...given: unknown[]) {
    servers.push(this)
    return listen.apply(this, given as Parameters<typeof listen>)
  })
  const house = await House.build(t)
  await house.start()
  assert.equal(servers.length, 2, 'the link and the admin socket')
  // Twice: a listener for the first alone would not do.
  for (const server of [...servers, ...servers]) server.emit('error', UNTAKEN)
  const { verdict } = await house.ask(await house.connect(), operation('GET /invoices'))
  assert.equal(verdict.kind, 'refuse')
  assert.equal((await house.admin('GET', '/v1/status')).status, 200)
})
