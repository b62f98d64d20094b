import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { request } from 'node:https'
import { connect as connectPlain, createServer } from 'node:net'
import { json } from 'node:stream/consumers'
import { describe, it, type TestContext } from 'node:test'
import { connect, type SecureVersion } from 'node:tls'
import { CountersignError, encodeEnvelope, type JsonObject, parseStrictJson } from '../../src/canon/index.js'
import type { RemoteAdminOptions, RemoteTls } from '../../src/keeper/index.js'
import { type SignedOperateOrder, sealOperateOrder } from '../../src/policy/index.js'
import { type Issued, TestCa } from '../certificates.js'
import { House, ORIGIN, ofType, onTheWire, signingKey, until } from './keeper-fixture.js'

const LOOPBACK = { names: 'IP:127.0.0.1' }

/** A keeper that is served to other machines, and one of them. */
async function scene(t: TestContext) {
  const ca = new TestCa(t)
  const keeper: Issued = ca.issue('keeper', { ...LOOPBACK, usage: 'serverAuth' })
  const files: { tls: RemoteTls | CountersignError; changed: () => void } = {
    tls: { cert: keeper.cert, key: keeper.key, ca: ca.cert },
    changed: () => assert.fail('nothing is watched'),
  }
  const remoteAdmin: RemoteAdminOptions = {
    host: '127.0.0.1',
    port: 0,
    tls: () => {
      if (files.tls instanceof CountersignError) throw files.tls
      return files.tls
    },
    watch: onChange => {
      files.changed = onChange
      return () => undefined
    },
  }
  const house = await House.build(t)
  const { ledger } = await house.start({ remoteAdmin })
  const noted = house.logged.find(({ sentence }) => sentence === 'the keeper is served to other machines')
  const { at } = (noted ?? assert.fail('it listens nowhere')).facts as { at: string }
  const port = Number(new URL(at).port)
  const client = ca.issue('maria’s laptop', { usage: 'clientAuth' })
  return {
    ca,
    keeper,
    files,
    house,
    ledger,
    port,
    client,
    ask: (method: string, path: string, body?: unknown, as: Partial<RemoteTls> = client) =>
      ask(port, ca, as, method, path, body),
  }
}

/** One request over a connection of its own; rejects where TLS doesn't let it through. */
async function ask(
  port: number,
  ca: TestCa,
  { cert, key }: Partial<RemoteTls>,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number | undefined; body: JsonObject }> {
  const asked = request({
    ...{ host: '127.0.0.1', port, method, path, ca: ca.cert, cert, key, agent: false },
    headers: { 'content-type': 'application/json' },
  })
  asked.end(body === undefined ? undefined : JSON.stringify(body))
  const [answer] = await once(asked, 'response')
  return { status: answer.statusCode, body: (await json(answer)) as JsonObject }
}

const HALT = { of: { scope: 'agent', agent: 'coder' }, by: 'maria', because: 'It goes on deleting.' }

describe('a keeper that is served to other machines', () => {
  it('shows them what waits, what is stopped, what was decided and what is allowed', async t => {
    const { ask, ledger } = await scene(t)
    const status = await ask('GET', '/v1/status')
    assert.deepEqual([status.status, status.body.chain], [200, ledger.chain])
    for (const path of [
      '/v1/approvals',
      '/v1/stops',
      '/v1/receipts',
      '/v1/receipts/0',
      '/v1/grants',
      '/v1/policy',
    ])
      assert.equal((await ask('GET', path)).status, 200, path)
    const unknown = await ask('GET', `/v1/approvals/${randomUUID()}`)
    assert.equal(unknown.body.code, 'approval_unknown')
  })

  it('attack: does nothing else for them, whoever has signed it', async t => {
    const { ask, house, ledger } = await scene(t)
    const order = onTheWire(house.order())
    const issued = await house.admin('POST', '/v1/grants', { order: onTheWire(house.order()) })
    const { size } = ledger.head()
    const refused: readonly [string, string, unknown?][] = [
      ['POST', '/v1/grants', { order }],
      ['POST', `/v1/grants/${issued.body.jti}/revoke`],
      ['POST', '/v1/policy/reload'],
      ['POST', '/v1/keys/reload'],
      ['POST', '/v1/erasures', { order }],
      ['POST', '/v1/archives', { order }],
      ['GET', '/v1/archives'],
      ['GET', `/v1/inputs/${randomUUID()}`],
      ['GET', '/v1/why/0'],
      ['GET', '/v1/checkpoint'],
      ['GET', '/v1/proofs/inclusion?seq=0&size=1'],
      ['GET', '/v1/proofs/consistency?from=1&size=1'],
      ['DELETE', '/v1/stops'],
      ['GET', '/V1/STATUS/'],
    ]
    for (const [method, path, body] of refused) {
      const answer = await ask(method, path, body)
      assert.deepEqual([answer.status, answer.body.code], [403, 'not_remote'], `${method} ${path}`)
    }
    assert.equal(ledger.head().size, size)
    const { grants } = (await ask('GET', '/v1/grants')).body as { grants: { revoked: boolean }[] }
    assert.deepEqual(
      grants.map(({ revoked }) => revoked),
      [false],
    )
    assert.equal((await house.admin('POST', '/v1/grants', { order })).status, 200, 'the order was good')
  })

  it('lets them halt, and go on by an order of the operate role alone; the log names the certificate', async t => {
    const { ask, house, ledger } = await scene(t)
    assert.equal((await ask('POST', '/v1/stops/halt', HALT)).status, 200)
    const [halted] = await ofType(ledger, 'halt')
    assert.deepEqual([halted?.data.action, halted?.data.agent, halted?.data.by], ['halted', 'coder', 'maria'])
    const order = (key = house.enrolKey) => {
      const resume = {
        ...{ v: 1, origin: ORIGIN, by: 'jo', because: 'sorted out', t: house.clock.nowMs() },
        ...{ nonce: randomUUID(), action: 'resume', of: HALT.of },
      } as SignedOperateOrder
      return { order: parseStrictJson(encodeEnvelope(sealOperateOrder(resume, [key]))) }
    }
    assert.equal((await ask('POST', '/v1/stops/resume', {})).body.code, 'operate_order_malformed')
    assert.equal(
      (await ask('POST', '/v1/stops/resume', order(signingKey()))).body.code,
      'signing_key_unknown',
    )
    assert.equal((await ask('POST', '/v1/stops/resume', order())).status, 200)
    const notes = house.logged.filter(({ sentence }) => sentence === 'another machine asks')
    assert.deepEqual(
      notes.map(({ facts }) => {
        const { client, route, fingerprint } = facts as Record<string, unknown>
        return [client, route, typeof fingerprint]
      })[0],
      ['maria’s laptop', '/v1/stops/halt', 'string'],
    )
  })

  it('bounds what they send', async t => {
    const { ask } = await scene(t)
    const { body } = await ask('POST', '/v1/stops/halt', { ...HALT, because: 'x'.repeat(70_000) })
    assert.equal(body.code, 'admin_malformed')
  })

  it('starts nothing where the port is taken', async t => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    t.after(() => taken.close())
    const ca = new TestCa(t)
    const { cert, key } = ca.issue('keeper', LOOPBACK)
    const house = await House.build(t)
    const { port } = taken.address() as { port: number }
    const remoteAdmin: RemoteAdminOptions = {
      ...{ host: '127.0.0.1', port },
      tls: () => ({ cert, key, ca: ca.cert }),
      watch: () => () => undefined,
    }
    await assert.rejects(house.start({ remoteAdmin }), { code: 'remote_listen_failed' })
    await assert.rejects(house.admin('GET', '/v1/status'), 'the socket is closed again')
  })
})

describe('the door for other machines', () => {
  it('attack: stays shut without a client certificate, and says so in the handshake', async t => {
    const { ask, house, ledger } = await scene(t)
    const { size } = ledger.head()
    await assert.rejects(ask('POST', '/v1/stops/halt', HALT, {}), {
      code: 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
    })
    assert.equal(ledger.head().size, size)
    assert.equal((await house.admin('GET', '/v1/stops')).status, 200)
  })

  const strangers: Record<string, (t: TestContext, ca: TestCa, keeper: Issued) => Issued> = {
    'of another CA with the same name': t => new TestCa(t).issue('maria’s laptop', { usage: 'clientAuth' }),
    'that has ended': (_t, ca) => ca.issue('maria’s laptop', { usage: 'clientAuth', days: -1 }),
    'that is for servers, the keeper’s own': (_t, _ca, keeper) => keeper,
  }
  for (const [what, strangerOf] of Object.entries(strangers))
    it(`attack: stays shut for a certificate ${what}`, async t => {
      const { ask, ca, keeper, ledger } = await scene(t)
      const { size } = ledger.head()
      await assert.rejects(ask('POST', '/v1/stops/halt', HALT, strangerOf(t, ca, keeper)), {
        code: 'ECONNRESET',
      })
      assert.equal(ledger.head().size, size)
    })

  it('attack: stays shut for TLS 1.2, with a good certificate too', async t => {
    const { port, ca, client } = await scene(t)
    const handshake = async (maxVersion: SecureVersion) => {
      const { cert, key } = client
      const socket = connect({ host: '127.0.0.1', port, ca: ca.cert, cert, key, maxVersion })
      t.after(() => socket.destroy())
      await once(socket, 'secureConnect')
      return socket.getProtocol()
    }
    await assert.rejects(handshake('TLSv1.2'), /PROTOCOL_VERSION|protocol version/i)
    assert.equal(await handshake('TLSv1.3'), 'TLSv1.3')
  })

  for (const [who, certified] of [
    ['without a certificate', false],
    ['with a certificate', true],
  ] as const)
    it(`attack: one ${who} who holds connections without end keeps nobody else out`, async t => {
      const { port, ca, client, ask } = await scene(t)
      const { cert, key } = ca.issue('jo’s laptop', { usage: 'clientAuth' })
      const from = { host: '127.0.0.1', port, localAddress: '127.0.0.2' }
      const ended: number[] = []
      for (let i = 0; i < 64; i++) {
        const socket = certified ? connect({ ...from, ca: ca.cert, cert, key }) : connectPlain(from)
        t.after(() => socket.destroy())
        // What the keeper resets is no fault here.
        socket.on('error', () => undefined)
        socket.once('close', () => ended.push(i))
        await once(socket, certified ? 'secureConnect' : 'connect')
      }
      await until(() => ended.length >= 48)
      // Not for their age: those that came first would be the first to go.
      assert.equal(Math.min(...ended), 16)
      assert.equal((await ask('POST', '/v1/stops/halt', HALT, client)).status, 200)
    })

  it('attack: one with many addresses and no certificate, who holds connections without end, keeps nobody out', async t => {
    const { port, ask, client } = await scene(t)
    for (let i = 0; i < 100; i++) {
      const socket = connectPlain({ host: '127.0.0.1', port, localAddress: `127.0.1.${1 + (i % 10)}` })
      t.after(() => socket.destroy())
      // What the keeper resets is no fault here.
      socket.on('error', () => undefined)
      await once(socket, 'connect')
    }
    assert.equal((await ask('POST', '/v1/stops/halt', HALT, client)).status, 200)
  })

  it('attack: resumes no session, so that each connection shows a certificate', async t => {
    const { port, ca, client } = await scene(t)
    const { cert, key } = client
    const sessions: Buffer[] = []
    const reused = async (session?: Buffer) => {
      const socket = connect({ host: '127.0.0.1', port, ca: ca.cert, cert, key, ...(session && { session }) })
      t.after(() => socket.destroy())
      socket.on('session', each => sessions.push(each))
      await once(socket, 'secureConnect')
      const told = once(socket, 'data')
      socket.write('GET /v1/stops HTTP/1.1\r\nHost: keeper\r\n\r\n')
      assert.match(String(await told), /^HTTP\/1\.1 200 /)
      return socket.isSessionReused()
    }
    await reused()
    for (const session of [undefined, ...sessions]) assert.equal(await reused(session), false)
  })

  it('attack: who asks and hangs up is in the log', async t => {
    const { port, ca, client, house, ledger } = await scene(t)
    const { cert, key } = client
    const socket = connect({ host: '127.0.0.1', port, ca: ca.cert, cert, key })
    await once(socket, 'secureConnect')
    const body = JSON.stringify(HALT)
    const head = `POST /v1/stops/halt HTTP/1.1\r\nHost: k\r\nContent-Type: application/json\r\nContent-Length: ${body.length}`
    socket.write(`${head}\r\n\r\n${body}`, () => socket.destroy())
    await until(async () => (await ofType(ledger, 'halt')).length === 1)
    const [note] = house.logged.filter(({ sentence }) => sentence === 'another machine asks')
    assert.ok(note !== undefined && 'client' in note.facts)
    assert.equal(note.facts.client, 'maria’s laptop')
  })

  it('attack: a client that never pauses is parted from once its CA is replaced', async t => {
    const { port, ca, client, keeper, files, house } = await scene(t)
    const { cert, key } = client
    const socket = connect({ host: '127.0.0.1', port, ca: ca.cert, cert, key })
    t.after(() => socket.destroy())
    await once(socket, 'secureConnect')
    const body = JSON.stringify(HALT)
    const head = `POST /v1/stops/halt HTTP/1.1\r\nHost: k\r\nContent-Type: application/json\r\nContent-Length: ${body.length}`
    socket.write(`${head}\r\n\r\n`)
    await until(() => house.logged.some(({ sentence }) => sentence === 'another machine asks'))
    files.tls = { cert: keeper.cert, key: keeper.key, ca: new TestCa(t).cert }
    files.changed()
    const ended = once(socket, 'end')
    const told = once(socket, 'data')
    socket.write(body)
    assert.match(String(await told), /^HTTP\/1\.1 200 .*connection: close/is)
    await ended
  })

  it('follows its files: another CA lets other machines in, and what can’t be used changes nothing', async t => {
    const { ask, ca, keeper, files, client, house } = await scene(t)
    const next = new TestCa(t)
    const other = next.issue('jo’s laptop', { usage: 'clientAuth' })
    const letsIn = (as: Issued) =>
      ask('GET', '/v1/stops', undefined, as).then(
        () => true,
        () => false,
      )
    assert.deepEqual([await letsIn(client), await letsIn(other)], [true, false])
    const stranger = ca.issue('keeper', LOOPBACK)
    files.tls = { cert: keeper.cert, key: stranger.key, ca: next.cert }
    files.changed()
    files.tls = new CountersignError('unusable', { status: null, sentence: 'No.', mend: 'No.' })
    files.changed()
    assert.deepEqual([await letsIn(client), await letsIn(other)], [true, false])
    assert.equal(house.logged.filter(({ sentence }) => /stay as they were/.test(sentence)).length, 2)
    files.tls = { cert: keeper.cert, key: keeper.key, ca: next.cert }
    files.changed()
    assert.deepEqual([await letsIn(client), await letsIn(other)], [false, true])
  })
})
