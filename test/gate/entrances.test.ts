import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { connect as connectTcp, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, it } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { CountersignError } from '../../src/canon/index.js'
import { startGate } from '../../src/gate/index.js'
import { holdSocket } from '../busy-socket.js'
import { TestCa } from '../certificates.js'
import { type AGateOptions, type ARunningGate, aGate, BEARER, billingApi, GRANT, policyOf } from './a-gate.js'
import { exchangeRaw, holdConnection, rawRequest } from './raw-http.js'
import { RecordingUpstream } from './recording-upstream.js'

let dir: string
let tls: { key: string; cert: string }
const opened: { close(): Promise<void> }[] = []
const open = async (options: AGateOptions = {}): Promise<ARunningGate> => {
  const running = await aGate(options)
  opened.push(running)
  return running
}

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gate-'))
  const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')]
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
      ...['-keyout', key, '-out', cert, '-subj', '/CN=localhost'],
      ...['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
    ],
    { stdio: 'ignore' },
  )
  tls = { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') }
})
after(() => rm(dir, { recursive: true }))
afterEach(async () => {
  for (const part of opened.splice(0)) await part.close()
})

async function textOf(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of response as AsyncIterable<Buffer>) parts.push(part)
  return Buffer.concat(parts).toString()
}

describe('the entrances of a gate', () => {
  it('are a port of its own for an API, without a prefix', async () => {
    const running = await open({ ports: { billing: '127.0.0.1:0' } })
    const own = running.gate.addresses().ports.billing as string
    const response = await fetch(`${own}/invoices/in_1`, { headers: { authorization: `Bearer ${GRANT}` } })
    assert.equal(response.status, 200)
    assert.equal(running.upstream.received[0]?.url, '/invoices/in_1')
    running.upstream.answer = (_request, answer) => void answer.writeHead(302, { Location: '/next' }).end()
    const redirect = await fetch(`${own}/invoices`, {
      headers: { authorization: `Bearer ${GRANT}` },
      redirect: 'manual',
    })
    assert.equal(redirect.headers.get('location'), '/next')
  })

  it('are TLS at a port of its own for an API, without a prefix', async () => {
    const running = await open({
      tls: { ...tls, listen: '127.0.0.1:0', ports: { billing: '127.0.0.1:0' } },
    })
    const own = running.gate.addresses().tlsPorts.billing as string
    assert.match(own, /^https:/)
    const headers = { authorization: `Bearer ${GRANT}` }
    const asked = httpsRequest(`${own}/invoices/in_1`, { headers, ca: tls.cert }).end()
    const [response] = (await once(asked, 'response')) as [IncomingMessage]
    assert.equal(await textOf(response), '{"ok":true}')
    assert.equal(running.upstream.received[0]?.url, '/invoices/in_1')
  })

  it('show another certificate to the next connection, and keep theirs where that can’t be used', async t => {
    const running = await open({
      tls: { ...tls, listen: '127.0.0.1:0', ports: { billing: '127.0.0.1:0' } },
    })
    const { tls: https, tlsPorts } = running.gate.addresses()
    const believes = async (base: string | undefined, ca: string): Promise<boolean> => {
      const asked = httpsRequest(`${base}/`, { ca, agent: false }).end()
      return await once(asked, 'response').then(
        ([response]) => (response as IncomingMessage).resume() !== null,
        () => false,
      )
    }
    const authority = new TestCa(t)
    const { cert, key } = authority.issue('gate', { names: 'IP:127.0.0.1', usage: 'serverAuth' })
    assert.throws(() => running.gate.useCertificate({ cert, key: tls.key }), { code: 'listen_failed' })
    assert.throws(() => running.gate.useCertificate({ cert: 'none', key }), { code: 'listen_failed' })
    for (const base of [https as string, tlsPorts.billing])
      assert.deepEqual([await believes(base, tls.cert), await believes(base, authority.cert)], [true, false])
    running.gate.useCertificate({ cert, key })
    for (const base of [https as string, tlsPorts.billing])
      assert.deepEqual([await believes(base, tls.cert), await believes(base, authority.cert)], [false, true])
  })

  it('are TLS and a Unix socket with the same prefixes', async () => {
    const running = await open({
      tls: { ...tls, listen: '127.0.0.1:0' },
      unix: join(dir, 'gate.sock'),
    })
    const { tls: https, unix } = running.gate.addresses()
    const headers = { authorization: `Bearer ${GRANT}` }
    const overTls = httpsRequest(`${https}/billing/invoices`, { headers, ca: tls.cert }).end()
    const [first] = (await once(overTls, 'response')) as [IncomingMessage]
    assert.equal(await textOf(first), '{"ok":true}')
    const overUnix = httpRequest({
      socketPath: (unix as string).slice('unix:'.length),
      path: '/billing/invoices',
      headers,
    }).end()
    const [second] = (await once(overUnix, 'response')) as [IncomingMessage]
    assert.equal(await textOf(second), '{"ok":true}')
  })

  it('attack: let go of a connection that never begins its handshake', async t => {
    const running = await open({ tls: { ...tls, listen: '127.0.0.1:0' }, limits: { headersMs: 200 } })
    const silent = await holdConnection(t, running.gate.addresses().tls as string, '127.0.0.1')
    const deadline = AbortSignal.timeout(10_000)
    const gone = await once(silent.resume(), 'close', { signal: deadline }).catch(() => null)
    silent.destroy()
    assert.notEqual(gone, null)
  })

  it('say how long they keep a connection that is idle', async () => {
    const { call } = await open({ limits: { keepAliveMs: 7_000 } })
    assert.equal((await call('/invoices')).headers.get('keep-alive'), 'timeout=7')
  })

  it('take the place of a socket that a crash left behind, and not of one that answers', async () => {
    const path = join(dir, 'taken.sock')
    const other = createServer().listen(path)
    await once(other, 'listening')
    await assert.rejects(open({ unix: path }), { code: 'listen_failed' })
    await writeFile(join(dir, 'file'), '')
    await assert.rejects(open({ unix: join(dir, 'file') }), { code: 'listen_failed' })
    other.close()
  })

  it('leave the socket to a gate that is too busy to answer on it', async t => {
    const path = join(dir, 'busy.sock')
    await holdSocket(t, path)
    await assert.rejects(open({ unix: path }), { code: 'listen_failed' })
  })

  it('say what is wrong with an address', async () => {
    for (const listen of ['nowhere', '127.0.0.1:99999', 'unix:relative', '']) {
      await assert.rejects(
        open({ listen }),
        (error: unknown) => error instanceof CountersignError && error.code === 'listen_invalid',
      )
    }
  })

  it('answer probes at a door of their own, and nothing else there', async () => {
    const running = await open({ probes: '127.0.0.1:0' })
    const line = running.log.map(text => JSON.parse(text)).find(({ door }) => door === 'probes')
    for (const path of ['/livez', '/readyz', '/metrics'])
      assert.equal((await fetch(line.address + path)).status, 200, path)
    const headers = { authorization: `Bearer ${GRANT}` }
    assert.equal((await fetch(`${line.address}/billing/invoices`, { headers })).status, 404)
    const answer = await exchangeRaw(line.address, rawRequest('CONNECT evil.example:443', [BEARER]))
    assert.equal(answer.status, 404)
    assert.deepEqual(running.keeper.admitted, [])
  })

  it('attack: HEAD of a probe, or of nothing at their door, is answered without a body', async () => {
    const running = await open({ probes: '127.0.0.1:0' })
    const { address } = running.log.map(text => JSON.parse(text)).find(({ door }) => door === 'probes')
    for (const base of [running.url, address])
      for (const path of ['/livez', '/readyz', '/metrics']) {
        const answer = await exchangeRaw(base, rawRequest(`HEAD ${path}`, []))
        assert.deepEqual([answer.status, answer.body], [200, ''], path)
        assert.match(answer.head, /^Content-Length: [1-9]/m)
      }
    const nothing = await exchangeRaw(address, rawRequest('HEAD /billing/invoices', [BEARER]))
    assert.deepEqual([nothing.status, nothing.body], [404, ''])
  })

  it('attack: answer probes while somebody else holds all the connections that there are', async t => {
    const running = await open({ probes: '127.0.0.1:0' })
    const { address } = running.log.map(text => JSON.parse(text)).find(({ door }) => door === 'probes')
    for (let i = 0; i < 200; i++) await holdConnection(t, address, '127.0.0.2')
    assert.equal((await fetch(`${address}/livez`)).status, 200)
  })

  it('present the pod’s identity where the word for it stands, as it is in the file by then', async t => {
    const dir = await mkdtemp(join(tmpdir(), 'gate-'))
    t.after(() => rm(dir, { recursive: true, force: true }))
    const podTokenFile = join(dir, 'grant')
    const running = await open({ podTokenFile })
    const headers = { authorization: 'Bearer countersign-pod' }
    assert.equal((await running.call('/invoices', { headers })).status, 401)
    await writeFile(podTokenFile, `${GRANT}\n`)
    assert.equal((await running.call('/invoices', { headers })).status, 200)
    assert.deepEqual(running.keeper.admitted.at(-1)?.presented, { slot: 'bearer', token: GRANT })
    assert.ok(!running.log.join('').includes(GRANT))
  })

  it('answer probes on the main listener alone', async () => {
    const running = await open({ ports: { billing: '127.0.0.1:0' } })
    for (const path of ['/livez', '/readyz', '/metrics'])
      assert.equal((await fetch(running.url + path)).status, 200, path)
    const own = running.gate.addresses().ports.billing as string
    for (const path of ['/livez', '/readyz', '/metrics'])
      assert.equal((await fetch(own + path)).status, 401, path)
    assert.equal((await fetch(`${running.url}/livez?x=1`)).status, 404)
  })
})

describe('the metrics', () => {
  it('count by API, effect and code, and no agent can grow their labels', async () => {
    const running = await open()
    await running.call('/invoices')
    await running.call('/unheard-of')
    for (let i = 0; i < 20; i++) await fetch(`${running.url}/random-${i}/x`)
    await exchangeRaw(running.url, rawRequest('GET /billing/invoices', [BEARER, 'X-Api-Key: k']))
    await exchangeRaw(running.url, 'no http\r\n\r\n')
    const text = await (await fetch(`${running.url}/metrics`)).text()
    for (const line of [
      'countersign_requests_total{api="billing",effect="allow",code="allowed"} 1',
      'countersign_requests_total{api="billing",effect="deny",code="no_matching_rule"} 1',
      'countersign_requests_total{api="",effect="deny",code="unknown_api"} 20',
      'countersign_foreign_credentials_total{api="billing"} 1',
      'countersign_malformed_connections_total 1',
      'countersign_upstream_seconds_count{api="billing"} 1',
      'countersign_keeper_up 1',
      'countersign_open_requests 0',
      'countersign_policy_expires_timestamp_seconds 1800000000',
      'countersign_enrolment_expires_timestamp_seconds 1900000000',
    ])
      assert.ok(text.includes(line), `${line}\n${text}`)
    assert.ok(!text.includes('random-'))
  })

  it('have no expiry while no policy is in force, rather than one of 1970', async () => {
    const running = await open()
    const before = await (await fetch(`${running.url}/metrics`)).text()
    assert.match(before, /^countersign_policy_expires_timestamp_seconds /m)
    running.keeper.setPolicy(null)
    const after = await (await fetch(`${running.url}/metrics`)).text()
    assert.doesNotMatch(after, /^countersign_policy_expires_timestamp_seconds /m)
  })
})

describe('without a keeper', () => {
  it('that answers nothing is forwarded: 503 in the dialect', async () => {
    const running = await open({ dialect: 'graphql' })
    running.keeper.gone = true
    const response = await running.call('/invoices')
    assert.equal(response.status, 503)
    const { errors } = (await response.json()) as { errors: { extensions: { code: string } }[] }
    assert.equal(errors[0]?.extensions.code, 'keeper_gone')
    assert.equal(running.upstream.received.length, 0)
  })

  it('that is gone, and its policy with it, the agent reads that the keeper is', async () => {
    const running = await open()
    running.keeper.gone = true
    running.keeper.setPolicy(null)
    const response = await running.call('/invoices')
    assert.equal(response.status, 503)
    assert.match(await response.text(), /"code":"keeper_gone"/)
  })

  it('that has a policy nothing is forwarded, and the gate is not ready', async () => {
    const running = await open()
    running.keeper.setPolicy(null)
    const response = await running.call('/invoices')
    assert.equal(response.status, 503)
    assert.match(await response.text(), /"code":"no_policy"/)
    assert.equal((await fetch(`${running.url}/readyz`)).status, 503)
    assert.equal((await fetch(`${running.url}/livez`)).status, 200)
    assert.equal(running.upstream.received.length, 0)
  })
})

describe('a policy that changes', () => {
  it('brings and takes APIs without listening anew', async () => {
    const running = await open()
    const view = running.keeper.policy()
    assert.ok(view)
    const second = { ...billingApi(running.upstream.origin), name: 'ledgers' }
    running.keeper.setPolicy(policyOf('sha256:two', ...view.apis, second))
    const call = (api: string) =>
      fetch(`${running.url}/${api}/invoices`, { headers: { authorization: `Bearer ${GRANT}` } })
    assert.equal((await call('ledgers')).status, 200)
    running.keeper.setPolicy(policyOf('sha256:three', second))
    assert.equal((await call('billing')).status, 404)
    assert.equal((await call('ledgers')).status, 200)
  })

  it('while a request is decided makes it be classified again, with the same body', async () => {
    const running = await open()
    const api = billingApi(running.upstream.origin)
    running.keeper.onAdmit = () => {
      if (running.keeper.admitted.length === 1) running.keeper.setPolicy(policyOf('sha256:two', api))
    }
    const body = '{"amount":5}'
    const response = await running.call('/invoices', {
      method: 'POST',
      body,
      headers: { 'Content-Type': 'application/json' },
    })
    assert.equal(response.status, 200)
    assert.deepEqual(
      running.keeper.admitted.map(({ policyCid }) => policyCid),
      ['sha256:one', 'sha256:two'],
    )
    assert.equal(running.upstream.received.length, 1)
    assert.equal(running.upstream.received[0]?.body.toString(), body)
  })

  it('again and again is given up on', async () => {
    const running = await open()
    const api = billingApi(running.upstream.origin)
    let version = 1
    running.keeper.onAdmit = () => running.keeper.setPolicy(policyOf(`sha256:${++version}`, api))
    const response = await running.call('/invoices')
    assert.equal(response.status, 503)
    assert.match(await response.text(), /"code":"policy_moving"/)
    assert.equal(running.keeper.admitted.length, 3)
  })

  it('to one that cannot be opened is not served', async () => {
    const running = await open()
    const api = billingApi(running.upstream.origin)
    running.keeper.setPolicy(
      policyOf('sha256:two', { ...api, catalog: { ...api.catalog, body: { routes: 'none' } } }),
    )
    assert.equal((await running.call('/invoices')).status, 503)
    assert.match(running.log.join(''), /catalog_malformed/)
  })
})

describe('the upstream’s certificate', () => {
  it('is verified: an unknown authority is never spoken to', async () => {
    const upstream = await RecordingUpstream.start(tls)
    const running = await open({ upstream })
    const response = await running.call('/invoices')
    assert.equal(response.status, 502)
    assert.equal((await running.keeper.outcome()).status, 'not_sent')
    assert.equal(upstream.received.length, 0)
  })

  it('may come from an authority that the operator names', async () => {
    const upstream = await RecordingUpstream.start(tls)
    const running = await open({ upstream, upstreamTls: { ca: tls.cert } })
    assert.equal((await running.call('/invoices')).status, 200)
    assert.equal(upstream.received.length, 1)
  })
})

describe('a gate under load', () => {
  it('answers 503 beyond its open requests, and takes them again afterwards', async () => {
    const running = await open({ limits: { maxOpenRequests: 2 } })
    const held: (() => void)[] = []
    running.upstream.answer = (_request, response) => void held.push(() => response.end('done'))
    const first = [running.call('/invoices'), running.call('/invoices')]
    while (held.length < 2) await new Promise(resolve => setImmediate(resolve))
    const third = await running.call('/invoices')
    assert.equal(third.status, 503)
    assert.match(await third.text(), /"code":"gate_busy"/)
    for (const finish of held) finish()
    for (const response of await Promise.all(first)) assert.equal(await response.text(), 'done')
    running.upstream.answer = (_request, response) => void response.end('done')
    assert.equal((await running.call('/invoices')).status, 200)
  })

  it('makes room by TLS as well: connections without a handshake, and idle ones behind theirs', async () => {
    const running = await open({
      tls: { ...tls, listen: '127.0.0.1:0' },
      limits: { maxConnections: 2 },
    })
    const { tls: https } = running.gate.addresses()
    const { port } = new URL(https as string)
    const silent = connectTcp(Number(port), '127.0.0.1')
    const idle = connectTls({ port: Number(port), host: '127.0.0.1', ca: tls.cert })
    idle.on('error', () => undefined)
    await once(idle, 'secureConnect')
    idle.write('GET /billing/invoices HTTP/1.1\r\nHost: gate.test\r\n\r\n')
    await once(idle, 'data')
    const gone = Promise.all([once(silent, 'close'), once(idle, 'close')])
    for (let call = 0; call < 3; call++) {
      const headers = { authorization: `Bearer ${GRANT}` }
      const agent = new HttpsAgent({ keepAlive: true, ca: tls.cert })
      opened.push({ close: async () => agent.destroy() })
      const asked = httpsRequest(`${https}/billing/invoices`, { headers, agent }).end()
      const [response] = (await once(asked, 'response')) as [IncomingMessage]
      assert.equal(response.statusCode, 200)
      response.resume()
      await once(response, 'end')
    }
    await gone
  })

  it('that closes lets open requests end and loses no outcome', async () => {
    const running = await open()
    let finish = (): void => {}
    const asked = new Promise<void>(resolve => {
      running.upstream.answer = (_request, response) => {
        finish = () => void response.end('done')
        resolve()
      }
    })
    const pending = running.call('/invoices')
    await asked
    const closed = running.gate.close()
    finish()
    const answer = await pending
    assert.equal(await answer.text(), 'done')
    assert.equal(answer.headers.get('connection'), 'close', 'the agent is told to let go')
    await closed
    assert.equal(running.keeper.settled.length, 1)
    await assert.rejects(fetch(running.url))
  })

  it('that closes waits for no agent that keeps its connection when its answer is through', async () => {
    const running = await open({ limits: { closeMs: 600_000 } })
    let finish = (): void => {}
    running.upstream.answer = (_request, response) => {
      response.write('be')
      finish = () => void response.end('gun')
    }
    const answer = await running.call('/invoices')
    const closed = running.gate.close()
    finish()
    assert.equal(await answer.text(), 'begun')
    await closed
  })

  it('attack: that closes waits for no agent that asked for a tunnel and keeps its side of it', async t => {
    const { gate, url } = await open({ limits: { upstreamMs: 600_000 } })
    const { hostname, port } = new URL(url)
    const agent = connectTcp({ host: hostname, port: Number(port), allowHalfOpen: true })
    t.after(() => void agent.destroy())
    agent.write(`CONNECT evil.test:443 HTTP/1.1\r\nHost: gate.test\r\n${BEARER}\r\n\r\n`)
    agent.resume()
    await once(agent, 'end')
    await gate.close()
  })

  it('that closes cuts what does not end, and settles it', async () => {
    const running = await open({ limits: { closeMs: 50 } })
    const asked = new Promise<void>(resolve => {
      running.upstream.answer = () => resolve()
    })
    const pending = running.call('/invoices')
    await asked
    await running.gate.close()
    assert.equal((await running.keeper.outcome()).status, 'aborted')
    assert.equal((await pending).status, 503)
  })

  it('starts nothing where one of its listeners cannot be opened', async () => {
    const running = await open()
    const port = new URL(running.url).port
    const { keeper } = running
    const free = await startGate({
      listen: `127.0.0.1:${port}`,
      keeper,
      logger: (await import('pino')).pino({ level: 'silent' }),
    }).catch((error: unknown) => error)
    assert.ok(free instanceof CountersignError)
    assert.equal(free.code, 'listen_failed')
  })
})

describe('the log', () => {
  it('holds no grant, no credential, no target and no header value', async () => {
    const running = await open()
    await running.call('/invoices/in_secret?expand=hidden', { headers: { 'If-Match': '"etag-value"' } })
    await running.call('/unheard/of_secret?token=abc')
    running.upstream.answer = request => void request.socket.destroy()
    await running.call('/invoices/in_secret')
    const log = running.log.join('')
    assert.ok(log.includes('"msg":"refused"') && log.includes('"msg":"upstream failed"'))
    for (const secret of [GRANT, 'minted-credential', 'in_secret', 'of_secret', 'hidden', 'etag-value'])
      assert.ok(!log.includes(secret), secret)
  })
})
